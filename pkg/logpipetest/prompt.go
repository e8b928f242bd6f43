package logpipetest

import (
	"sync"
	"testing"
	"time"
)

// promptRuns is how often Prompt and Allocs measure at most.
const promptRuns = 5

// Prompt runs f, which must not take longer than limit. What counts is the time in
// which this process ran, and a run that takes longer is measured again: a machine that
// is busy with other tests may stop any single one.
func Prompt(t testing.TB, limit time.Duration, f func()) {
	t.Helper()
	var took []time.Duration
	for range promptRuns {
		d := ranFor(f)
		if d <= limit || t.Failed() {
			return
		}
		took = append(took, d.Round(time.Millisecond))
	}
	t.Errorf("it takes %v, more than %v each time", took, limit)
}

// promptTick is how finely time is counted.
const promptTick = 5 * time.Millisecond

// ranFor runs f and counts how long that takes in ticks: those of a time in which the
// process is stopped are dropped, but for one.
func ranFor(f func()) time.Duration {
	tick := time.NewTicker(promptTick)
	defer tick.Stop()
	over, counted := make(chan struct{}), make(chan time.Duration, 1)
	end := sync.OnceFunc(func() { close(over) })
	defer end() // also where f ends the test
	go func() {
		for ran := time.Duration(0); ; {
			select {
			case <-tick.C:
				ran += promptTick
			case <-over:
				counted <- ran
				return
			}
		}
	}()
	f()
	end()
	return <-counted
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
