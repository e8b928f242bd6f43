package channel

import (
	"context"
	"errors"
	"io"

	"github.com/logpipe/logpipe/pkg/channel/file"
	"github.com/logpipe/logpipe/pkg/flume"
)

// Take takes from memory or from disk, whatever comes next.
func (s *Spillable) Take(ctx context.Context, max int) (flume.Transaction, error) {
	for {
		r, err := s.await(ctx, min(max, s.MaxBatch()))
		if err != nil {
			return nil, err
		}
		var from flume.Channel = s.memory
		if r.disk {
			from = s.overflow
		}
		tx, err := from.Take(ctx, r.n)
		if errors.Is(err, file.ErrEmpty) { // they were lost to damage, and that was told
			s.settle(r, 0)
			continue
		}
		if err != nil {
			s.settle(r, r.n)
			return nil, err
		}
		n := len(tx.Events())
		s.mu.Lock()
		s.restore(run{r.at + uint64(n), r.n - n, r.disk})
		s.mu.Unlock()
		s.takeAttempt.Add(int64(n))
		return &spillableTake{s: s, tx: tx, run: run{r.at, n, r.disk}}, nil
	}
}

// await waits for the next run and cuts up to max events off it, for a take.
func (s *Spillable) await(ctx context.Context, max int) (run, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.runs) == 0 {
		if s.closed {
			return run{}, errClosed
		}
		if s.drained && s.open == 0 {
			return run{}, io.EOF
		}
		changed := s.changed
		s.waiting++
		s.mu.Unlock()
		var err error
		select {
		case <-changed:
		case <-ctx.Done():
			err = ctx.Err()
		}
		s.mu.Lock()
		s.waiting--
		if err != nil {
			return run{}, err
		}
	}
	r := s.runs[0]
	if r.n > max {
		r.n = max
		s.runs[0].at += uint64(max)
		s.runs[0].n -= max
	} else {
		s.runs = s.runs[1:]
	}
	s.open++
	return r, nil
}

// settle ends a take of r; the first n of its events can be taken again.
func (s *Spillable) settle(r run, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open--
	r.n = n
	s.restore(r)
	s.announce()
}

// restore puts a run back in its place; the lock is held.
func (s *Spillable) restore(r run) {
	if r.n == 0 {
		return
	}
	i := 0
	for i < len(s.runs) && s.runs[i].at < r.at {
		i++
	}
	if i < len(s.runs) && s.runs[i].disk == r.disk && s.runs[i].at == r.at+uint64(r.n) {
		s.runs[i].at, s.runs[i].n = r.at, s.runs[i].n+r.n
		return
	}
	s.runs = append(s.runs[:i], append([]run{r}, s.runs[i:]...)...)
}

type spillableTake struct {
	s    *Spillable
	tx   flume.Transaction
	run  run
	over bool
}

func (t *spillableTake) Events() []flume.Event { return t.tx.Events() }

func (t *spillableTake) Commit() error {
	if t.over {
		return errSettled
	}
	t.over = true
	err := t.tx.Commit()
	t.s.settle(t.run, 0)
	if err == nil {
		t.s.takeSuccess.Add(int64(t.run.n))
	}
	return err
}

// Recycle lets the memory of the events be used again.
func (t *spillableTake) Recycle() {
	if r, ok := t.tx.(flume.Recycler); ok {
		r.Recycle()
	}
}

func (t *spillableTake) Rollback() error {
	if t.over {
		return errSettled
	}
	t.over = true
	err := t.tx.Rollback()
	t.s.settle(t.run, t.run.n)
	return err
}

var errSettled = errors.New("the transaction is over")
