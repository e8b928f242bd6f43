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

	// Of a dead run:
	gone    bool          // somebody else has ended it
	aside   string        // where its torn end is, or all of it
	parted  bool          // its name is that of a copy now, without the torn end
	torn    int64         // bytes that are no whole event
	strange *strangeError // why it has to stay as it is
	held    bool          // it was told who has it open
}

// settle closes, cuts and renames a file.
func (s *Sink) settle(o *orphan) error {
	name, conclude := o.name, s.conclude
	if o.dead {
		conclude = s.concludeDead
	}
	o.tries++
	o.strange = nil
	if err := conclude(o); err != nil {
		errors.As(err, &o.strange)
		return err
	}
	s.own.Delete(name)
	return nil
}

func (s *Sink) conclude(o *orphan) error {
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
		return s.remove(o.name)
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
		case err == nil || o.strange != nil:
			q.told(o)
		case !o.dead && o.tries >= q.s.closeTries:
			q.s.env.Logf("gives up ending %s after %d tries: %v", o.name, o.tries, err)
		default:
			if o.tries&(o.tries-1) == 0 && !errors.Is(err, filesystem.ErrBusy) {
				q.s.env.Logf("cannot end %s (try %d): %v", o.name, o.tries, err)
			}
			q.wait(o, err)
		}
	}
}

// wait adds a file that cannot be ended yet, and tells once of whoever has it open.
func (q *orphans) wait(o *orphan, err error) {
	if holder, held := errors.AsType[*filesystem.HeldError](err); held && !o.held {
		o.held = true
		q.s.env.Logf("leaves %s as it is as long as %v", o.name, holder)
	}
	q.add(o)
}

// told tells what has become of a file.
func (q *orphans) told(o *orphan) {
	switch {
	case o.gone:
	case o.strange != nil && o.strange.torn > 0:
		q.s.env.Logf("leaves %s as it is: %v; once nobody writes it, cut off its last %d bytes and rename it to %s", o.name, o.strange, o.strange.torn, o.target)
	case o.strange != nil:
		q.s.env.Logf("leaves %s as it is: %v, so that another writer or other settings have made it; once nobody writes it, rename it to %s", o.name, o.strange, o.target)
	case o.empty:
		q.s.env.Logf("removed %s, which held no event", o.name)
	case o.parted:
		q.s.env.Logf("%s is now called %s, as a copy of its whole events; the file itself is now called %s, unchanged: nothing proves that its writer is gone, and what that adds is there", o.name, o.target, o.aside)
	case o.aside != "":
		q.s.env.Logf("%s is now called %s, but for the %d bytes behind its last whole event, which are in %s", o.name, o.target, o.torn, o.aside)
	case o.target == asideName(o.target):
		q.s.env.Logf("%s held no whole event and is now called %s", o.name, o.target)
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
	begun := time.Now()
	for _, o := range list {
		if o.dead {
			// The next run finds it; of what has to stay somebody must know.
			if o.strange != nil && time.Since(begun) < lastCalls && (q.s.settle(o) == nil || o.strange != nil) {
				q.told(o)
			}
			continue
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
