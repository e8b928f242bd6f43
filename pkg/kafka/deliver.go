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
	d := &delivery{open: 1, done: make(chan struct{})}
	var sendErr error
	for i := range batch {
		if sendErr = p.send(ctx, batch[i], d); sendErr != nil {
			break
		}
	}
	d.end(nil)
	for {
		select {
		case <-d.done:
			return errors.Join(sendErr, d.failure())
		default:
		}
		if err := p.await(ctx, d.done); err != nil {
			return errors.Join(sendErr, err)
		}
	}
}

// delivery is the records of one Deliver. A nil one is that of Send.
type delivery struct {
	mu     sync.Mutex
	open   int           // records without an answer, and one for Deliver itself
	failed int           // records that were given up
	first  error         // why the first was
	done   chan struct{} // closed when none is open
}

func (d *delivery) begin() {
	if d == nil {
		return
	}
	d.mu.Lock()
	d.open++
	d.mu.Unlock()
}

func (d *delivery) end(err error) {
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err != nil {
		d.failed++
		if d.first == nil {
			d.first = err
		}
	}
	if d.open--; d.open == 0 {
		close(d.done)
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
