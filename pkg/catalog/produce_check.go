package catalog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/logpipe/logpipe/pkg/kafka"
	"github.com/logpipe/logpipe/pkg/record"
	"github.com/logpipe/logpipe/pkg/stream"
)

// produceCheck refuses what cannot be sent, while it is known which line it is. It
// belongs to one worker.
type produceCheck struct {
	s         *produceSink
	field     *record.Field
	timeField *record.Field
	keep      func([]byte) error // takes lines that are too large; nil = nobody
	scratch   []byte
}

// Process counts the records that it lets through.
func (c *produceCheck) Process(b *stream.Batch, emit stream.Emit) error {
	n := 0
	for _, r := range b.Records {
		err := c.check(r)
		var large *kafka.TooLargeError
		switch {
		case err == nil:
			b.Records[n] = r
			n++
		case errors.As(err, &large):
			c.s.tooLarge.Add(1)
			c.scratch = r.AppendJSON(c.scratch[:0])
			b.Rejected = append(b.Rejected, stream.Reject{Pos: r.Pos, Line: bytes.Clone(c.scratch), Err: err, To: c.keep})
		default:
			b.Rejected = append(b.Rejected, stream.Reject{Pos: r.Pos, Line: r.Line, Err: err, Lost: true})
		}
	}
	b.Records = b.Records[:n]
	c.s.taken.Add(int64(n))
	return emit(b)
}

// Flush does nothing.
func (c *produceCheck) Flush(stream.Emit) error { return nil }

// PassBlock counts lines none of which can be too large.
func (c *produceCheck) PassBlock(data []byte) (int, bool) {
	if !c.s.plain() {
		return 0, false
	}
	like := c.s.like
	like.Value = []byte{}
	longest := int(c.s.limit.Load()) - like.Size() - 8 // the lengths grow by so much
	n := 0
	for at := 0; at < len(data); n++ {
		end := bytes.IndexByte(data[at:], '\n')
		if end > longest {
			return 0, false
		}
		at += end + 1
	}
	c.s.taken.Add(int64(n))
	return n, true
}

// check tells why r cannot be sent.
func (c *produceCheck) check(r *record.Record) error {
	s := c.s
	limit := int(s.limit.Load())
	out := s.like
	if s.wraps {
		if err := readEnvelope(&out, r); err != nil {
			return err
		}
		out.Headers = append(out.Headers[:len(out.Headers):len(out.Headers)], s.like.Headers...)
	} else {
		if err := c.checkKey(r); err != nil {
			return err
		}
		rough := len(r.Line) + len(s.like.Headers)*1024
		for i := range r.Edits {
			rough += int(r.Edits[i].Span.End - r.Edits[i].Span.Off)
		}
		if rough < limit/16 && s.timeField == nil { // escapes make bytes sixfold at most
			return nil
		}
		c.scratch = r.AppendJSON(c.scratch[:0])
		out.Value = c.scratch
		if s.delimiter != "" {
			s.cutKey(&out, c.scratch)
		}
		if c.field != nil {
			out.Key, _ = keyOf(r, c.field) // checked above
		}
		if c.timeField != nil {
			if _, err := timestampIn(r.Get(c.timeField)); err != nil {
				return fmt.Errorf("field %s: %w", c.timeField, err)
			}
		}
	}
	if size := out.Size(); size > limit {
		return &kafka.TooLargeError{Size: size, Limit: limit}
	}
	return nil
}

// checkKey tells why a field cannot be the key of its record.
func (c *produceCheck) checkKey(r *record.Record) error {
	if c.field == nil {
		return nil
	}
	if _, plain := r.Plain(c.field); plain {
		return nil
	}
	_, err := keyOf(r, c.field)
	return err
}

// The ways to go on where a record is too large.
const (
	largeFails = "fail"
	largeSkips = "skip"
	largeFile  = "file="
)

// onTooLarge is the value of --on-too-large.
type onTooLarge struct{ mode, file string }

func (v *onTooLarge) Set(text string) error {
	name, isFile := strings.CutPrefix(text, largeFile)
	switch {
	case isFile && name != "":
		*v = onTooLarge{largeFile, name}
	case text == largeFails, text == largeSkips:
		*v = onTooLarge{mode: text}
	default:
		return errors.New("want fail, skip or file=F")
	}
	return nil
}

func (v *onTooLarge) String() string {
	if v.mode == "" {
		return largeFails
	}
	return v.mode + v.file
}

func (v *onTooLarge) Type() string { return "word" }

// fails tells whether the run ends with 1 for it.
func (v *onTooLarge) fails() bool { return v.mode == "" || v.mode == largeFails }

// where says where the records are.
func (v *onTooLarge) where() string {
	if v.mode == largeFile {
		return ", kept in " + v.file
	}
	return " and left out"
}

// pace spreads records over time. A nil one does not.
type pace struct {
	each time.Duration // between two records
	due  time.Time     // of the next one
}

func newPace(perSecond float64) *pace {
	if perSecond <= 0 {
		return nil
	}
	return &pace{each: time.Duration(float64(time.Second) / perSecond)}
}

// slack is how far behind its due time a pace catches up, and how much it sleeps at
// least: records at high rates go in groups.
const slack = 10 * time.Millisecond

// wait returns when the next record is due.
func (p *pace) wait(ctx context.Context) error {
	if p == nil {
		return nil
	}
	now := time.Now()
	if p.due.Before(now.Add(-slack)) {
		p.due = now.Add(-slack)
		if p.each > slack {
			p.due = now
		}
	}
	early := p.due.Sub(now)
	p.due = p.due.Add(p.each)
	if early < slack/4 {
		return nil
	}
	timer := time.NewTimer(early)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
