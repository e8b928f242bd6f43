package stream

import (
	"bytes"
	"context"
)

// A run that the first rejected record stops works by blocks as any other. A
// block with a rejection is worked again up to the record, on the collector, so
// that what came before is there and nothing behind it.

// stopAt takes the records of j's block before the first rejected one, reports
// that one, and ends the run.
func (e *engine) stopAt(ctx context.Context, j *job) error {
	again, err := newWorker(e)
	if err != nil {
		return err
	}
	first := j.result.rejected[0]
	prefix, skip := e.before(j, first), j.out // skip records went out with earlier parts
	e.tail.ctx = ctx
	err = again.attempt(prefix, func(b *Batch) error {
		n := min(skip, int64(len(b.Records)))
		skip -= n
		b.Records = b.Records[n:]
		return e.tail.pass(b)
	})
	e.ledger.In += prefix.result.in - j.in + 1
	e.cut = true
	if err != nil {
		return err
	}
	if err := e.report([]Rejection{first}); err != nil {
		return err
	}
	return ErrStop
}

// before is j with the records of its block before r.
func (e *engine) before(j *job, r Rejection) *job {
	b := *j.block
	end := 0
	for range r.Pos {
		end += bytes.IndexByte(b.Data[end:], '\n') + 1
	}
	b.Data, b.Long, b.Ack = b.Data[:end], nil, nil
	return &job{seq: j.seq, block: &b, sniffed: j.sniffed, prev: j.prev, turn: j.turn, taken: j.taken}
}

// attempt runs the stages of w over the block of j, with end behind them.
func (w *worker) attempt(j *job, end Emit) error {
	w.last = end
	w.run(j)
	return j.result.err
}

// pass hands a batch to the operators in input order. Where a rejection stops the
// run, records go one by one: none is worked before the one before it has passed.
func (t *tail) pass(b *Batch) error {
	if !t.e.opts.Stop || len(t.ops) == 0 {
		return t.emit[0](b)
	}
	all := b.Records
	for i := range all {
		b.Records = all[i : i+1 : i+1]
		if err := t.emit[0](b); err != nil {
			return err
		}
	}
	return nil
}
