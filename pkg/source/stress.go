package source

import (
	"bytes"
	"context"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
)

// Stress makes equal events as fast as the channels take them.
type Stress struct {
	size          int
	most, success int // -1 = no end
	batch         int
	perSecond     int

	env      flume.Env
	counters counters
}

// NewStress describes and makes a StressSource.
func NewStress(p *flume.Properties) Source {
	s := &Stress{}
	p.Int(&s.size, "size", 500, 0, "length of a body").In("bytes")
	p.Int(&s.most, "maxTotalEvents", -1, -1, "where to stop; -1 = never").In("events")
	p.Int(&s.success, "maxSuccessfulEvents", -1, -1, "where to stop; -1 = never. Sources here wait for space, so that all events succeed").In("events")
	p.Int(&s.batch, "batchSize", 1, 1, "events in one transaction").In("events")
	p.Int(&s.perSecond, "maxEventsPerSecond", 0, 0, "0 = as many as the channels take").In("events").OrNever()
	return s
}

// Batch is the batchSize.
func (s *Stress) Batch() (string, int) { return "batchSize", s.batch }

// Guarantee says what a kill costs.
func (s *Stress) Guarantee() string { return "at least once: begins again after a restart" }

// Open has nothing to do.
func (s *Stress) Open(env flume.Env) error {
	s.env, s.counters = env, newCounters(env)
	return nil
}

// Close has nothing to do.
func (s *Stress) Close() error { return nil }

// Run puts events until there are enough of them.
func (s *Stress) Run(ctx context.Context, out *Output) error {
	body := bytes.Repeat([]byte{0x7F}, s.size)
	end := s.most
	if s.success >= 0 && (end < 0 || s.success < end) {
		end = s.success
	}
	events := make([]flume.Event, min(s.batch, out.MaxBatch()))
	begin := time.Now()
	for sent := 0; ctx.Err() == nil; {
		n := len(events)
		if end >= 0 {
			n = min(n, end-sent)
		}
		if n == 0 {
			s.env.Logf("made %s, nothing more comes", plural(sent, "event"))
			return nil
		}
		for i := range n {
			events[i] = flume.Event{Body: body}
		}
		if err := s.counters.put(out, events[:n]); err != nil {
			return err
		}
		sent += n
		if s.perSecond > 0 {
			due := begin.Add(time.Duration(float64(sent) / float64(s.perSecond) * float64(time.Second)))
			if sleep(ctx, max(0, time.Until(due))) != nil {
				return nil
			}
		}
	}
	return nil
}
