// Package counts holds the counters that Flume's sinks have in common, under
// the names that its monitoring gives them.
package counts

import (
	"sync/atomic"

	"github.com/logpipe/logpipe/pkg/flume"
)

// Sink are the counters of one sink.
type Sink struct {
	Created, Closed, ConnectFailed *atomic.Int64 // of connections or files
	Underflow, Complete            *atomic.Int64 // batches that are not full, and full ones
	Attempted, Delivered           *atomic.Int64 // events
	Failed                         *atomic.Int64 // batches that could not be written
}

// New makes the counters of a component. Those that Flume has and that stay 0
// here are made as well, for whoever reads them.
func New(env flume.Env) Sink {
	env.Counter("BatchEmptyCount")
	env.Counter("ChannelReadFail")
	return Sink{
		Created: env.Counter("ConnectionCreatedCount"), Closed: env.Counter("ConnectionClosedCount"),
		ConnectFailed: env.Counter("ConnectionFailedCount"),
		Underflow:     env.Counter("BatchUnderflowCount"), Complete: env.Counter("BatchCompleteCount"),
		Attempted: env.Counter("EventDrainAttemptCount"), Delivered: env.Counter("EventDrainSuccessCount"),
		Failed: env.Counter("EventWriteFail"),
	}
}

// Attempt counts a batch that is begun; whole is the most events of one.
func (c *Sink) Attempt(events, whole int) {
	if events < whole {
		c.Underflow.Add(1)
	} else {
		c.Complete.Add(1)
	}
	c.Attempted.Add(int64(events))
}
