package hdfs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/logpipe/logpipe/pkg/filesystem"
)

// orphan is a file that nothing is written into any more and that does not have
// its final name yet.
type orphan struct {
	file         filesystem.File // nil once it is closed, and of a dead run
	name, target string
	cut          bool  // its end may be half an event
	doubt        bool  // closing it failed: nobody knows what its end is like
	safe         int64 // where to cut it; 0 = behind its last whole event
	empty        bool  // it has no event
	tries        int
	dead         bool // it is of another run
}

// settle closes, cuts and renames a file.
func (s *Sink) settle(o *orphan) error {
	name := o.name
	if err := s.conclude(o); err != nil {
		return err
	}
	s.own.Delete(name)
	return nil
}

func (s *Sink) conclude(o *orphan) error {
	o.tries++
	if o.file != nil {
		ctx, done := s.call()
		err := o.file.Close(ctx)
		done()
		if err != nil {
			s.counts.ConnectFailed.Add(1)
			if !o.cut {
				o.doubt = true
				return fmt.Errorf("close: %w", err)
			}
		}
		o.file = nil
		s.counts.Closed.Add(1)
	}
	if (o.cut || o.doubt) && !o.empty {
		ctx, done := s.call()
		size, err := s.fs.Adopt(ctx, o.name, func(r io.ReaderAt, size int64) (int64, error) {
			if o.safe > 0 && o.safe <= size {
				return o.safe, nil
			}
			return s.whole(r, size)
		})
		done()
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		}
		o.cut, o.doubt, o.empty = false, false, size == 0
	}
	if o.empty {
		ctx, done := s.call()
		defer done()
		return ignoreMissing(s.fs.Remove(ctx, o.name))
	}
	return s.rename(o)
}

// rename gives a file its final name, or the next one that is free.
func (s *Sink) rename(o *orphan) error {
	for o.name != o.target {
		ctx, done := s.call()
		err := s.fs.Rename(ctx, o.name, o.target)
		done()
		if !errors.Is(err, fs.ErrExist) {
			return ignoreMissing(err)
		}
		o.target = s.next(o.target)
	}
	return nil
}

// next counts up the number in a final name.
func (s *Sink) next(target string) string {
	stem := strings.TrimSuffix(target, s.suffix)
	dot := strings.LastIndexByte(stem, '.')
	n, _ := strconv.ParseInt(stem[dot+1:], 10, 64)
	return stem[:dot+1] + strconv.FormatInt(n+1, 10) + s.suffix
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// orphans are tried again until they have their names.
type orphans struct {
	s  *Sink
	mu sync.Mutex
	// list is replaced by each round; the goroutine of the sink works on it alone.
	list  []*orphan
	timer *time.Timer
	ended bool
	round sync.Mutex // held while a round goes on
}

func (q *orphans) begin(s *Sink) { q.s, q.list, q.timer, q.ended = s, nil, nil, false }

// add lets an orphan wait for the next round.
func (q *orphans) add(o *orphan) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.list = append(q.list, o)
	if q.timer == nil && !q.ended {
		q.timer = time.AfterFunc(q.pause(), q.again)
	}
}

// busyPause is how long a file is left alone that somebody may still write.
const busyPause = 30 * time.Second

func (q *orphans) pause() time.Duration {
	if q.s.retryInterval > 0 {
		return min(q.s.retryInterval, busyPause)
	}
	return busyPause
}

// again is one round.
func (q *orphans) again() {
	q.round.Lock()
	defer q.round.Unlock()
	q.mu.Lock()
	list := q.list
	q.list, q.timer = nil, nil
	ended := q.ended
	q.mu.Unlock()
	if ended {
		q.mu.Lock()
		q.list = append(list, q.list...)
		q.mu.Unlock()
		return
	}
	for _, o := range list {
		err := q.s.settle(o)
		switch {
		case err == nil:
			q.told(o)
		case !o.dead && o.tries >= q.s.closeTries:
			q.s.env.Logf("gives up ending %s after %d tries: %v", o.name, o.tries, err)
		default:
			if o.tries&(o.tries-1) == 0 && !errors.Is(err, filesystem.ErrBusy) {
				q.s.env.Logf("cannot end %s (try %d): %v", o.name, o.tries, err)
			}
			q.add(o)
		}
	}
}

func (q *orphans) told(o *orphan) {
	switch {
	case o.empty:
		q.s.env.Logf("removed %s, which held no event", o.name)
	default:
		q.s.env.Logf("%s is whole and now called %s", o.name, o.target)
	}
}

// end tries the rest once more and tells what remains.
func (q *orphans) end() error {
	q.mu.Lock()
	q.ended = true
	if q.timer != nil {
		q.timer.Stop()
	}
	q.mu.Unlock()
	q.round.Lock() // no round goes on
	defer q.round.Unlock()
	q.mu.Lock()
	list := q.list
	q.list = nil
	q.mu.Unlock()
	var all error
	for _, o := range list {
		if o.dead {
			continue // the next run finds it
		}
		if err := q.s.settle(o); err != nil {
			all = errors.Join(all, fmt.Errorf("%s is not ended, the next run does it: %w", o.name, err))
		}
	}
	return all
}

// list reads a folder within the time of a call.
func (s *Sink) listFolder(folder string) ([]filesystem.Entry, error) {
	ctx, done := s.call()
	defer done()
	stop := context.AfterFunc(s.life, done)
	defer stop()
	return s.fs.List(ctx, folder)
}
