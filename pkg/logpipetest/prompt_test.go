package logpipetest

import (
	"testing"
	"testing/synctest"
	"time"
)

// failures records what a test is told.
type failures struct {
	testing.TB
	failed bool
}

func (f *failures) Helper()               {}
func (f *failures) Failed() bool          { return f.failed }
func (f *failures) Errorf(string, ...any) { f.failed = true }

func TestPrompt(t *testing.T) { synctest.Test(t, testPrompt) }

func testPrompt(t *testing.T) {
	for slow, want := range map[int]bool{0: false, promptRuns - 1: false, promptRuns: true} {
		runs := 0
		told := &failures{TB: t}
		Prompt(told, 30*time.Millisecond, func() {
			if runs++; runs <= slow {
				time.Sleep(40 * time.Millisecond)
			}
		})
		if told.failed != want || slow < promptRuns && runs <= slow {
			t.Errorf("%d slow runs of %d: failed %t", slow, runs, told.failed)
		}
	}
}

// TestAllocs holds that what was allocated in all measurements counts, and what was
// in the first ones does not.
func TestAllocs(t *testing.T) {
	var kept []byte
	for last, want := range map[int]float64{0: 0, 30: 0, 1000: 1} {
		runs := 0
		n := Allocs(10, func() {
			if runs++; runs <= last {
				kept = make([]byte, 100)
			}
		})
		if n != want {
			t.Errorf("%d runs that allocate %d bytes: %v, want %v", last, len(kept), n, want)
		}
	}
}
