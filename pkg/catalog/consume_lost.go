package catalog

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/logpipe/logpipe/pkg/kafka"
)

// markWatch finds out that marks do not come back, by the time alone: a stream that
// is busy, or a pipe that is full, does not keep it from that.
type markWatch struct {
	tell func(oldest time.Duration)

	end  context.CancelFunc
	work sync.WaitGroup

	mu    sync.Mutex
	open  []madeMark // that may be on their way, oldest first
	moved time.Time  // when one has come back last
	told  bool
}

// madeMark is a mark with the time when it left.
type madeMark struct {
	offsets map[string]int64
	at      time.Time
}

// The patience with marks that do not come back.
const (
	markPatience = 30 * time.Second
	markLook     = 5 * time.Second
	marksOpen    = 256 // that are remembered, the last one in place of more
)

// start looks from time to time at what is committed.
func (w *markWatch) start(committed func(context.Context, map[string]int64) (map[string]int64, error)) {
	var ctx context.Context
	ctx, w.end = context.WithCancel(context.Background())
	w.work.Go(func() {
		tick := time.NewTicker(markLook)
		defer tick.Stop()
		for {
			select {
			case now := <-tick.C:
				w.look(ctx, now, committed)
			case <-ctx.Done():
				return
			}
		}
	})
}

// stop ends the watch; one that was not started has nothing to end.
func (w *markWatch) stop() {
	if w.end != nil {
		w.end()
		w.work.Wait()
	}
}

// made notes a mark that leaves.
func (w *markWatch) made(offsets map[string]int64, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.open) == marksOpen {
		w.open = w.open[:marksOpen-1]
	}
	w.open = append(w.open, madeMark{offsets, now})
}

// forget drops what is on its way: reading begins anew.
func (w *markWatch) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.open = nil
}

// look tells, once, that marks do not come back.
func (w *markWatch) look(ctx context.Context, now time.Time, committed func(context.Context, map[string]int64) (map[string]int64, error)) {
	w.mu.Lock()
	open := slices.Clone(w.open)
	late := !w.told && len(open) > 0 && now.Sub(open[0].at) >= markPatience
	w.mu.Unlock()
	if !late {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, markLook)
	defer cancel()
	at, err := committed(ctx, open[len(open)-1].offsets)
	if err != nil {
		return // the cluster is away: that is told by itself
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.open) > 0 && kafka.Behind(at, w.open[0].offsets) {
		w.open, w.moved = w.open[1:], now
	}
	if len(w.open) == 0 || now.Sub(w.open[0].at) < markPatience || now.Sub(w.moved) < markPatience {
		return
	}
	w.told = true
	w.tell(now.Sub(w.open[0].at))
}
