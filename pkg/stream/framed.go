package stream

import (
	"bytes"
	"context"

	"github.com/logpipe/logpipe/pkg/record"
)

// Framed returns src with blocks of whole records of f, for a source that knows
// of lines alone: where a block ends within a record, that goes with the next one,
// and a block is acknowledged when its last record is through.
func Framed(src Source, f Framer) Source { return &framed{src: src, framer: f} }

type framed struct {
	src    Source
	framer Framer
	rest   *Block        // what has been held back, or nil
	acks   []func(error) // of the blocks that rest is of
	next   *Block        // has been read, but rest comes first
	err    error         // what src has ended with, likewise
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
		case s.rest != nil && (b.Line == 1 || b.Name != s.rest.Name || len(b.Long) > 0):
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
		s.acks = append(s.acks[:0], b.Ack)
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
	rest := *b
	rest.Data = padded(b.Data[n:])
	if b.Line > 0 {
		rest.Line += int64(bytes.Count(b.Data[:n], []byte{'\n'}))
	}
	s.rest = &rest
	if n == 0 {
		return nil
	}
	out := *b
	out.Data = b.Data[:n]
	out.Ack = nil
	if n >= held { // only the last block has records in the rest
		out.Ack = s.done(len(s.acks) - 1)
	}
	return &out
}

// join puts what was held back before b.
func (s *framed) join(b *Block) *Block {
	data := make([]byte, 0, len(s.rest.Data)+len(b.Data)+record.Padding)
	joined := *s.rest
	joined.Data, joined.Time = append(append(data, s.rest.Data...), b.Data...), b.Time
	s.acks = append(s.acks, b.Ack)
	return &joined
}

// flush hands out what was held back as it is.
func (s *framed) flush() *Block {
	b := s.rest
	b.Ack = s.done(len(s.acks))
	s.rest = nil
	return b
}

// done takes the first n acks and returns one for all of them.
func (s *framed) done(n int) func(error) {
	list := append([]func(error){}, s.acks[:n]...)
	s.acks = append(s.acks[:0], s.acks[n:]...)
	return func(err error) {
		for _, ack := range list {
			if ack != nil {
				ack(err)
			}
		}
	}
}

func padded(data []byte) []byte {
	return append(make([]byte, 0, len(data)+record.Padding), data...)
}
