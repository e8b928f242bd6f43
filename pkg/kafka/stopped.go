package kafka

import (
	"context"
	"time"
)

// Where the end of a short time is noticed late, this process did not run meanwhile, for
// the machine was busy or was stopped: that says nothing of the brokers, and the time
// begins again, so often.
const (
	stopped   = 50 * time.Millisecond
	mostStops = 5
)

// unstopped does something for no longer than limit, in which this process has to run.
func unstopped(ctx context.Context, limit time.Duration, do func(context.Context) error) error {
	for tries := 1; ; tries++ {
		begun := time.Now()
		limited, cancel := context.WithTimeout(ctx, limit)
		err := do(limited)
		cancel()
		if err == nil || ctx.Err() != nil || tries == mostStops || time.Since(begun) < limit+stopped {
			return err
		}
	}
}

// How long the cluster may not know a topic, and in how many answers: a new one takes a
// moment, and who was stopped meanwhile has not asked.
const (
	goneAfter   = 5 * time.Second
	goneAnswers = 5
)

// absence is that the cluster does not know a topic; zero = it does.
type absence struct {
	since   time.Time
	answers int
}

// goesOn notes an answer without the topic, and tells whether there were too many.
func (a *absence) goesOn(now time.Time) (gone bool) {
	if a.answers++; a.since.IsZero() {
		a.since = now
	}
	return a.answers >= goneAnswers && now.Sub(a.since) >= goneAfter
}
