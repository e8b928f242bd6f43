package gen

import (
	"testing"

	"github.com/logpipe/logpipe/pkg/fault"
)

func TestParseBatch(t *testing.T) {
	for s, want := range map[string][2]int{"0..50": {0, 50}, "10": {10, 10}, "3..3": {3, 3}, "1..2": {1, 2}} {
		if lo, hi, err := ParseBatch(s); err != nil || lo != want[0] || hi != want[1] {
			t.Errorf("%q: %d, %d, %v", s, lo, hi, err)
		}
	}
	for _, s := range []string{"", "..", "0", "0..0", "5..", "..5", "-1", "-3..5", "9..1", "a", "1..2..3", "1-5", "99999999999999999999"} {
		if _, _, err := ParseBatch(s); fault.CodeOf(err) != fault.Usage {
			t.Errorf("%q: %v", s, err)
		}
	}
	if _, _, err := ParseBatch("50..0"); fault.HintOf(err) != "the smaller size comes first: 0..50" {
		t.Errorf("hint %q", fault.HintOf(err))
	}
}

func TestParseShare(t *testing.T) {
	for s, want := range map[string]float64{"0.1%": 0.001, "0.001": 0.001, "0": 0, "1": 1, "100%": 1, "0%": 0, "5%": 0.05, ".5": 0.5} {
		if got, err := ParseShare(s); err != nil || got != want {
			t.Errorf("%q: %v, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "%", "x", "-1%", "101%", "1.5", "NaN", "Inf%", "1 %", "0.1%%"} {
		if _, err := ParseShare(s); fault.CodeOf(err) != fault.Usage {
			t.Errorf("%q: %v", s, err)
		}
	}
	if _, err := ParseShare("5"); fault.HintOf(err) != "5% is a share of a hundred" {
		t.Errorf("hint %q", fault.HintOf(err))
	}
}

func FuzzParseBatch(f *testing.F) {
	f.Add("0..50")
	f.Add("10")
	f.Fuzz(func(t *testing.T, s string) {
		lo, hi, err := ParseBatch(s)
		if err != nil {
			return
		}
		if _, err := New("behavior", Options{Every: 1, BatchMin: lo, BatchMax: hi}); err != nil || hi == 0 {
			t.Errorf("%q: %d..%d: %v", s, lo, hi, err)
		}
	})
}

func FuzzParseShare(f *testing.F) {
	f.Add("0.1%")
	f.Add("0.001")
	f.Fuzz(func(t *testing.T, s string) {
		if share, err := ParseShare(s); err == nil && !(share >= 0 && share <= 1) {
			t.Errorf("%q: %v", s, share)
		}
	})
}
