package kafka

import (
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
)

func TestParseOffset(t *testing.T) {
	day := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	for in, want := range map[string]Offset{
		"beginning":                  Beginning,
		"earliest":                   Beginning,
		"end":                        End,
		"latest":                     End,
		"0":                          AtOffset(0),
		"123":                        AtOffset(123),
		"-5":                         Last(5),
		"-0":                         Last(0),
		"@2026-11-20":                AtTime(day),
		"@2026-11-20T10:00":          AtTime(day.Add(10 * time.Hour)),
		"@2026-11-20 10:00:05":       AtTime(day.Add(10*time.Hour + 5*time.Second)),
		"@2026-11-20T10:00:00.5Z":    AtTime(day.Add(10*time.Hour + 500*time.Millisecond)),
		"@2026-11-20T10:00:00+02:00": AtTime(day.Add(8 * time.Hour)),
		"@1700000000":                AtTime(time.Unix(1700000000, 0)),
		"@1700000000123":             AtTime(time.UnixMilli(1700000000123)),
		"@-1h":                       {kind: fromAgo, ago: time.Hour},
		"@-2d":                       {kind: fromAgo, ago: 48 * time.Hour},
	} {
		got, err := ParseOffset(in)
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		if got.kind != want.kind || got.n != want.n || got.ago != want.ago || !got.at.Equal(want.at) {
			t.Errorf("%s: %v, want %v", in, got, want)
		}
	}
	for _, in := range []string{"", "middle", "1.5", "--1", "@", "@x", "@-", "@-1", "@--1h", "@700000000000000", "-9223372036854775808", "99999999999999999999"} {
		if got, err := ParseOffset(in); fault.CodeOf(err) != fault.Usage || fault.HintOf(err) != placeHint {
			t.Errorf("%q: %v, %v; want a usage error with a hint", in, got, err)
		}
	}
}

func FuzzParseOffset(f *testing.F) {
	for _, s := range []string{"beginning", "-5", "7", "@2026-11-20T10:00", "@-1h30m", "@1700000000123", "@700000000000000"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		o, err := ParseOffset(s)
		if err != nil {
			return
		}
		again, err := ParseOffset(o.String())
		if err != nil || again.String() != o.String() {
			t.Errorf("%q is %s, which reads as %s: %v", s, o, again, err)
		}
	})
}
