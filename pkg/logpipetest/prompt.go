package logpipetest

import (
	"testing"
	"time"
)

// promptRuns is how often Prompt and Allocs measure at most.
const promptRuns = 5

// Prompt runs f, which must not take longer than limit. A run that takes longer is
// measured again: a machine that is busy with other tests may stop any single one.
func Prompt(t testing.TB, limit time.Duration, f func()) {
	t.Helper()
	var took []time.Duration
	for range promptRuns {
		begun := time.Now()
		f()
		d := time.Since(begun)
		if d <= limit || t.Failed() {
			return
		}
		took = append(took, d.Round(time.Millisecond))
	}
	t.Errorf("it takes %v, more than %v each time", took, limit)
}

// Allocs is testing.AllocsPerRun, measured again where it is not 0: what goroutines
// allocate that an earlier test has left behind counts too.
func Allocs(runs int, f func()) (least float64) {
	for i := range promptRuns {
		n := testing.AllocsPerRun(runs, f)
		if i == 0 || n < least {
			least = n
		}
		if least == 0 {
			break
		}
	}
	return least
}
