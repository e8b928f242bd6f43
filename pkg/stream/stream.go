// Package stream runs pipelines: blocks of lines from a Source go through
// stages to a Sink.
//
//	Source ──block──▶ worker: index ▶ stage ▶ stage ─┬─ encode ──▶ collector ──▶ Sink
//	                  worker: index ▶ stage ▶ stage ─┤  in input order
//	                                                 └─ fold ─▶ Advance ▶ stage ▶ …
//
// Stages that keep nothing between records (Parallel) run on all cores, a block
// at a time, and their output is put back into input order. At most one Fold
// follows them on the workers: it keeps a table per worker. What comes behind,
// and every Serial stage, runs on one goroutine in input order. The result never
// depends on the number of workers or on where blocks are cut.
//
// Goroutines meet only between blocks; inside a chain there are plain calls.
package stream

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"github.com/logpipe/logpipe/pkg/record"
)

// ErrStop is returned by an Emit whose receiver wants no more records. It is a
// normal end and not reported.
var ErrStop = errors.New("no more records wanted")

// Emit hands a batch to the next operator. The batch belongs to the caller
// again when Emit returns, unless the receiver is documented to keep it.
type Emit func(*Batch) error

// Operator works on batches. Process may change the batch and its records in
// place and emit it, or emit nothing; Flush emits what is left at the end of
// the input. A serial Operator that is an io.Closer is closed however the run
// ends.
type Operator interface {
	Process(b *Batch, emit Emit) error
	Flush(emit Emit) error
}

// Ticker is an Operator or Folder that acts by the clock too. Tick is called
// about every Every on the goroutine of Process.
type Ticker interface {
	Every() time.Duration
	Tick(now time.Time, emit Emit) error
}

// Input is what a stage can read.
type Input int

// Objects are indexed JSON objects, Lines any line of bytes.
const (
	Objects Input = iota
	Lines
)

// Stage describes one operator of a pipeline. It also implements one of
// Parallel, Serial and Fold.
type Stage interface {
	Name() string
	Input() Input
}

// Parallel is a stage that keeps nothing between records: each worker has an
// operator of its own.
type Parallel interface {
	Stage
	Parallel(env *Env) (Operator, error)
}

// Serial is a stage that sees all records in input order.
type Serial interface {
	Stage
	Serial(env *Env) (Operator, error)
}

// Fold is a stage that reduces records to rows.
type Fold interface {
	Stage
	Fold(env *Env) (Folder, error)
}

// Folder reduces the records of all workers.
type Folder interface {
	// Worker makes the part of one worker. It is called before any block.
	Worker() FoldWorker
	// Advance is called in input order after a block has been folded with all
	// blocks before it; reached is how far event time has come.
	Advance(reached int64, emit Emit) error
	// Flush emits what is left at the end of the input.
	Flush(emit Emit) error
	// Holding says which records wait for what, or "".
	Holding() string
}

// FoldWorker folds blocks. For each block the engine calls Process for its
// batches, then Finish.
type FoldWorker interface {
	// Process reads a batch that the worker may not keep. turn waits until all
	// blocks before this one have been read by their workers.
	Process(b *Batch, turn func()) error
	// MaxTime is the largest event time of the block; ok is false without one.
	MaxTime() (ns int64, ok bool)
	// Finish folds the block; before is how far event time had come before it.
	// Late records go to late.
	Finish(before Clock, late func(Reject)) error
	// Watermarked tells whether Finish needs to know before.
	Watermarked() bool
}

// Unordered is a Folder that can leave its rows unordered, which it is told
// when the stage behind it implements AnyOrder.
type Unordered interface{ Unordered() }

// AnyOrder is a stage whose result does not depend on the order of its input.
type AnyOrder interface{ AnyOrder() }

// Limiter is a stage that uses, of the rows that a fold emits together, only the
// n whose field is greatest (record.Compare) and those equal to the last of them.
type Limiter interface {
	Limit() (field string, n int, ok bool)
}

// Limited is a Folder that can leave out the other rows.
type Limited interface {
	Limit(field string, n int)
}

// ValueRejecter is a Folder or Operator that could not use some values of
// records that it did use.
type ValueRejecter interface{ RejectedValues() int64 }

// MinTime is the event time before all others.
const MinTime = -1 << 63

// Framer is a stage whose records are not plain lines (CSV with quoted newlines).
type Framer interface {
	// Cut returns the length of the whole records at the head of data, 0 for
	// none; the data that it is given next begins where it cut.
	Cut(data []byte) int
	// Next returns the record at the head of data, without its line end, and
	// where the next one begins. The end of data is the end of a record.
	Next(data []byte) (line []byte, next int)
	// Skip returns what reads over one record that is too long to be held. It is
	// given the record piece by piece and tells how much of a piece belongs to it,
	// whether it ends there, and what is wrong with it so far, "" for nothing.
	Skip() func(piece []byte) (n int, ended bool, fault string)
}

