package catalog

import (
	"sync"

	"github.com/logpipe/logpipe/pkg/kafka"
)

// receipts tell in order when what was written is acknowledged.
type receipts struct {
	now *kafka.Receipt // of what was written since the last after; nil = nothing
	own *awaited

	refused func(o *awaited, n int64, r kafka.Record, err error)

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
	sent  int64    // records
	lines []placed // where they come from
}

// current is the receipt of what is written now.
func (r *receipts) current() *kafka.Receipt {
	if r.now == nil {
		o := &awaited{}
		r.own = o
		r.now = kafka.NewReceipt(func(err error) { r.answered(o, err) },
			func(n int64, rec kafka.Record, err error) { r.refused(o, n, rec, err) })
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
