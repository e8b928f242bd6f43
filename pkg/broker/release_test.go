package broker

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kversion"
)

func TestRelease(t *testing.T) {
	of := func(v *kversion.Versions, change func(map[int16]int16)) map[int16]int16 {
		m := map[int16]int16{}
		v.EachMaxKeyVersion(func(key, highest int16) { m[key] = highest })
		if change != nil {
			change(m)
		}
		return m
	}
	for _, c := range []struct {
		name string
		in   map[int16]int16
		want string
	}{
		{"3.7", of(kversion.V3_7_0(), nil), "as Kafka 3.7"},
		{"4.0", of(kversion.V4_0_0(), nil), "as Kafka 4.0"},
		{"0.11", of(kversion.V0_11_0(), nil), "as Kafka 0.11.0"},
		{"a choice", of(kversion.V3_7_0(), func(m map[int16]int16) { delete(m, 75); m[19] = 4; delete(m, 45); m[32] = 1 }), "about as Kafka 3.7"},
		{"nothing", map[int16]int16{18: 0}, "as no release of Kafka"},
	} {
		if got := Release(c.in); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
