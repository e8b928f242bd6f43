package catalog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"
	"time"

	"github.com/logpipe/logpipe/pkg/kafka"
	"github.com/logpipe/logpipe/pkg/record"
	"github.com/logpipe/logpipe/pkg/stream"
)

// consumed is an open consumer.
type consumed struct {
	consumer *kafka.Consumer
	group    string
	commits  *commits // nil without a group, and with marks
	marks    bool
	envelope bool
	zone     *time.Location // of the times in envelopes
	format   *recordFormat  // nil = none
	chooses  *recordFilter  // nil = all
	left     int64          // with chooses: how many records are wanted yet; 0 = no limit
	enough   bool
	passed   *passed      // with chooses
	unwanted atomic.Int64 // records that were not chosen
	free     chan []byte  // used buffers
}

// read returns the next records of one partition.
func (s *consumed) read(ctx context.Context) (*stream.Block, kafka.Batch, error) {
	if s.commits != nil {
		var stop context.CancelFunc
		ctx, stop = context.WithCancel(ctx)
		defer stop()
		defer context.AfterFunc(s.commits.failed, stop)()
	}
	b, wanted, err := s.next(ctx)
	if err != nil {
		if errors.Is(err, io.EOF) {
			return nil, b, io.EOF
		}
		if s.commits != nil && s.commits.failed.Err() != nil {
			err = context.Cause(s.commits.failed)
		}
		return nil, b, err
	}
	data, name := s.lines(wanted), stream.SourceName(b.Topic, b.Partition)
	return &stream.Block{Data: data, Raw: s.raw(len(wanted)), Name: name, Source: name, Line: b.Records[0].Offset + 1,
		Time: time.Now(), Ack: func(err error) {
			s.settle(b, wanted, err)
			b.Release()
			if err == nil { // else somebody may still look at data
				s.recycle(data)
			}
		}}, b, nil
}

// raw is how many of so many records are written without a line end.
func (s *consumed) raw(records int) int {
	if s.format != nil && s.format.raw {
		return records
	}
	return 0
}

// recycle keeps a buffer for the next lines.
func (s *consumed) recycle(data []byte) {
	select {
	case s.free <- data[:0]:
	default:
	}
}

// Left implements stream.Leaver.
func (s *consumed) Left() int64 { return s.unwanted.Load() }

// next waits for a batch and chooses what is wanted of it.
func (s *consumed) next(ctx context.Context) (b kafka.Batch, wanted []kafka.Record, err error) {
	for !s.enough {
		if b, err = s.consumer.Read(ctx); err != nil || s.chooses == nil {
			return b, b.Records, err
		}
		if wanted = s.chooses.filter(b.Records); len(wanted) == 0 {
			s.unwanted.Add(int64(len(b.Records)))
			if s.marks { // they count as read
				return b, nil, nil
			}
			if s.passed.unwanted(b) && s.commits != nil {
				s.commits.done(b)
			}
			b.Release()
			continue
		}
		if s.left > 0 {
			if int64(len(wanted)) >= s.left {
				s.enough = true
				wanted = wanted[:s.left]
				// What follows the last one is for who reads on.
				last := wanted[len(wanted)-1].Offset
				b.Records = b.Records[:slices.IndexFunc(b.Records, func(r kafka.Record) bool { return r.Offset == last })+1]
			}
			s.left -= int64(len(wanted))
		}
		s.unwanted.Add(int64(len(b.Records) - len(wanted)))
		s.passed.begun(b)
		return b, wanted, nil
	}
	return b, nil, io.EOF
}

// settle notes what became of the lines of a batch.
func (s *consumed) settle(b kafka.Batch, wanted []kafka.Record, err error) {
	whole := b
	var split stream.Split
	if errors.As(err, &split) {
		b.Records = s.through(wanted, split.Lines)
	} else if err != nil {
		b.Records = nil
	}
	if len(b.Records) > 0 && s.commits != nil {
		s.commits.done(b)
		s.commits.bounded()
	}
	if s.passed == nil {
		return
	}
	if next, ok := s.passed.ended(whole, err == nil); ok && s.commits != nil {
		s.commits.done(next)
	}
}

// lines writes records as lines.
func (s *consumed) lines(records []kafka.Record) []byte {
	var buf []byte
	select {
	case buf = <-s.free:
	default:
	}
	if !s.envelope && s.format == nil { // its size is known
		n := record.Padding
		for i := range records {
			n += len(records[i].Value) + 1
		}
		buf = slices.Grow(buf, n)
	}
	for i := range records {
		switch {
		case s.envelope:
			buf = appendEnvelopeIn(buf, &records[i], s.zone)
		case s.format != nil:
			buf = s.format.append(buf, &records[i])
		default:
			buf = append(buf, records[i].Value...)
		}
		if s.format == nil || !s.format.raw {
			buf = append(buf, '\n')
		}
	}
	return slices.Grow(buf, record.Padding)
}

// through is the records, from the first on, all of whose lines are among the
// first so many.
func (s *consumed) through(records []kafka.Record, lines int) []kafka.Record {
	var text []byte
	for i := range records {
		lines--
		switch {
		case s.envelope:
		case s.format != nil:
			text = s.format.append(text[:0], &records[i])
			lines -= bytes.Count(text, []byte{'\n'})
		default:
			lines -= bytes.Count(records[i].Value, []byte{'\n'})
		}
		if lines < 0 {
			return records[:i]
		}
	}
	return records
}

// Lag is how many records are still to be read.
func (s *consumed) Lag() int64 { return s.consumer.Lag() }

// PipeNote is told when the records go into a pipe: a commit then says that
// they were written, not that somebody has used them.
func (s *consumed) PipeNote() string {
	if s.group == "" || s.commits == nil {
		return ""
	}
	return fmt.Sprintf("group %q is committed up to what is in the pipe: what the next command has not used when it dies is not read again", s.group)
}

// Hold puts off commits until Release.
func (s *consumed) Hold() {
	if s.commits != nil {
		s.consumer.Hold(true)
	}
}

// Release ends Hold.
func (s *consumed) Release() {
	if s.commits != nil {
		s.consumer.Hold(false)
	}
}

// Close commits what was written and leaves the group.
func (s *consumed) Close() error {
	var err error
	if s.commits != nil {
		err = s.commits.close()
	}
	return errors.Join(err, s.consumer.Close())
}
