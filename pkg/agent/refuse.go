package agent

import (
	"context"
	"errors"
	"path/filepath"
	"sync/atomic"

	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/sink"
)

// deadLetters is the file for events that a sink can never deliver.
func (r *running) deadLetters(n *sinkNode) *sink.DeadLetters {
	path := filepath.Join(r.options.State, r.options.Name+"-"+n.name+".dead.ndjson")
	if e := n.part.get(flume.DeadLetter); e != nil {
		path = e.value
	}
	return sink.NewDeadLetters(path, r.options.Name, "sink", n.name)
}

// refusals keeps the events that a channel can never store.
type refusals struct {
	file  *sink.DeadLetters
	env   flume.Env // of the channel
	count atomic.Int64
}

// refusals returns where a channel keeps what it refuses; nil where its file does
// not ask for that.
func (r *running) refusals(c *channelPart, env flume.Env) *refusals {
	e := c.part.get(flume.DeadLetter)
	if q, _ := c.props.Lookup(flume.DeadLetter); q == nil || e == nil {
		return nil
	}
	return &refusals{file: sink.NewDeadLetters(e.value, r.options.Name, "channel", c.name), env: env}
}

// keep writes an event into the file, and tries again where that fails.
func (f *refusals) keep(ctx context.Context, e *flume.Event, why error) error {
	for {
		err := f.file.Write([]flume.Event{*e}, []sink.Rejection{{Index: 0, Err: why}})
		if err == nil {
			break
		}
		f.env.Logf("%v; tries again in %v", err, retryPause)
		if !flume.Pause(ctx, retryPause) {
			return errors.Join(err, ctx.Err())
		}
	}
	f.env.Counter("EventDeadLetterCount").Add(1)
	if n := f.count.Add(1); n&(n-1) == 0 { // the first, second, fourth, eighth …
		f.env.Logf("an event cannot be stored: %v; kept in %s (%d so far)", why, f.file.Path(), n)
	}
	return nil
}

// kept is the number of events in the file.
func (f *refusals) kept() int64 {
	if f == nil {
		return 0
	}
	return f.count.Load()
}

func (f *refusals) close() error {
	if f == nil {
		return nil
	}
	return f.file.Close()
}
