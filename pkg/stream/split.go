package stream

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/logpipe/logpipe/pkg/record"
)

// Split is what the Ack of a block is told when the run ends within the block:
// its first Lines lines are through, and nobody wants the others. An Ack that
// does not look at it takes the block for not through, which is safe.
type Split struct {
	Lines int // of Data; those that are not read (Long) before them are through too
}

func (s Split) Error() string {
	return fmt.Sprintf("no more records wanted after %d lines of the block", s.Lines)
}

// Unwrap makes it an ErrStop.
func (s Split) Unwrap() error { return ErrStop }

// Passer is a Serial stage that lets records through as they are and at once, in
// their order, so that a record behind it stands for its place in the input.
type Passer interface{ Passes() }

// Expander is a Parallel stage that may make several records of one.
type Expander interface{ Expands() }

// StopAfter is what a Passer returns in place of ErrStop when it has let last
// through and wants no more; next is the record behind it, or nil where that is
// not known.
func StopAfter(last, next *record.Record) error {
	return &stopped{block: last.Block, pos: last.Pos, whole: next != nil && (next.Block != last.Block || next.Pos != last.Pos)}
}

// stopped is an ErrStop that knows its place.
type stopped struct {
	block uint64
	pos   uint32
	whole bool // the line at pos has no other record
}

func (s *stopped) Error() string { return ErrStop.Error() }
func (s *stopped) Unwrap() error { return ErrStop }

// placing says of each stage behind the workers', and of the sink, whether the places
// of the records that come to it are known, and whether a line may have several.
type placing struct{ known, several bool }

func (p *plan) placings() []placing {
	list := make([]placing, 0, len(p.rest))
	now := placing{known: p.fold == nil}
	for i, s := range p.all {
		if i >= len(p.all)-len(p.rest) {
			list = append(list, now)
		}
		_, parallel := s.(Parallel)
		_, passes := s.(Passer)
		_, expands := s.(Expander)
		_, frames := s.(Framer)
		// Records that are put together of others' lines have no certain place.
		now.known = now.known && (parallel || passes) && !(i > 0 && frames)
		now.several = now.several || expands
	}
	return append(list, now)
}

// placed judges the error of a stage whose records have been placed so.
func placed(err error, p placing) error {
	var s *stopped
	switch {
	case !errors.As(err, &s):
		return err
	case !p.known:
		return ErrStop
	case !p.several:
		s.whole = true
	}
	return err
}

// ack settles a block after its last part, or after the error that ends the run.
// What a sink has taken early is settled when it is durable.
func (e *engine) ack(j *job, err error) {
	early, ok := e.sink.(Early)
	ack := j.block.Ack
	if ack == nil {
		if !ok {
			return
		}
		ack = func(error) {}
	}
	var s *stopped
	split := errors.As(err, &s) && s.block == j.seq
	if split {
		err = Split{e.linesUntil(j.block.Data, s)}
	}
	if !ok || err != nil && !split {
		ack(err)
		return
	}
	early.After(func(failed error) {
		if failed != nil {
			ack(failed)
			e.lose(failed)
			return
		}
		ack(err)
	})
}

// lose ends the run because lines that the sink took will never be durable.
func (e *engine) lose(err error) {
	select {
	case e.lost <- lostError{err}:
	default:
	}
}

// lostError is what a sink has told of lines that it took. Its Close says how many
// there are in all.
type lostError struct{ error }

func (e lostError) Unwrap() error { return e.error }

// linesUntil counts the lines of data up to the record that s names: with it
// where nothing of it is open.
func (e *engine) linesUntil(data []byte, s *stopped) int {
	lines := int(s.pos)
	framer, ok := e.plan.first().(Framer)
	switch {
	case !s.whole:
		return lines
	case !ok:
		return lines + 1
	}
	for range lines {
		data = data[bytes.IndexByte(data, '\n')+1:]
	}
	_, n := framer.Next(data)
	return lines + bytes.Count(data[:n], []byte{'\n'})
}
