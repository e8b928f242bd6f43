package window

import (
	"testing"
	"time"
)

// TestCuts holds which windows fit which zones.
func TestCuts(t *testing.T) {
	const day = 24 * time.Hour
	for _, c := range []struct {
		zone string
		size time.Duration
		want bool
	}{
		{"UTC", day, true}, {"Europe/Berlin", day, false}, {"Europe/Berlin", 7 * day, false}, {"Europe/Berlin", time.Hour, true},
		{"Europe/Berlin", 2 * time.Hour, false}, {"Europe/Berlin", 7 * time.Second, true}, {"Europe/London", day, false},
		{"Africa/Abidjan", day, true}, {"Asia/Kolkata", time.Hour, false}, {"Asia/Kolkata", 10 * time.Minute, true},
	} {
		loc, err := time.LoadLocation(c.zone)
		if err != nil {
			t.Skipf("no zones here: %v", err)
		}
		if w := (Windows{int64(c.size), int64(c.size)}); w.Cuts(loc) != c.want {
			t.Errorf("windows of %v in %s: %v", c.size, c.zone, !c.want)
		}
	}
	if !(Windows{int64(day), int64(day)}).Cuts(nil) {
		t.Error("no zone is UTC")
	}
}
