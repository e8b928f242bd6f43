package kafka

import (
	"context"
	"errors"
	"fmt"
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
func NewReceipt(done func(error)) *Receipt {
	r := &Receipt{d: &delivery{open: 1, noted: true}}
	r.d.done = func() { done(r.d.failure()) }
	return r
}

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
	noted bool // failures are told by Flush too
	done  func()

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
	return fmt.Errorf("%s not acknowledged: %w", records(int64(d.failed)), d.first)
}