// Sniffer is a stage that finds out from its input what it does: from the header
// of a table, from the lines by which a format is recognised. Where it is the
// first one, Sniff is called with every block, in order, before the block goes to
// a worker; before is what it returned for the block before in the same input
// (file), nil for the first. What it returns comes with the batches of the block.
// Behind other stages it sees the records in input order and finds out by itself.
type Sniffer interface {
	Sniff(before any, block []byte) (any, error)
}

// Source gives blocks of lines until io.EOF. ctx ends it early.
type Source interface {
	Read(ctx context.Context) (*Block, error)
}

// Ender is a Source that has something to say when reading has ended, be it by
// ctx: Last returns a block that comes behind all others, or nil.
type Ender interface{ Last() *Block }

// Leaver is a Source that leaves out records of what it reads, as it was told to. Left
// is how many so far; it is asked behind each Read.
type Leaver interface{ Left() int64 }

// Sink takes whole lines in output order.
type Sink interface {
	Write(ctx context.Context, lines []byte) error
	// Close waits until everything written is durable where the sink can say so.
	Close(ctx context.Context) error
}

// Early is a Sink whose Write returns before the lines are durable, so that what
// comes next does not wait for them. A block is acknowledged when After says so.
type Early interface {
	Sink
	// After calls done when all that was written before is durable, or with why
	// some of it never will be. done is called from another goroutine, in the order
	// of the calls of After, and before Close returns; it does not wait.
	After(done func(error))
}

// WriteDurably writes lines and waits until they are durable.
func WriteDurably(ctx context.Context, s Sink, lines []byte) error {
	err := s.Write(ctx, lines)
	early, ok := s.(Early)
	if err != nil || !ok {
		return err
	}
	done := make(chan error, 1)
	early.After(func(err error) { done <- err })
	return <-done
}

// BlockPasser is an Operator of a stage of lines that can tell of a whole block that
// each of its lines goes on as it is. It is asked where its stage is the only one.
type BlockPasser interface {
	Operator
	// PassBlock counts the lines; ok is false where they have to be looked at one by one.
	PassBlock(data []byte) (lines int, ok bool)
}

// ReturnKeeper is a stage of lines for which a carriage return at the end of a line may
// be one of its bytes: without it that is part of the line end.
type ReturnKeeper interface{ KeepsReturns() bool }

func keepsReturns(s Stage) bool {
	k, ok := s.(ReturnKeeper)
	return ok && k.KeepsReturns()
}

// Block is a piece of the input: whole records, each with its line end.
type Block struct {
	Data []byte // has record.Padding bytes of capacity behind it
	Name string // of the file, for messages; "" for standard input
	Line int64  // number of the first line in Name, from 1; 0 = one more than the block before
	// Long are lines that were too long to read: their numbers, from 0 within
	// the block, in order. They are not in Data.
	Long []LongLine
	// Half tells that the last line of Data had no end at the end of the input, and got one.
	Half bool
	// Raw, where it is not 0, is how many records Data has, which are no lines then:
	// it goes out as it is. No stage but that of the source takes such a block.
	Raw int
	// Meta is what a transport knows of each line of Data, in order; nil where it
	// knows nothing.
	Meta []*record.Meta
	Ack  func(error) // called once, when the block's records are through; may be nil
	// Free, where set, takes Data back: nobody looks at it any more. It may be
	// called before Ack.
	Free func()
	Time time.Time // of arrival

	Source  string     // the partition that the records come from, as SourceName writes it; "" where there are none
	Control []*Control // what follows behind the records; none of kind source
}

// LongLine is a line, or a record of several lines, that was skipped because of
// its length or because its end was never read.
type LongLine struct {
	Before int    // how many lines of the block's Data come before it
	Size   int64  // bytes
	Lines  int64  // line ends; 0 counts as one
	Fault  string // what else is wrong with it, or ""
	Taken  bool   // a LongTaker has it, and counts it
	Cut    []byte // what was read of a last line before reading failed or was ended; nil for a long line
}

// Env is what stages may ask of the run that they are part of.
type Env struct {
	Now      func() time.Time
	Location *time.Location // for printing and reading zone-less times; nil = UTC
	Log      *slog.Logger
	Stdout   io.Writer // for stages that draw on a terminal themselves
	Terminal bool      // Stdout is a terminal
	Live     bool      // the input may wait: a pipe, a socket, a topic
	InOrder  bool      // the operator is the only one of its stage and sees all records in input order
	Files    Files     // opens side files by name (late records, rejected ones)
	Keeps    bool      // what is rejected is put where the user said, and thereby dealt with
}

// Files opens side outputs once each by name.
type Files interface {
	Append(name string) (io.Writer, error)
}
