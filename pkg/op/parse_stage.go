package op

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/logpipe/logpipe/pkg/format"
	"github.com/logpipe/logpipe/pkg/record"
	"github.com/logpipe/logpipe/pkg/stream"
)

// parseStage reads lines: on all cores, but for a format that finds out from the
// order of its input what it is and does not stand first.
type parseStage struct {
	spec    *parse
	read    stream.Fields // that must be in the records
	format  format.Format // with times that name no zone in that of the run
	sniffed atomic.Bool   // it is the first stage: the engine shows it all blocks
}

// newParseStage makes the stage with those of the interfaces Sniffer and Framer
// that the format needs: without them the engine has less to do.
func newParseStage(p *parse, read stream.Fields) stream.Stage {
	s := &parseStage{spec: p, read: read, format: p.format}
	framer, framed := p.format.(format.Framer)
	switch sniffs := unsettled(p.format) != nil; {
	case sniffs && framed:
		return struct {
			sniffingParse
			stream.Framer
		}{sniffingParse{s}, framer}
	case sniffs:
		return sniffingParse{s}
	case framed:
		return struct {
			*parseStage
			stream.Framer
		}{s, framer}
	}
	return s
}

// unsettled returns f where it has to find out what it is, or nil.
func unsettled(f format.Format) format.Sampled {
	if s, ok := f.(format.Sampled); ok && !s.Settled() {
		return s
	}
	return nil
}

// ReadsHeader tells that what a line is depends on one before it, as in CSV with a
// header. `access` finds out from the lines themselves, wherever it begins.
func (s *parseStage) ReadsHeader() bool {
	f := unsettled(s.format)
	return f != nil && f.Name() != "access"
}

// Project leaves out of the records what nobody reads. Of a line all is read.
func (s *parseStage) Project(out stream.Fields) (stream.Stage, stream.Fields) {
	return newParseStage(s.spec, out), stream.AllFields()
}

// Name is "parse".
func (s *parseStage) Name() string { return "parse" }

// Input is any line.
func (s *parseStage) Input() stream.Input { return stream.Lines }

// sniffingParse is the stage of a format that finds out from its input what it is.
type sniffingParse struct{ *parseStage }

// reading is how a block is to be read.
type reading struct {
	format format.Format
	next   format.Format // of the block behind it
}

// Sniff follows from block to block what the format becomes.
func (s sniffingParse) Sniff(before any, block []byte) (any, error) {
	s.sniffed.Store(true)
	now := s.format
	if r, ok := before.(*reading); ok {
		if unsettled(r.format) == nil {
			return r, nil
		}
		now = r.next
	}
	next := now
	if open := unsettled(now); open != nil {
		var err error
		if next, err = open.Sample(block); err != nil {
			return nil, fmt.Errorf("parse: %w", err)
		}
	}
	return &reading{now, next}, nil
}

// Parallel makes the parser of a worker.
func (s *parseStage) Parallel(env *stream.Env) (stream.Operator, error) {
	if env != nil && env.Location != nil {
		var err error
		if s.format, err = s.spec.make(env.Location); err != nil {
			return nil, err
		}
	}
	p := &parsing{stage: s}
	p.begin(s.format)
	return p, nil
}

// parsing is the operator of one worker.
type parsing struct {
	stage   *parseStage
	reading *reading       // what parser was made for, or nil
	open    format.Sampled // what parser was made of, where that is still to find out what it is
	parser  format.Parser
	text    []byte
}

func (p *parsing) begin(f format.Format) {
	p.open = unsettled(f)
	if read := p.stage.read; !read.All() {
		f = format.Narrow(f, read.Has)
	}
	p.parser = f.New()
}

// Process reads the line of each record. Lines that are no records by their
// nature, blank ones and headers, are left out.
func (p *parsing) Process(b *stream.Batch, emit stream.Emit) error {
	alone := p.open != nil
	if p.stage.sniffed.Load() {
		alone = false
		if r, _ := b.Sniffed.(*reading); r != p.reading {
			p.reading = r
			p.begin(r.format)
		}
	}
	n := 0
	for _, r := range b.Records {
		line, meta, arena := r.Line, r.Meta, r.Arena
		if r.Indexed() {
			line = r.AppendJSON(nil) // not in the arena: a line stays when its batch is reused
		}
		var next format.Format
		if alone && p.open != nil {
			var err error
			if next, err = p.behind(line); err != nil {
				return err
			}
		}
		err := p.parser.Parse(line, r, arena)
		r.Meta = meta
		if err == nil {
			b.Records[n] = r
			n++
		} else {
			p.refuse(b, r, line, err)
		}
		if next != nil {
			p.begin(next)
		}
	}
	b.Records = b.Records[:n]
	return emit(b)
}

// behind is the format of what stands behind a line. The engine asks for it where
// the stage is the first one.
func (p *parsing) behind(line []byte) (format.Format, error) {
	p.text = append(append(p.text[:0], line...), '\n')
	f, err := p.open.Sample(p.text)
	if err != nil {
		return nil, fmt.Errorf("parse: %w", err)
	}
	return f, nil
}

func (p *parsing) refuse(b *stream.Batch, r *record.Record, line []byte, err error) {
	if errors.Is(err, record.ErrBlank) || errors.Is(err, format.ErrHeader) {
		b.Blank++
		return
	}
	r.Reset(line, r.Arena)
	b.Reject(r, err)
}

func (p *parsing) Flush(stream.Emit) error { return nil }
