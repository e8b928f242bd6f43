package catalog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/kafka"
	"github.com/logpipe/logpipe/pkg/record"
)

// produced is an open topic. It takes lines while those before are on their way;
// After tells when they are acknowledged.
type produced struct {
	sink     *produceSink
	producer *kafka.Producer
	topic    string
	scanner  *record.Scanner // finds keys
	rec      record.Record
	arena    record.Arena
	keyless  int64
	receipts receipts
	pace     *pace // nil = as fast as it goes
	markEnd
	marked bool // the records come with marks
	tx     transaction
}

// Write sends lines. A signal that has ended the input does not end the sending
// of what was read.
func (p *produced) Write(ctx context.Context, lines []byte) error {
	ctx = context.WithoutCancel(ctx)
	if err := p.producer.Failed(); err != nil {
		return p.flush(ctx, nil)
	}
	if err := p.begin(ctx); err != nil {
		return err
	}
	var err error
	if p.sink.plain() && p.pace == nil {
		err = p.producer.SendLines(ctx, p.sink.like, lines, p.receipts.current())
	} else {
		err = p.each(ctx, lines)
	}
	if err != nil {
		return p.flush(ctx, err)
	}
	return nil
}

// each sends line by line.
func (p *produced) each(ctx context.Context, lines []byte) error {
	// Keys and values are parts of it, and the scanner looks behind its end.
	data := append(make([]byte, 0, len(lines)+record.Padding), lines...)
	for at := 0; at < len(data); {
		end := at + bytes.IndexByte(data[at:], '\n')
		r := p.sink.like
		r.Value = data[at:end:end]
		if err := p.fill(&r, data, at, end); err != nil {
			return err
		}
		if err := p.pace.wait(ctx); err != nil {
			return err
		}
		if err := p.producer.SendFor(ctx, r, p.receipts.current()); err != nil {
			return err
		}
		at = end + 1
	}
	return nil
}

// flush waits for what is on its way and joins why it was not acknowledged to err.
func (p *produced) flush(ctx context.Context, err error) error {
	flushErr := p.producer.Flush(ctx)
	if err == nil || errors.Is(flushErr, err) { // says the same, with the number
		return flushErr
	}
	return errors.Join(err, flushErr)
}

// After calls done when all that was written is acknowledged, or was given up.
func (p *produced) After(done func(error)) { p.receipts.after(done) }

// fill gives r what is in the line data[at:end].
func (p *produced) fill(r *kafka.Record, data []byte, at, end int) error {
	switch {
	case p.sink.delimiter != "":
		p.sink.cutKey(r, data[at:end:end])
		if r.Key == nil {
			p.keyless++
		}
	case p.sink.objects():
		p.arena.Buf = p.arena.Buf[:0]
		p.rec.Reset(nil, &p.arena)
		if _, err := p.scanner.Scan(data, at, &p.rec); err != nil {
			return fmt.Errorf("the line is no JSON object: %w", err)
		}
		if p.sink.wraps {
			if err := readEnvelope(r, &p.rec); err != nil {
				return err
			}
			r.Headers = append(r.Headers, p.sink.like.Headers...)
			break
		}
		if err := p.sink.fields(r, &p.rec); err != nil {
			return err
		}
		if p.sink.field != nil && r.Key == nil {
			p.keyless++
		}
	}
	if p.sink.tombstones && len(r.Value) == 0 {
		r.Value = nil
	}
	return nil
}

// keyOf appends a value as a key: texts as they are, all else as in JSON. A key
// that is null or absent is none: nil.
func keyOf(dst []byte, v record.Value) []byte {
	switch v.Kind {
	case record.Null:
		return nil
	case record.String:
		return append(append(make([]byte, 0, len(v.Bytes)), dst...), v.Bytes...)
	}
	return record.AppendValue(dst, v)
}

