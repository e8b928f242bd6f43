package flume

import (
	"context"
	"errors"
	"io"
)

// ErrFull is returned by a put that found no space within the channel's
// keep-alive; nothing of the batch was stored.
var ErrFull = errors.New("channel is full: its sinks do not keep up with its sources")

// Channel holds events between the sources that put them and the sinks that
// take them. All methods may be called by any number of goroutines.
type Channel interface {
	// Open makes the channel ready; it is called once, before anything else.
	Open(Env) error
	// Put stores the whole batch or nothing of it. It waits for space for the
	// channel's keep-alive and then returns ErrFull. A batch above MaxBatch is
	// an error. Put keeps the events but not the slice.
	Put(ctx context.Context, batch []Event) error
	// Take begins a take transaction of one to max events; it waits for the
	// first one. After Drain it returns io.EOF once the channel is empty.
	Take(ctx context.Context, max int) (Transaction, error)
	// Drain says that no more puts will come.
	Drain()
	// MaxBatch is the most events that one transaction may move
	// (transactionCapacity).
	MaxBatch() int
	// Size is the number of events inside, those in open takes included.
	Size() int
	// Close releases what Open took.
	Close() error
}

// BatchPutter is a Channel that stores several batches faster together than one
// by one, because they wait for a disk together.
type BatchPutter interface {
	// PutAll is Put for one batch of size events after the other. It returns how
	// many events are stored, which are the first ones; an error is about the
	// batch behind them.
	PutAll(ctx context.Context, events []Event, size int) (stored int, err error)
}

// TryTaker is a Channel that can be asked for events without waiting.
type TryTaker interface {
	// TryTake is Take where there is something to take now, and nil elsewhere.
	TryTake(max int) Transaction
}

// Transaction is an open take. Exactly one of Commit and Rollback ends it.
type Transaction interface {
	// Events are the events taken; they are valid until the end of the
	// transaction.
	Events() []Event
	// Commit gives up the events; their space is free again.
	Commit() error
	// Rollback puts the events back where they were taken, in order.
	Rollback() error
}

// Env is what a component gets from the agent that runs it.
type Env struct {
	Name   string                           // the component's name in the property file
	Logf   func(format string, args ...any) // one short line for people, on stderr
	Stdout io.Writer                        // for sinks that print events; safe for concurrent use
	// Counters are the component's; nil where nobody asks.
	Counters *Counters
}

// FatalError stops the whole agent, where a retry could not help: for example
// when the reader of stdout went away.
type FatalError struct{ Err error }

func (e *FatalError) Error() string { return e.Err.Error() }

func (e *FatalError) Unwrap() error { return e.Err }
