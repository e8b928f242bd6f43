package source

import (
	"context"
	"math"
	"strconv"

	"github.com/logpipe/logpipe/pkg/flume"
)

// Seq counts: the bodies are the decimal numbers from 0 on.
type Seq struct {
	batch    int
	total    int
	env      flume.Env
	counters counters
}

// NewSeq describes and makes a seq source.
func NewSeq(p *flume.Properties) Source {
	s := &Seq{}
	p.Int(&s.batch, "batchSize", 1, 1, "events in one transaction").In("events")
	p.Int(&s.total, "totalEvents", math.MaxInt, 0, "where to stop").In("events")
	backoff(p)
	return s
}

// backoff describes the pauses of Flume's pollable sources. Sources here wait
// for an event instead of polling, so they have no pause to set.
func backoff(p *flume.Properties) {
	const why = "sources wait for space and for input instead of polling"
	var unused int
	p.Int(&unused, "backoffSleepIncrement", 1000, 0, "pause of an idle source").In("ms").Without(why)
	p.Int(&unused, "maxBackoffSleep", 5000, 0, "longest pause of an idle source").In("ms").Without(why)
}

// Batch is the batchSize.
func (s *Seq) Batch() (string, int) { return "batchSize", s.batch }

// Open has nothing to do.
func (s *Seq) Open(env flume.Env) error {
	s.env, s.counters = env, newCounters(env)
	return nil
}

// Close has nothing to do.
func (s *Seq) Close() error { return nil }

// Run puts the numbers until totalEvents.
func (s *Seq) Run(ctx context.Context, out *Output) error {
	events := make([]flume.Event, 0, min(s.batch, out.MaxBatch()))
	for next := 0; next < s.total; {
		if ctx.Err() != nil {
			return nil
		}
		events = events[:0]
		for ; len(events) < cap(events) && next < s.total; next++ {
			events = append(events, flume.Event{Body: strconv.AppendInt(nil, int64(next), 10)})
		}
		if err := s.counters.put(out, events); err != nil {
			return err
		}
	}
	s.env.Logf("counted to %d, nothing more comes", s.total)
	return nil
}

// Guarantee says what a kill costs.
func (s *Seq) Guarantee() string {
	return "at least once: counts from 0 again after a restart"
}