// Summary tells what was acknowledged.
func (p *produced) Summary() string {
	n, failed := p.producer.Counts()
	text := fmt.Sprintf("%s acknowledged in topic %q", countRecords(n), p.topic)
	if p.sink.o.Acks == "0" {
		text = fmt.Sprintf("%s sent to topic %q, unacknowledged", countRecords(n), p.topic)
	}
	if lost := max(p.sink.taken.Load()-n, failed); lost > 0 {
		text += fmt.Sprintf("; %s read and not acknowledged", countRecords(lost))
	}
	if large := p.sink.tooLarge.Load(); large > 0 && !p.sink.onLarge.fails() {
		text += fmt.Sprintf("; %s too large%s", countRecords(large), p.sink.onLarge.where())
	}
	if p.tx.taken > 0 {
		text += fmt.Sprintf("; %s of them taken back, to come again", countRecords(p.tx.taken))
	}
	if p.keyless > 0 {
		text += fmt.Sprintf("; %s had no %s and no key", countRecords(p.keyless), p.sink.keySource())
	}
	if moved := p.producer.Moved(); moved > 0 {
		text += fmt.Sprintf("; the topic does not have the partition of %s: their keys have chosen another", countRecords(moved))
	}
	return text
}

// Incomplete reports whether records were given up or refused, or have no key or
// another partition than theirs.
func (p *produced) Incomplete() bool {
	acked, failed := p.producer.Counts()
	return failed > 0 || p.sink.taken.Load() > acked || p.sink.tooLarge.Load() > 0 || p.keyless > 0 || p.producer.Moved() > 0
}

// Close waits for the answers and ends the connection. Records that were too large
// make it fail, unless somebody said where they go: they are not in the topic.
func (p *produced) Close(ctx context.Context) error {
	// What stands open has no mark behind it and comes again.
	err := errors.Join(p.takeBack(ctx), p.producer.Flush(ctx), p.producer.Close(), p.finish())
	p.receipts.wait()
	if n := p.sink.tooLarge.Load(); n > 0 && p.sink.onLarge.fails() {
		err = errors.Join(err, fault.Hint(fmt.Errorf("%s not sent: larger than the topic takes (%d bytes)", countRecords(n), p.sink.limit.Load()),
			"the topic's max.message.bytes sets the limit; --on-too-large skip or file=F goes on without them"))
	}
	return err
}

func countRecords(n int64) string {
	if n == 1 {
		return "1 record"
	}
	return strconv.FormatInt(n, 10) + " records"
}

// receipts tell in order when what was written is acknowledged.
type receipts struct {
	now *kafka.Receipt // of what was written since the last after; nil = nothing
	own *awaited

	mu      sync.Mutex
	waiting []*awaited // in the order of after
	failed  error      // nothing behind it counts as acknowledged
	telling sync.Mutex
	open    sync.WaitGroup
}

// awaited is what one receipt and its callers wait for.
type awaited struct {
	done  func(error) // nil = not asked for yet
	err   error
	ready bool
}

// current is the receipt of what is written now.
func (r *receipts) current() *kafka.Receipt {
	if r.now == nil {
		o := &awaited{}
		r.own = o
		r.now = kafka.NewReceipt(func(err error) { r.answered(o, err) })
	}
	return r.now
}

func (r *receipts) after(done func(error)) {
	r.open.Add(1)
	receipt := r.current()
	r.mu.Lock()
	r.own.done = done
	r.waiting = append(r.waiting, r.own)
	r.mu.Unlock()
	r.now, r.own = nil, nil
	receipt.Close()
}

// answered tells those whose turn it is.
func (r *receipts) answered(o *awaited, err error) {
	r.telling.Lock()
	defer r.telling.Unlock()
	r.mu.Lock()
	o.ready, o.err = true, err
	var now []*awaited
	for len(r.waiting) > 0 && r.waiting[0].ready {
		first := r.waiting[0]
		if r.failed == nil {
			r.failed = first.err
		}
		first.err = r.failed
		now, r.waiting = append(now, first), r.waiting[1:]
	}
	r.mu.Unlock()
	for _, o := range now {
		o.done(o.err)
		r.open.Done()
	}
}

// wait waits until all have been told.
func (r *receipts) wait() { r.open.Wait() }
