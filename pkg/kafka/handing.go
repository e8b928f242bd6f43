package kafka

import (
	"context"
	"slices"

	"github.com/logpipe/logpipe/pkg/codec"
)

// Sizes of what is handed out and unpacked.
const (
	batchRecords = 2048      // what an operator likes to get at once
	handedBytes  = 256 << 10 // the same
	smallSet     = 32 << 10  // of a partition in an answer: its records get memory of their size
	unpackAtOnce = 256 << 10 // batches of the log are unpacked together up to so much
	unpackSlack  = 64 << 10  // codecs want more room than they use
)

// handing makes records of answers and hands them out. What is packed is unpacked
// here, batch by batch, so that it is in memory for a short time only.
type handing struct {
	c       *Consumer
	session *session
	parts   []*reading // whose positions move

	unpack   codec.Unpacker
	unpacked *memory // to be filled further; nil = none
	guess    int     // how large that gets
	scratch  []byte
	decoder  decoder

	// What is being filled; records of one partition.
	records []Record
	headers []Header
	bytes   int
	lease   *lease
}

func (h *handing) close() {
	h.unpack.Close()
	h.leave()
}

// leave lets go of what was unpacked.
func (h *handing) leave() {
	if h.unpacked != nil {
		h.guess = min(len(h.unpacked.b)+unpackSlack, poolMost)
		h.unpacked.release()
		h.unpacked = nil
	}
}

// give hands out the records of an answer.
func (h *handing) give(ctx context.Context, a *answer) error {
	undone := newAborted(a.aborted) // none where all is read
	for rest := a.set; ; {
		f, more, err := nextFrame(rest)
		if err != nil {
			return a.wrong(a.pos, err)
		}
		if f == nil || a.last >= 0 && f.base() >= a.last {
			break
		}
		rest = more
		if err := f.check(); err != nil {
			return a.wrong(f.base(), err)
		}
		if undone.skips(f) || f.last() < a.pos || !f.old() && f.count() == 0 {
			continue
		}
		body, from, err := h.open(f, a)
		if err != nil {
			return a.wrong(f.base(), err)
		}
		fill := h.fill
		if f.old() {
			fill = h.fillOld
		}
		if err := fill(ctx, a, f, body, from); err != nil {
			return err
		}
	}
	if err := h.flushTo(ctx, a, a.behind()); err != nil {
		return err
	}
	h.parts[a.index].pos = a.next
	if a.memory != nil {
		a.memory.release()
	}
	return nil
}

// open returns the records of a batch as they were written, and what they are part
// of. Those of an older format are messages.
func (h *handing) open(f frame, a *answer) ([]byte, *memory, error) {
	kind, body, err := f.codec(), []byte(f), error(nil)
	switch {
	case !f.old():
		body = f.body()
	case kind != codec.None:
		_, body, _, err = f.message()
	}
	if err != nil || kind == codec.None {
		return body, a.memory, err
	}
	if len(a.set) < smallSet {
		if h.scratch, err = h.unpack.Append(h.scratch[:0], kind, body); err != nil {
			return nil, nil, packedWrong{kind, err}
		}
		m := &memory{b: slices.Clone(h.scratch)}
		return m.b, m, nil
	}
	if h.unpacked != nil && len(h.unpacked.b) >= unpackAtOnce {
		h.leave()
	}
	if h.unpacked == nil {
		h.unpacked = h.c.pool.get(max(h.guess, unpackAtOnce))
		h.unpacked.b = h.unpacked.b[:0]
	}
	m := h.unpacked
	before := len(m.b)
	if m.b, err = h.unpack.Append(m.b, kind, body); err != nil {
		return nil, nil, packedWrong{kind, err}
	}
	return m.b[before:], m, nil
}

// packedWrong is a batch that cannot be unpacked.
type packedWrong struct {
	kind codec.Kind
	err  error
}

func (w packedWrong) Error() string {
	return "a batch that is not " + w.kind.String() + ": " + w.err.Error()
}
func (w packedWrong) Unwrap() error { return w.err }

// fill decodes records and hands them out where there are enough.
func (h *handing) fill(ctx context.Context, a *answer, f frame, body []byte, from *memory) error {
	base, last, first, most := f.base(), f.last(), f.firstTime(), timeOf(f.mostTime())
	appended := f.attributes()&appendTime != 0
	for left := f.count(); left > 0; left-- {
		r, err := h.room(ctx, a, from, min(left, len(body)/recordLeast))
		if err != nil {
			return err
		}
		by, rest, headers, err := h.decoder.record(r, body, h.headers)
		offset := base + by.offset
		if err == nil && (offset < base || offset > last) {
			err = errRecord
		}
		if err != nil {
			return a.wrong(base, err)
		}
		h.headers, r.Time = headers, most
		if !appended {
			r.Time = timeOf(first + by.ms)
		}
		h.placed(a, r, offset, len(body)-len(rest))
		body = rest
	}
	if len(body) > 0 {
		return a.wrong(base, errRecord)
	}
	return nil
}

// room makes a place for a record. Its fields are to be set, or it be left to
// placed. left is how many are to come.
func (h *handing) room(ctx context.Context, a *answer, from *memory, left int) (*Record, error) {
	if h.lease != nil && (h.lease.from != from || len(h.records) == batchRecords || h.bytes >= handedBytes) {
		if err := h.flush(ctx, a); err != nil {
			return nil, err
		}
	}
	if h.lease == nil {
		h.begin(from, left, len(a.set) < smallSet)
	}
	h.records = append(h.records, Record{})
	return &h.records[len(h.records)-1], nil
}

// placed keeps the last record where it is one that is wanted.
func (h *handing) placed(a *answer, r *Record, offset int64, size int) {
	if offset < a.pos || a.last >= 0 && offset >= a.last {
		h.records = h.records[:len(h.records)-1]
		return
	}
	r.Topic, r.Partition, r.Offset = a.topic, a.id, offset
	h.bytes += size
}

// begin makes room for records: the lists of a batch that was released, or for so
// many of a partition with little traffic.
func (h *handing) begin(from *memory, count int, small bool) {
	if small {
		h.lease = &lease{records: make([]Record, 0, min(count, batchRecords))}
	} else {
		h.lease = h.c.pool.lease()
	}
	h.lease.from = from
	from.hold()
	h.records, h.headers, h.bytes = h.lease.records, h.lease.headers, 0
}

// flush hands out what has been filled.
func (h *handing) flush(ctx context.Context, a *answer) error { return h.flushTo(ctx, a, 0) }

// flushTo is flush where no record follows before next.
func (h *handing) flushTo(ctx context.Context, a *answer, next int64) error {
	l := h.lease
	if l == nil {
		return nil
	}
	l.records, l.headers = h.records, h.headers
	h.lease, h.records, h.headers = nil, nil, nil
	if len(l.records) == 0 {
		l.end()
		return nil
	}
	b := Batch{Topic: a.topic, Partition: a.id, Records: l.records, End: a.end, session: h.session, lease: l, made: h.c.made(a.part)}
	b.gap = gap{b.Next() - 1, next}
	select {
	case h.c.batches <- b:
		h.parts[a.index].pos = b.Next()
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
