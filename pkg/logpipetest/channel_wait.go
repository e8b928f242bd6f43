package logpipetest

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
)

func (s ChannelSuite) full(t *testing.T) {
	c := s.open(t, 4, 4, 0)
	put(t, c, "a b c")
	if err := c.Put(t.Context(), Events("d e")); !errors.Is(err, flume.ErrFull) {
		t.Errorf("a batch that does not fit: %v", err)
	}
	tx := take(t, c, 3, "a b c")
	if err := c.Put(t.Context(), Events("d e")); !errors.Is(err, flume.ErrFull) {
		t.Errorf("an open take keeps its space: %v", err)
	}
	rollback(t, tx)
	commit(t, take(t, c, 1, "a"))
	put(t, c, "d e")
	commit(t, take(t, c, 4, "b c d e"))
}

// waits holds that a put waits for space, and a take for events.
func (s ChannelSuite) waits(t *testing.T) {
	c := s.open(t, 2, 2, awaitLimit)
	put(t, c, "a b")
	done := make(chan error, 1)
	go func() { done <- c.Put(t.Context(), Events("c")) }()
	tx := take(t, c, 1, "a")
	select {
	case err := <-done:
		t.Fatalf("a put into a full channel returned at once: %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	commit(t, tx)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	commit(t, take(t, c, 2, "b c"))
	go func() { done <- c.Put(t.Context(), Events("d")) }()
	commit(t, take(t, c, 2, "d"))
	if err := <-done; err != nil {
		t.Fatal(err)
	}

	c = s.open(t, 2, 2, time.Second)
	put(t, c, "a b")
	start := time.Now()
	if err := c.Put(t.Context(), Events("c")); !errors.Is(err, flume.ErrFull) || time.Since(start) < 900*time.Millisecond {
		t.Errorf("%v after %v", err, time.Since(start))
	}
	commit(t, take(t, c, 2, "a b"))
}

func (s ChannelSuite) drain(t *testing.T) {
	test := func(t *testing.T) {
		c := s.Open(t, t.TempDir(), 10, 10, 0)
		defer c.Close()
		put(t, c, "a b")
		tx := take(t, c, 2, "a b")
		c.Drain()
		second := make(chan string)
		go func() {
			tx, err := c.Take(t.Context(), 5)
			if err != nil {
				second <- err.Error()
				return
			}
			text := string(tx.Events()[0].Body)
			tx.Commit()
			second <- text
		}()
		if s.Bubble {
			synctest.Wait()
		} else {
			time.Sleep(10 * time.Millisecond)
		}
		rollback(t, tx) // while the other one waits
		if got := <-second; got != "a" {
			t.Fatalf("the events that came back were not taken again: %s", got)
		}
		if _, err := c.Take(t.Context(), 1); err != io.EOF {
			t.Fatalf("a take of the drained channel: %v", err)
		}
	}
	if s.Bubble {
		synctest.Test(t, test)
		return
	}
	test(t)
}

func (s ChannelSuite) cancel(t *testing.T) {
	c := s.open(t, 1, 1, awaitLimit)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 3)
	for range 2 {
		go func() {
			_, err := c.Take(ctx, 1)
			ended <- err
		}()
	}
	time.Sleep(5 * time.Millisecond)
	cancel()
	for range 2 {
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("a take whose context ends: %v", err)
		}
	}
	put(t, c, "a")
	if err := c.Put(ctx, Events("b")); !errors.Is(err, context.Canceled) {
		t.Errorf("a put that waits, whose context ends: %v", err)
	}
	commit(t, take(t, c, 1, "a"))
}
