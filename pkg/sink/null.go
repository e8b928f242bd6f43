package sink

import (
	"context"

	"github.com/logpipe/logpipe/pkg/flume"
)

// Null throws events away.
type Null struct{ batch int }

// NewNull describes and makes a null sink.
func NewNull(p *flume.Properties) Sink {
	s := &Null{}
	var unused int
	p.Int(&s.batch, "batchSize", 100, 1, "most events in one transaction").In("events")
	p.Int(&unused, "logEveryNEvents", 10000, 0, "how often Flume logs a count").In("events").
		Without("the agent tells its counts when it ends")
	return s
}

// Batch is the batchSize.
func (s *Null) Batch() (string, int) { return "batchSize", s.batch }

// Open has nothing to do.
func (s *Null) Open(flume.Env) error { return nil }

// Write forgets the batch.
func (s *Null) Write(context.Context, []flume.Event) error { return nil }

// Close has nothing to do.
func (s *Null) Close() error { return nil }

// Borrows is true.
func (s *Null) Borrows() bool { return true }

// Guarantee says what becomes of events.
func (s *Null) Guarantee() string { return "nothing: throws events away" }
