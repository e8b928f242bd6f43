package kafka

import (
	"context"
	"errors"
	"sync"
)

// Deliver sends records and waits until each of them has its answer; nil says
// that all are acknowledged. Unlike Flush it looks at these records alone, so
// that several goroutines can share a producer. After an error some of them may
// be in their topics all the same. Where ctx ends the rest is not waited for.
func (p *Producer) Deliver(ctx context.Context, batch []Record) error {
	done := make(chan struct{})
	d := &delivery{open: 1, done: func() { close(done) }}
	var sendErr error
	for i := range batch {
		if sendErr = p.send(ctx, &batch[i], d); sendErr != nil {
			break
		}
	}
	d.end(0, nil)
	select {
	case <-done:
		return errors.Join(sendErr, d.failure())
	case <-ctx.Done():
		return errors.Join(sendErr, ctx.Err())
	}
}

// Receipt is told when the records that were sent for it have their answers.
// Their failures are told by Flush and the counters too.
type Receipt struct{ d *delivery }

// NewReceipt makes a receipt. done is called once, when Close was called and each
// record has its answer: with nil where all are acknowledged. It is called from
// another goroutine and must not wait.
//
// refused, where it is not nil, is told before of each record that a broker refuses
// for what it is while the others of its batch go on (a time that the topic does not
// take, no key where it is to be compacted). n is its number among those that were
// sent for the receipt, from 0. Such a record is counted as failed, and neither done
// nor Flush hears of it. The calls come one after the other and must not wait.
func NewReceipt(done func(error), refused func(n int64, r Record, err error)) *Receipt {
	r := &Receipt{d: &delivery{open: 1, noted: true, refused: refused}}
	r.d.done = func() { done(r.d.failure()) }
	return r
}

// TellPartitions has refused told of records for a partition that their topic does
// not have, too. It has to come before anything is sent.
func (r *Receipt) TellPartitions() { r.d.partitions = true }

// Close tells that no more records are sent for r.
func (r *Receipt) Close() { r.d.end(0, nil) }

func (r *Receipt) of() *delivery {
	if r == nil {
		return nil
	}
	return r.d
}

// delivery is the records of one Deliver or Receipt. A nil one is that of Send.
type delivery struct {
	noted   bool // failures are told by Flush too
	done    func()
	refused func(n int64, r Record, err error) // nil = such a record has failed
	sent    int64                              // records so far; the producer's lock guards it

	partitions bool // refused is told of those that have none, too

	mu     sync.Mutex
	open   int   // records without an answer, and one for who sends
	failed int   // records that were given up
	first  error // why the first was
}

// private tells whether nobody else hears of failures.
func (d *delivery) private() bool { return d != nil && !d.noted }

func (d *delivery) begin() {
	if d == nil {
		return
	}
	d.mu.Lock()
	d.open++
	d.mu.Unlock()
}

// end tells that n records have their answer; 0 that no more will be sent.
func (d *delivery) end(n int, err error) {
	if d == nil {
		return
	}
	d.mu.Lock()
	if err != nil {
		d.failed += n
		if d.first == nil {
			d.first = err
		}
	}
	d.open -= max(n, 1)
	over := d.open == 0
	d.mu.Unlock()
	if over {
		d.done()
	}
}

func (d *delivery) failure() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.first == nil {
		return nil
	}
	return &GivenUpError{Records: int64(d.failed), why: d.first.Error(), first: d.first}
}
