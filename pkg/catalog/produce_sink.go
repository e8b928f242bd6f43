package catalog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

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
	keeps bool // what the broker refuses is put where the user said
	tx    transaction
	kept  kept // for it

	settled *int64 // what lost is at the end; nil before
	refusals
}

// Write sends lines. A signal that has ended the input does not end the sending
// of what was read.
func (p *produced) Write(ctx context.Context, lines []byte) error {
	ctx = context.WithoutCancel(ctx)
	if err := p.producer.Failed(); err != nil {
		return p.flush(ctx, nil)
	}
	if err := p.sink.long.failed(); err != nil {
		return p.flush(ctx, err)
	}
	if p.sink.NeedsMarks() && !p.opened {
		return errUnmarked
	}
	p.came(lines)
	if ok, err := p.keep(ctx, lines); ok || err != nil {
		return err
	}
	if err := p.beginEarly(ctx); err != nil {
		return err
	}
	return p.send(ctx, lines, p.pace)
}

// send sends lines that come now, at the pace, and waits for all where it fails.
func (p *produced) send(ctx context.Context, lines []byte, pace *pace) error {
	p.here(lines)
	var err error
	if p.sink.plain() && pace == nil {
		err = p.producer.SendLines(ctx, p.sink.like, lines, p.receipt())
	} else {
		err = p.each(ctx, lines, pace)
	}
	if err != nil {
		return p.flush(ctx, err)
	}
	return nil
}

// each sends line by line.
func (p *produced) each(ctx context.Context, lines []byte, pace *pace) error {
	// Keys and values are parts of it, and the scanner looks behind its end.
	data := append(make([]byte, 0, len(lines)+record.Padding), lines...)
	for at := 0; at < len(data); {
		end := at + bytes.IndexByte(data[at:], '\n')
		r := p.sink.like
		r.Value = data[at:end:end]
		if err := p.fill(&r, data, at, end); err != nil {
			return err
		}
		if err := pace.wait(ctx); err != nil {
			return err
		}
		if err := p.producer.SendFor(ctx, r, p.receipt()); err != nil {
			return err
		}
		at = end + 1
	}
	return nil
}

// flush waits for what is on its way and joins why it was not acknowledged to err.
func (p *produced) flush(ctx context.Context, err error) error {
	flushErr := p.producer.Flush(ctx)
	p.tx.fenced = p.tx.fenced || errors.Is(err, kafka.ErrFenced) || errors.Is(flushErr, kafka.ErrFenced)
	if err == nil || errors.Is(flushErr, err) { // says the same, with the number
		return flushErr
	}
	return errors.Join(err, flushErr)
}

// receipt is the one of what is written now.
func (p *produced) receipt() *kafka.Receipt {
	if p.receipts.refused == nil {
		p.receipts.refused = p.refused
	}
	return p.receipts.current()
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

// keyOf is the field's value as a key: the bytes of a text, all else as it is
// written. A key that is null or absent is none: nil.
func keyOf(r *record.Record, f *record.Field) ([]byte, error) {
	if text, ok := r.Plain(f); ok {
		return append(make([]byte, 0, len(text)), text...), nil
	}
	raw := r.AppendField(nil, f)
	if len(raw) == 0 || raw[0] == 'n' {
		return nil, nil
	}
	key, err := record.AppendExact(make([]byte, 0, len(raw)), raw)
	if err != nil {
		return nil, fmt.Errorf("field %s: %w", f, err)
	}
	return key, nil
}

// arrived tells how many records are where they go.
func (p *produced) arrived(n int64) string {
	if p.sink.o.Acks == "0" {
		return fmt.Sprintf("%s sent to topic %q, unacknowledged", countRecords(n), p.topic)
	}
	return fmt.Sprintf("%s acknowledged in topic %q", countRecords(n), p.topic)
}

// leavePatience is how long answers are waited for where the command is left.
const leavePatience = time.Second

// Leave implements Leaver.
func (p *produced) Leave() string {
	ctx, cancel := context.WithTimeout(context.Background(), leavePatience)
	defer cancel()
	text := p.arrived(p.producer.Halt(ctx))
	if p.sink.NeedsMarks() {
		text += ", those behind the last mark to come again"
	}
	return text
}

// lost is how many records that were read are neither acknowledged nor to come again.
func (p *produced) lost() int64 {
	if p.settled != nil {
		return *p.settled
	}
	n, failed := p.producer.Counts()
	return max(p.sink.taken.Load()-n-p.tx.unsent, failed)
}

// Settle implements Settler: the records that were read when sending had ended for the
// others' sake are in the number of those that were not acknowledged.
func (p *produced) Settle(result error) {
	n := p.lost()
	p.settled = &n
	var given *kafka.GivenUpError
	if errors.As(result, &given) {
		p.mu.Lock()
		defer p.mu.Unlock()
		given.Unsent = max(0, n-given.Records-p.all)
	}
}

// Summary tells what was acknowledged.
func (p *produced) Summary() string {
	n, _ := p.producer.Counts()
	text := p.arrived(n)
	if lost := p.lost(); lost > 0 {
		text += fmt.Sprintf("; %s read and not acknowledged", countRecords(lost))
	}
	if large := p.sink.tooLarge.Load(); large > 0 && !p.sink.onLarge.fails() {
		text += fmt.Sprintf("; %s too large%s", countRecords(large), p.sink.onLarge.where())
	}
	if p.tx.taken > 0 {
		text += fmt.Sprintf("; %s of them taken back, to come again", countRecords(p.tx.taken))
	}
	if p.tx.unsent > 0 {
		text += fmt.Sprintf("; %s not sent", countRecords(p.tx.unsent))
		if p.behind == 0 {
			text += ", to come again"
		}
	}
	if p.keyless > 0 {
		text += fmt.Sprintf("; %s had no %s and no key", countRecords(p.keyless), p.sink.keySource())
	}
	if moved := p.producer.Moved(); moved > 0 {
		text += fmt.Sprintf("; the topic does not have the partition of %s: they went to others", countRecords(moved))
	}
	return text
}

// Incomplete reports whether records were given up or refused, or have no key or
// another partition than theirs.
func (p *produced) Incomplete() bool {
	acked, failed := p.producer.Counts()
	return failed > 0 || p.sink.taken.Load() > acked || p.sink.tooLarge.Load() > 0 || p.tx.taken > 0 || p.keyless > 0 || p.producer.Moved() > 0
}

// Close waits for the answers and ends the connection. Records that were too large
// make it fail, unless somebody said where they go: they are not in the topic.
func (p *produced) Close(ctx context.Context) error {
	err := errors.Join(p.takeRest(ctx), p.producer.Flush(ctx), p.producer.Close(), p.finish(), p.sink.long.failed())
	p.receipts.wait()
	if err == nil { // else that is why
		err = p.errUncommitted()
	}
	if n := p.sink.tooLarge.Load(); n > 0 && p.sink.onLarge.fails() {
		err = errors.Join(err, fault.Hint(fmt.Errorf("%s not sent: larger than the topic takes (%d bytes)", countRecords(n), p.sink.limit.Load()),
			hintTooLarge))
	}
	return err
}

func countRecords(n int64) string {
	if n == 1 {
		return "1 record"
	}
	return strconv.FormatInt(n, 10) + " records"
}
