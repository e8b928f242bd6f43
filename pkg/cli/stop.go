package cli

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/logpipe/logpipe/pkg/record"
	"github.com/logpipe/logpipe/pkg/stream"
)

// singly makes the pipeline of --on-error stop: blocks of one record each, so
// that everything before a bad record has been written when it ends the run.
func singly(p stream.Pipeline) stream.Pipeline {
	s := &single{source: p.Source}
	p.Source = s
	if len(p.Stages) > 0 {
		s.framer, _ = p.Stages[0].(stream.Framer)
	}
	return p
}

// single cuts the blocks of a source into blocks of one record.
type single struct {
	source stream.Source
	framer stream.Framer
	block  *stream.Block
	at     int // read bytes of block
	lines  int // read lines of block
	long   int // handed out LongLines of block
}

// fetch reads the next block of the source.
func (s *single) fetch(ctx context.Context) error {
	b, err := s.source.Read(ctx)
	if b == nil && err == nil {
		err = io.EOF
	}
	if err != nil {
		s.block = nil
		return err
	}
	s.block, s.at, s.lines, s.long = b, 0, 0, 0
	return nil
}

// Read returns the next record as a block.
func (s *single) Read(ctx context.Context) (*stream.Block, error) {
	for s.block == nil || s.at == len(s.block.Data) && s.long == len(s.block.Long) {
		if err := s.fetch(ctx); err != nil {
			return nil, err
		}
	}
	b := &stream.Block{Name: s.block.Name, Time: s.block.Time}
	if s.at == 0 && s.long == 0 {
		b.Line = s.block.Line
	}
	if s.long < len(s.block.Long) && s.block.Long[s.long].Before <= s.lines {
		long := s.block.Long[s.long]
		long.Before = 0
		b.Long = []stream.LongLine{long}
		s.long++
		return s.acked(b), nil
	}
	n := s.next(s.block.Data[s.at:])
	b.Data = append(make([]byte, 0, n+record.Padding), s.block.Data[s.at:s.at+n]...)
	s.at += n
	s.lines += bytes.Count(b.Data, []byte{'\n'})
	return s.acked(b), nil
}

// acked gives the last record of a block the block's Ack, and the others what
// tells it that the run ends with them.
func (s *single) acked(b *stream.Block) *stream.Block {
	if s.block.Ack == nil {
		return b
	}
	ack, before := s.block.Ack, s.lines-bytes.Count(b.Data, []byte{'\n'})
	last := s.at == len(s.block.Data) && s.long == len(s.block.Long)
	b.Ack = func(err error) {
		var split stream.Split
		if errors.As(err, &split) {
			ack(stream.Split{Lines: before + split.Lines})
		} else if last {
			ack(err)
		}
	}
	return b
}

func (s *single) next(data []byte) int {
	if s.framer != nil {
		_, n := s.framer.Next(data)
		return n
	}
	return bytes.IndexByte(data, '\n') + 1
}
