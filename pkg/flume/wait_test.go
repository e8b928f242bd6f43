package flume

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var c Changes
		count := 0
		c.Announce() // nobody waits
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() {
				mu.Lock()
				defer mu.Unlock()
				for count == 0 {
					if err := c.Wait(t.Context(), &mu, nil); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		synctest.Wait()
		mu.Lock()
		c.Announce() // of nothing: they wait again
		mu.Unlock()
		synctest.Wait()
		mu.Lock()
		count++
		c.Announce()
		mu.Unlock()
		all.Wait()

		mu.Lock()
		defer mu.Unlock()
		if err := c.Wait(t.Context(), &mu, time.After(time.Second)); !errors.Is(err, ErrFull) {
			t.Error(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := c.Wait(ctx, &mu, nil); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

func TestPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		if !Pause(t.Context(), time.Minute) || time.Since(begin) != time.Minute {
			t.Error("it was", time.Since(begin))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if Pause(ctx, time.Hour) || time.Since(begin) != time.Minute+time.Second {
			t.Error("it was", time.Since(begin))
		}
	})
}
