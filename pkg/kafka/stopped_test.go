package kafka

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// TestUnstopped holds that a time whose end is noticed late begins again, and no other
// failure is tried again.
func TestUnstopped(t *testing.T) {
	const limit = time.Second
	failed := errors.New("failed")
	for _, c := range []struct {
		name  string
		takes []time.Duration // in which nobody looks at the limit; 0 = waits for it
		fails error
		want  error
		tries int
	}{
		{"at once", []time.Duration{time.Millisecond}, nil, nil, 1},
		{"fails at once", []time.Duration{time.Millisecond}, failed, failed, 1},
		{"takes all of the time", []time.Duration{0}, nil, context.DeadlineExceeded, 1},
		{"stopped", []time.Duration{5 * time.Second, time.Millisecond}, nil, nil, 2},
		{"stopped twice, then over", []time.Duration{5 * time.Second, 5 * time.Second, 0}, nil, context.DeadlineExceeded, 3},
		{"stopped and failed", []time.Duration{5 * time.Second, time.Millisecond}, failed, failed, 2},
		{"always stopped", []time.Duration{2, 2, 2, 2, 2}, nil, context.DeadlineExceeded, mostStops},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tries := 0
				err := unstopped(t.Context(), limit, func(ctx context.Context) error {
					take := c.takes[tries]
					tries++
					switch {
					case take == 0:
						<-ctx.Done()
					case take < time.Millisecond:
						time.Sleep(limit + stopped)
					default:
						time.Sleep(take)
					}
					if err := ctx.Err(); err != nil {
						return err
					}
					return c.fails
				})
				if !errors.Is(err, c.want) || tries != c.tries {
					t.Errorf("%v after %d tries, want %v after %d", err, tries, c.want, c.tries)
				}
			})
		})
	}
}

// TestUnstoppedEnds holds that nothing begins again for who has ended it.
func TestUnstoppedEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		tries := 0
		err := unstopped(ctx, time.Second, func(ctx context.Context) error {
			tries++
			time.Sleep(5 * time.Second)
			cancel()
			return ctx.Err()
		})
		if err == nil || tries != 1 {
			t.Errorf("%v after %d tries", err, tries)
		}
	})
}

// TestAbsence holds that a topic is gone after a time, in which the cluster was asked.
func TestAbsence(t *testing.T) {
	begun := time.Now()
	for _, c := range []struct {
		name  string
		times []time.Duration
		gone  bool
	}{
		{"asked in its time", []time.Duration{0, 1, 2, 3, 4}, false},
		{"and for long", []time.Duration{0, 1, 2, 3, 4, 5}, true},
		{"stopped between two answers", []time.Duration{0, 6, 6, 6}, false},
		{"asked on behind it", []time.Duration{0, 6, 6, 6, 7}, true},
	} {
		var a absence
		for i, at := range c.times {
			if gone := a.goesOn(begun.Add(at * time.Second)); gone != (c.gone && i == len(c.times)-1) {
				t.Errorf("%s: gone %t at %d s", c.name, gone, at)
			}
		}
	}
}
