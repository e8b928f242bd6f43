package file

import (
	"errors"
	"fmt"
	"sync"
)

// syncing is the half of the journal that brings it to disk.
type syncing struct {
	mu      sync.Mutex
	changed *sync.Cond
	busy    bool // somebody syncs
	end     mark // of what is written
	done    mark // of what is synced
	failed  error
	void    ranges // of bytes appended, counted from 1, that a failed sync left in doubt
	takes   ranges // in the log but not synced
	inTakes ranges // in the sync that runs
}

// moved tells the syncing half of the journal where the end is; synced says that
// it is on disk.
func (j *journal) moved(synced bool) {
	s := &j.syncing
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end = j.here()
	if synced {
		s.done = s.end
		j.onSync(s.done)
		s.changed.Broadcast()
	}
}

// isVoid reports whether repair has given up the last bytes of the log.
func (j *journal) isVoid() bool {
	j.syncing.mu.Lock()
	defer j.syncing.mu.Unlock()
	return j.syncing.void.has(uint64(j.written))
}

// sync returns when the log is on disk up to the byte `written`. One of those
// who wait syncs for all.
func (j *journal) sync(written int64) error {
	s := &j.syncing
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.void.has(uint64(written)):
			return errors.New("the sync of the log failed meanwhile")
		case s.done.written >= written:
			return nil
		case s.failed != nil:
			return s.failed
		case s.busy:
			s.changed.Wait()
			continue
		}
		s.busy = true
		end := s.end
		s.inTakes, s.takes = s.takes, nil
		s.mu.Unlock()
		err := end.segment.handle.Sync()
		s.mu.Lock()
		s.busy = false
		if err != nil {
			s.failed = fmt.Errorf("sync %s: %w", end.segment.path, err)
		} else {
			s.inTakes = nil
			if end.written > s.done.written {
				s.done = end
				j.onSync(end)
			}
		}
		s.changed.Broadcast()
	}
}

// repair gives up what a failed sync has left in doubt: the segment ends at the
// last place that is known to be on disk, and a new one has to follow. The puts
// behind that place have failed, the takes are logged again.
func (j *journal) repair() {
	s := &j.syncing
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed == nil {
		return
	}
	s.failed = nil
	s.void.add(uint64(s.done.written)+1, uint64(j.written)+1)
	last := j.last()
	last.end, j.next, j.broken = s.done.offset, s.done.next, true
	s.end = j.here()
	j.committed.addAll(s.takes)
	j.committed.addAll(s.inTakes)
	s.takes, s.inTakes = nil, nil
	// The next segment says where this one ends, whether this works or not.
	_ = last.handle.Truncate(last.end)
	s.changed.Broadcast()
}

// flush logs and syncs what takes have left open.
func (j *journal) flush() error {
	j.mu.Lock()
	var err error
	if len(j.committed) > 0 {
		err = j.writeTakes()
	}
	written := j.written
	void := j.isVoid()
	j.mu.Unlock()
	if void {
		return err
	}
	return errors.Join(err, j.sync(written))
}
