package flume

import (
	"context"
	"errors"
	"fmt"
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
// by one, because they wait for a disk or a lock together.
type BatchPutter interface {
	// PutAll is Put for one batch of size events after the other, but waits for
	// space for the first alone. It returns how many events are stored, which are
	// the first ones; an error is about the batch behind them. Without an error
	// there may be fewer than all: there was no space for more, and the caller
	// knows now what it need not wait for.
	PutAll(ctx context.Context, events []Event, size int) (stored int, err error)
	// Room is how many events would find space now.
	Room() int
}

// Roomy is a Channel that tells beforehand whether it has space, so that a source
// need not store in one channel what another one refuses.
type Roomy interface {
	// Fits reports whether a put of the events, in several batches where they are
	// more than MaxBatch, would find space now.
	Fits(events []Event) bool
	// AwaitRoom waits for that as long as a put would, and returns ErrFull then.
	// Events for which there is never space are another error. It stores nothing and
	// keeps no space: somebody else may take it.
	AwaitRoom(ctx context.Context, events []Event) error
}

// NeverFits is the error of AwaitRoom for n events where a channel takes no more than
// most at once, by the property of that name.
func NeverFits(n int, property string, most int) error {
	return fmt.Errorf("%d events at once are more than the channel's %s %d: send fewer at once, or raise it", n, property, most)
}

// BatchTaker is a Channel from which several batches can be taken at once, for a
// sink that does better with many events. Of a channel that survives a kill these
// transactions are a Witness: what was delivered and not committed would come
// again, and that shall be no more than one batch.
type BatchTaker interface {
	// TakeAll is Take of what is there now, also beyond a batch: up to most events,
	// and no more once their bodies have so many bytes.
	TakeAll(ctx context.Context, batch, most, bytes int) (Transaction, error)
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

// Witness is a Transaction of several batches that can be told how far they are
// delivered, before the sink has made sure that they outlive a loss of power: a
// kill does not bring these again.
type Witness interface {
	// Delivered says that the first n events are where a kill leaves them, after
	// each batch; 0 takes that back. It has to come before they are gone from there.
	Delivered(n int) error
}

// Retaining is a Channel whose takes can be retained: the events stay inside until
// what a sink has made of them is delivered, as those that a kill brings again, and
// need no memory meanwhile. Of all that is inside they are the oldest, as long as
// one sink alone takes events.
//
// A channel cannot keep more than it has room for: where a put finds none, and
// nothing is left to be taken, the channel commits the oldest of the events and
// tells so. A kill loses what the sink still makes of these.
type Retaining interface {
	Channel
	// StoreNote returns when a note of the sink is on the disk: how far it has come
	// with the events that were taken until now. It replaces the one before.
	StoreNote(note []byte) error
	// Note is the note that was stored last, nil where it says nothing any more:
	// where none of the events inside had been taken when it was stored.
	Note() []byte
	// CommitRetained commits the retained events in front of a place.
	CommitRetained(behind uint64) error
	// ReturnRetained puts the retained events back where they were taken, in order.
	ReturnRetained()
}

// Retainer is a Transaction of a Retaining channel.
type Retainer interface {
	// Retain ends the transaction; its events stay inside. It returns the place
	// behind them. Places ascend in the order of takes.
	Retain() (behind uint64, err error)
}

// Env is what a component gets from the agent that runs it.
type Env struct {
	Name   string                           // the component's name in the property file
	Agent  string                           // that of its agent
	Logf   func(format string, args ...any) // one short line for people, on stderr
	Stdout io.Writer                        // for sinks that print events; safe for concurrent use
	// Counters are the component's; nil where nobody asks.
	Counters *Counters
	// Refused keeps an event that a channel can never store, and says why it
	// cannot; it returns when the event is on the disk. Nil where the file does not
	// ask for that: see DescribeDeadLetter.
	Refused func(ctx context.Context, e *Event, why error) error
}

// DeadLetter is the property that names the file for events that a component can
// never deliver or store.
const DeadLetter = "deadLetter"

// DescribeDeadLetter describes DeadLetter for a channel that may have to refuse
// an event. The agent reads it, and sets Env.Refused.
func DescribeDeadLetter(p *Properties) {
	var file string
	p.String(&file, DeadLetter, "", "the file for events that can never be stored, such as those above a limit; without it their source waits")
}

// FatalError stops the whole agent, where a retry could not help: for example
// when the reader of stdout went away.
type FatalError struct{ Err error }

func (e *FatalError) Error() string { return e.Err.Error() }

func (e *FatalError) Unwrap() error { return e.Err }
