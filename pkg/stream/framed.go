package stream

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"github.com/logpipe/logpipe/pkg/record"
)

// Framed returns src with blocks of whole records of f, for a source that knows
// of lines alone: where a block ends within a record, that goes with the next one,
// and a block is acknowledged when its last record is through.
func Framed(src Source, f Framer) Source { return &framed{src: src, framer: f} }

type framed struct {
	src    Source
	framer Framer
	rest   *Block // what has been held back, or nil
	acks   []owed // to the blocks that rest is of
	next   *Block // has been read, but rest comes first
	err    error  // what src has ended with, likewise
}

// owed is the Ack of a block of the source.
type owed struct {
	ack   func(error)
	from  int // line of the data at hand with which the block begins; below 0 where some of it has been handed out
	lines int // of the block
}

// leaverOf is the Leaver that src is, or that it reads from; nil without one.
func leaverOf(src Source) Leaver {
	if f, ok := src.(*framed); ok {
		src = f.src
	}
	l, _ := src.(Leaver)
	return l
}

// enderOf is the Ender that src is, or that it reads from; nil without one.
func enderOf(src Source) Ender {
	if f, ok := src.(*framed); ok {
		src = f.src
	}
	e, _ := src.(Ender)
	return e
}

func (s *framed) Read(ctx context.Context) (*Block, error) {
	for {
		b, err := s.fetch(ctx)
		switch {
		case err != nil && s.rest != nil:
			s.err = err
			return s.flush(), nil
		case err != nil:
			return nil, err
		case s.rest != nil && (b.Line == 1 || b.Name != s.rest.Name || b.Source != s.rest.Source || len(b.Long) > 0):
			s.next = b
			return s.flush(), nil
		case len(b.Long) > 0:
			return b, nil
		}
		if out := s.cut(b); out != nil {
			return out, nil
		}
	}
}

func (s *framed) fetch(ctx context.Context) (*Block, error) {
	if b := s.next; b != nil {
		s.next = nil
		return b, nil
	}
	if s.err != nil {
		return nil, s.err
	}
	return s.src.Read(ctx)
}

// cut returns the whole records of what was held back and of b, or nil.
func (s *framed) cut(b *Block) *Block {
	held := 0
	if s.rest != nil {
		held = len(s.rest.Data)
		b = s.join(b)
	} else {
		s.acks = append(s.acks[:0], owed{b.Ack, 0, countLines(b.Data)})
	}
	n := s.framer.Cut(b.Data)
	if n == 0 && len(b.Data) > MaxLine {
		n = len(b.Data) // not held for ever
	}
	if n == len(b.Data) {
		b.Ack = s.done(len(s.acks))
		s.rest = nil
		return b
	}
	rest, lines := *b, countLines(b.Data[:n])
	rest.Free = nil // out has it
	rest.Data = padded(b.Data[n:])
	if b.Line > 0 {
		rest.Line += int64(lines)
	}
	s.rest = &rest
	if n == 0 {
		return nil
	}
	out := *b
	out.Data, out.Control = b.Data[:n], nil // they are behind what is held back
	through := 0
	if n >= held { // only the last block has records in the rest
		through = len(s.acks) - 1
	}
	out.Ack = s.done(through)
	for i := range s.acks {
		s.acks[i].from -= lines
	}
	return &out
}

// join puts what was held back before b.
func (s *framed) join(b *Block) *Block {
	data := make([]byte, 0, len(s.rest.Data)+len(b.Data)+record.Padding)
	joined := *s.rest
	joined.Data, joined.Time = append(append(data, s.rest.Data...), b.Data...), b.Time
	joined.Control = append(slices.Clip(s.rest.Control), b.Control...)
	s.acks = append(s.acks, owed{b.Ack, countLines(s.rest.Data), countLines(b.Data)})
	return &joined
}

// flush hands out what was held back as it is.
func (s *framed) flush() *Block {
	b := s.rest
	b.Ack = s.done(len(s.acks))
	s.rest = nil
	return b
}

// done takes the first n acks and returns one for all of them. Where the run ends
// within the data at hand, each block that has some of it is told up to where.
func (s *framed) done(n int) func(error) {
	list := slices.Clone(s.acks)
	s.acks = append(s.acks[:0], s.acks[n:]...)
	return func(err error) {
		var split Split
		if errors.As(err, &split) {
			for _, o := range list {
				o.split(split.Lines - o.from)
			}
			return
		}
		for _, o := range list[:n] {
			if o.ack != nil {
				o.ack(err)
			}
		}
	}
}

// split settles the first so many lines of the block.
func (o owed) split(lines int) {
	switch {
	case o.ack == nil || lines <= 0:
	case lines >= o.lines:
		o.ack(nil)
	default:
		o.ack(Split{lines})
	}
}

func countLines(data []byte) int { return bytes.Count(data, []byte{'\n'}) }

func padded(data []byte) []byte {
	return append(make([]byte, 0, len(data)+record.Padding), data...)
}
