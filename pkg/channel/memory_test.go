package channel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
)

func newMemory(t *testing.T, settings map[string]string) *Memory {
	t.Helper()
	var p flume.Properties
	m := NewMemory(&p).(*Memory)
	for name, value := range settings {
		q, _ := p.Lookup(name)
		if q == nil {
			t.Fatalf("no property %q", name)
		}
		if err := q.Assign(name, value); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func events(bodies ...string) []flume.Event {
	var all []flume.Event
	for _, b := range bodies {
		all = append(all, flume.Event{Body: []byte(b)})
	}
	return all
}

func take(t *testing.T, m *Memory, max int) (flume.Transaction, string) {
	t.Helper()
	tx, err := m.Take(t.Context(), max)
	if err != nil {
		t.Fatal(err)
	}
	text := ""
	for _, e := range tx.Events() {
		text += string(e.Body)
	}
	return tx, text
}

func TestMemoryTransactions(t *testing.T) {
	m := newMemory(t, map[string]string{"capacity": "5", "transactionCapacity": "4", "keep-alive": "0"})
	ctx := t.Context()
	if err := m.Put(ctx, events("a", "b", "c", "d")); err != nil {
		t.Fatal(err)
	}
	if err := m.Put(ctx, events("1", "2", "3", "4", "5")); err == nil || errors.Is(err, flume.ErrFull) {
		t.Fatalf("a batch above transactionCapacity: %v", err)
	}
	if err := m.Put(ctx, events("e", "f")); !errors.Is(err, flume.ErrFull) {
		t.Fatalf("a batch that does not fit: %v", err)
	}
	tx, got := take(t, m, 2)
	if got != "ab" {
		t.Fatalf("took %q", got)
	}
	if err := m.Put(ctx, events("e", "f")); !errors.Is(err, flume.ErrFull) {
		t.Fatalf("an open take must keep its space: %v", err)
	}
	tx.Rollback()
	tx, got = take(t, m, 9)
	if got != "abcd" {
		t.Fatalf("after a rollback took %q", got)
	}
	tx.Commit()
	if err := m.Put(ctx, events("e", "f")); err != nil {
		t.Fatal(err)
	}
	m.Drain()
	if tx, got = take(t, m, 9); got != "ef" {
		t.Fatalf("took %q", got)
	}
	tx.Commit()
	if _, err := m.Take(ctx, 1); err != io.EOF {
		t.Fatalf("after draining: %v", err)
	}
	if m.Size() != 0 || m.bytes != 0 {
		t.Fatalf("size %d, %d bytes", m.Size(), m.bytes)
	}
}

func TestMemoryKeepAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory(t, map[string]string{"capacity": "1", "transactionCapacity": "1", "keep-alive": "3"})
		ctx := t.Context()
		if err := m.Put(ctx, events("a")); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if err := m.Put(ctx, events("b")); !errors.Is(err, flume.ErrFull) || time.Since(start) != 3*time.Second {
			t.Fatalf("%v after %v", err, time.Since(start))
		}
		go func() {
			time.Sleep(2 * time.Second)
			tx, _ := m.Take(ctx, 1)
			tx.Commit()
		}()
		if err := m.Put(ctx, events("c")); err != nil {
			t.Fatal(err)
		}
	})
}

func TestMemoryDrainWaitsForOpenTakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory(t, nil)
		m.Put(t.Context(), events("a"))
		tx, _ := take(t, m, 1)
		m.Drain()
		second := make(chan string)
		go func() {
			tx, err := m.Take(t.Context(), 1)
			if err != nil {
				second <- err.Error()
				return
			}
			tx.Commit()
			second <- "event"
		}()
		synctest.Wait()
		tx.Rollback()
		if got := <-second; got != "event" {
			t.Fatalf("the rolled back event was not taken again: %s", got)
		}
	})
}

func TestMemoryByteCapacity(t *testing.T) {
	m := newMemory(t, map[string]string{"byteCapacity": "1000", "keep-alive": "0"})
	ctx := t.Context()
	if err := m.Put(ctx, []flume.Event{{Body: make([]byte, 801)}}); err != nil {
		t.Fatalf("an event above the limit goes alone: %v", err)
	}
	if err := m.Put(ctx, []flume.Event{{Body: make([]byte, 1)}}); !errors.Is(err, flume.ErrFull) {
		t.Fatalf("it is not alone: %v", err)
	}
	alone, _ := take(t, m, 1)
	alone.Commit()
	if err := m.Put(ctx, []flume.Event{{Body: make([]byte, 500)}}); err != nil {
		t.Fatal(err)
	}
	if err := m.Put(ctx, []flume.Event{{Body: make([]byte, 500)}}); !errors.Is(err, flume.ErrFull) {
		t.Fatal(err)
	}
	tx, _ := take(t, m, 1)
	tx.Commit()
	if err := m.Put(ctx, []flume.Event{{Body: make([]byte, 500)}}); err != nil {
		t.Fatal(err)
	}
}

func TestMemoryConcurrent(t *testing.T) {
	m := newMemory(t, map[string]string{"capacity": "50", "transactionCapacity": "10"})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	const writers, each = 4, 2000
	var puts, takes sync.WaitGroup
	for w := range writers {
		puts.Go(func() {
			for i := 0; i < each; i += 10 {
				var batch []flume.Event
				for j := range 10 {
					batch = append(batch, flume.Event{Body: fmt.Appendf(nil, "%d %d", w, i+j)})
				}
				if err := m.Put(ctx, batch); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	var mu sync.Mutex
	seen := map[string]int{}
	for r := range 3 {
		takes.Go(func() {
			for n := 0; ; n++ {
				tx, err := m.Take(ctx, 7)
				if err != nil {
					if err != io.EOF {
						t.Error(err)
					}
					return
				}
				if n%5 == r {
					tx.Rollback()
					continue
				}
				mu.Lock()
				for _, e := range tx.Events() {
					seen[string(e.Body)]++
				}
				mu.Unlock()
				tx.Commit()
			}
		})
	}
	puts.Wait()
	m.Drain()
	takes.Wait()
	if len(seen) != writers*each {
		t.Fatalf("%d different events, want %d", len(seen), writers*each)
	}
	for body, n := range seen {
		if n != 1 {
			t.Fatalf("%q came %d times", body, n)
		}
	}
}
