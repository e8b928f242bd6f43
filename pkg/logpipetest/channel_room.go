package logpipetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
)

// room holds what channels tell of their space beforehand.
func (s ChannelSuite) room(t *testing.T) {
	c := s.open(t, 6, 2, 0)
	r, ok := c.(flume.Roomy)
	if !ok {
		t.Skip("the channel does not tell its room")
	}
	put(t, c, "a b")
	tx := take(t, c, 1, "a") // it keeps its space
	for text, fits := range map[string]bool{"c d": true, "c d e f": true, "c d e f g": false} {
		if got := r.Fits(Events(text)); got != fits {
			t.Errorf("two of six are inside, %s fits: %v", text, got)
		}
		if err := r.AwaitRoom(t.Context(), Events(text)); (err == nil) != fits || err != nil && !errors.Is(err, flume.ErrFull) {
			t.Errorf("two of six are inside, room for %s: %v", text, err)
		}
	}
	commit(t, tx)
	if !r.Fits(Events("c d e f g")) {
		t.Error("the space of a taken event is not there")
	}
	if err := r.AwaitRoom(t.Context(), Events("1 2 3 4 5 6 7")); err == nil || errors.Is(err, flume.ErrFull) {
		t.Errorf("more than the channel ever holds: %v", err)
	}
	if n := c.Size(); n != 1 {
		t.Errorf("%d events inside after all the questions", n)
	}
	commit(t, take(t, c, 1, "b"))
}

// roomComes holds that AwaitRoom waits as a put does.
func (s ChannelSuite) roomComes(t *testing.T) {
	c := s.open(t, 2, 2, awaitLimit)
	r, ok := c.(flume.Roomy)
	if !ok {
		t.Skip("the channel does not tell its room")
	}
	put(t, c, "a b")
	done := make(chan error, 1)
	go func() { done <- r.AwaitRoom(t.Context(), Events("c d")) }()
	commit(t, take(t, c, 1, "a"))
	commit(t, take(t, c, 1, "b"))
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	put(t, c, "c d")
	ctx, cancel := context.WithCancel(t.Context())
	go func() { done <- r.AwaitRoom(ctx, Events("e")) }()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("the context ends: %v", err)
	}
	commit(t, take(t, c, 2, "c d"))

	c = s.open(t, 2, 2, time.Second)
	put(t, c, "a b")
	if err := c.(flume.Roomy).AwaitRoom(t.Context(), Events("c")); !errors.Is(err, flume.ErrFull) {
		t.Errorf("no room comes: %v", err)
	}
	commit(t, take(t, c, 2, "a b"))
}
