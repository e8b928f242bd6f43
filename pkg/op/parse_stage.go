package op

import (
	"bytes"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/format"
	"github.com/logpipe/logpipe/pkg/record"
	"github.com/logpipe/logpipe/pkg/stream"
)

// parseStage reads lines on all cores.
type parseStage struct {
	spec     *parse
	headless error       // why operators beside each other cannot do without a head, or nil
	sniffed  atomic.Bool // it is the first stage: the heads of the input are its own
}

// parseHead is what the head of an input has fixed.
type parseHead struct {
	head      []byte // by which a Sampled format is made
	anyAccess bool   // the head was too short to recognise an access log by it
}

// newParseStage makes the stage with those of the interfaces Sniffer and Framer
// that the format needs: without them the engine has less to do.
func newParseStage(p *parse) stream.Stage {
	s := &parseStage{spec: p}
	framer, framed := p.format.(format.Framer)
	if p.needsHead() {
		s.headless = fault.Hint(fault.Usagef("parse %s is fixed by the head of its input, so it must be the first stage", p.name()), "%s", headlessHint(p.name()))
		sniffing := sniffingParse{s}
		if framed {
			return struct {
				sniffingParse
				stream.Framer
			}{sniffing, framer}
		}
		return sniffing
	}
	if framed {
		return struct {
			*parseStage
			stream.Framer
		}{s, framer}
	}
	return s
}

func headlessHint(name string) string {
	switch name {
	case "csv":
		return "name the fields: --fields a,b:int"
	case "access":
		return "name the format: combined, common, …"
	}
	return "put it first"
}

// Name is "parse".
func (s *parseStage) Name() string { return "parse" }

// Input is any line.
func (s *parseStage) Input() stream.Input { return stream.Lines }

// sniffingParse is the stage of a format that is fixed by the head of the input.
type sniffingParse struct{ *parseStage }

// fewLines is how long a head is too short to refuse the input by it.
const fewLines = 10

// Sniff keeps the head of an input and tells whether the format can read it.
// Where lines come one by one and the first ones are no access log at all, each
// line is read by what fits it: one bad line stops nothing.
func (s sniffingParse) Sniff(head []byte) (any, error) {
	s.sniffed.Store(true)
	f := s.spec.format.(format.Sampled)
	if _, err := f.Sample(head); err != nil {
		if s.spec.name() != "access" || bytes.Count(head, []byte{'\n'}) >= fewLines {
			return nil, fmt.Errorf("parse: %w", err)
		}
		return &parseHead{anyAccess: true}, nil
	}
	return &parseHead{head: append([]byte{}, head...)}, nil
}

// Parallel makes the parser of a worker.
func (s *parseStage) Parallel(env *stream.Env) (stream.Operator, error) {
	p := &parsing{stage: s}
	if env != nil {
		p.zone, p.inOrder = env.Location, env.InOrder
	}
	return p, p.begin(nil)
}

// begin makes the parser for an input with the given head; nil is none.
func (p *parsing) begin(head *parseHead) error {
	p.head, p.fallback = head, nil
	f, err := p.stage.spec.make(p.zone)
	if err != nil {
		return err
	}
	if head != nil && head.head != nil {
		if f, err = f.(format.Sampled).Sample(head.head); err != nil {
			return fmt.Errorf("parse: %w", err)
		}
	}
	p.parser = f.New()
	if head != nil && head.anyAccess {
		p.fallback, err = p.stage.combined(p.zone)
	}
	return err
}

// combined is the parser whose errors stand for those of all access logs.
func (s *parseStage) combined(zone *time.Location) (format.Parser, error) {
	f, err := format.Lookup("combined", format.Options{Zone: zone})
	if err != nil {
		return nil, err
	}
	return f.New(), nil
}

// parsing is the operator of one worker.
type parsing struct {
	stage    *parseStage
	zone     *time.Location
	inOrder  bool
	head     *parseHead // of the input that parser reads
	parser   format.Parser
	fallback format.Parser // tells what is wrong with a line that parser refuses, or nil
}

// Process reads the line of each record. Lines that are no records by their
// nature, blank ones and headers, are left out.
func (p *parsing) Process(b *stream.Batch, emit stream.Emit) error {
	var head *parseHead
	if p.stage.sniffed.Load() {
		head, _ = b.Sniffed.(*parseHead)
	} else if p.stage.headless != nil && !p.inOrder && len(b.Records) > 0 {
		return p.stage.headless
	}
	if head != p.head {
		if err := p.begin(head); err != nil {
			return err
		}
	}
	n := 0
	for _, r := range b.Records {
		line, meta, arena := r.Line, r.Meta, r.Arena
		if r.Indexed() {
			line = r.AppendJSON(nil) // not in the arena: a line stays when its batch is reused
		}
		err := p.parser.Parse(line, r, arena)
		r.Meta = meta
		if err == nil {
			b.Records[n] = r
			n++
			continue
		}
		p.refuse(b, r, line, err)
	}
	b.Records = b.Records[:n]
	return emit(b)
}

func (p *parsing) refuse(b *stream.Batch, r *record.Record, line []byte, err error) {
	if errors.Is(err, record.ErrBlank) || errors.Is(err, format.ErrHeader) {
		return
	}
	if p.fallback != nil {
		if other := p.fallback.Parse(line, r, r.Arena); other != nil {
			err = other
		}
	}
	r.Reset(line, r.Arena)
	b.Reject(r, err)
}

func (p *parsing) Flush(stream.Emit) error { return nil }
