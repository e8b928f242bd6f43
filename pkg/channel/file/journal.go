package file

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// leastReserve is the free space that a disk keeps whatever minimumRequiredSpace
// says, as in Flume: takes and checkpoints need some when puts wait.
const leastReserve = 1 << 20

// mark is a place in the log.
type mark struct {
	segment *segment
	offset  int64
	next    uint64 // sequence number of the first event behind it
	written int64  // bytes that were appended before it, in the life of the journal
}

// noSpaceError says that an append did not fit on any disk.
type noSpaceError struct{ why string }

func (e *noSpaceError) Error() string { return e.why }

var errClosed = errors.New("the channel is closed")

// journal is the log: records are appended to its last segment, and synced by
// one of those who wait for it. Locks are taken in the order mu, syncing.mu,
// Channel.mu.
type journal struct {
	disk    disk
	dirs    []string
	maxFile int64
	reserve int64
	channel uint64
	// synced is told each place up to which the log is on disk, in order.
	onSync func(mark)

	mu       sync.Mutex
	segments []*segment // in order; the last one grows
	next     uint64     // sequence number of the next event
	written  int64      // bytes appended
	broken   bool       // the last segment is not written any more
	buffer   []byte     // for records of takes
	space    map[string]space
	refused  map[string]time.Time // when a write found no space
	dir      int                  // of the last segment

	// committed are takes that are not in the log yet: no space, or their
	// records were void.
	committed ranges

	syncing syncing
}

// space is what is known of the free space of a disk.
type space struct {
	at   time.Time
	left int64 // beyond the reserve
}

func newJournal(d disk, dirs []string, maxFile, reserve int64, onSync func(mark)) *journal {
	j := &journal{disk: d, dirs: dirs, maxFile: maxFile, reserve: max(reserve, leastReserve), onSync: onSync,
		space: map[string]space{}, refused: map[string]time.Time{}}
	j.syncing.changed = sync.NewCond(&j.syncing.mu)
	return j
}

// start begins with the segments that there are; the caller has replayed them
// and knows the end of the last one.
func (j *journal) start(segments []*segment, next uint64) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.segments, j.next = segments, next
	if len(segments) == 0 {
		j.channel = random64()
		return j.roll(0)
	}
	last := j.last()
	j.channel = last.channel
	var err error
	if last.handle, err = j.disk.open(last.path, os.O_RDWR); err != nil {
		return err
	}
	if err := errors.Join(last.handle.Truncate(last.end), last.handle.Sync()); err != nil {
		return fmt.Errorf("cut %s: %w", last.path, err)
	}
	for i, dir := range j.dirs {
		if dir == filepath.Dir(last.path) {
			j.dir = i
		}
	}
	j.moved(true)
	return nil
}

func (j *journal) last() *segment { return j.segments[len(j.segments)-1] }

// here is the end of the log.
func (j *journal) here() mark { return mark{j.last(), j.last().end, j.next, j.written} }

// appendPut appends a batch, which stands in b behind room for the head of the
// record. Nothing is stored when it returns an error; what it stored is durable
// when sync has returned for the mark.
func (j *journal) appendPut(b []byte, events int) (mark, error) {
	r := record{kind: kindPut, count: events, length: len(b) - recordHeader, sum: checksum(b[recordHeader:])}
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.ready(len(b)); err != nil {
		return mark{}, err
	}
	err := j.write(r, b)
	var full *noSpaceError
	if errors.As(err, &full) && j.rollFor(len(b), len(j.dirs)-1) == nil {
		err = j.write(r, b) // in another folder
	}
	if err != nil {
		return mark{}, err
	}
	j.next += uint64(events)
	j.moved(false)
	if len(j.committed) > 0 {
		j.writeTakes()
	}
	return j.here(), nil
}

// ready makes sure that the last segment can take n bytes of a put.
func (j *journal) ready(n int) error {
	if j.last().handle == nil {
		return errClosed
	}
	j.repair()
	dir := j.dirs[j.dir]
	full := j.last().end > segmentHeader && j.last().end+int64(n) > j.maxFile
	if !j.broken && !full && j.fits(dir, n) == nil {
		return nil
	}
	return j.rollFor(n, len(j.dirs))
}

// rollFor begins a segment in the next of so many folders that has space for n
// bytes.
func (j *journal) rollFor(n, folders int) error {
	var why error = &noSpaceError{"there is no other folder"}
	for i := range folders {
		at := (j.dir + 1 + i) % len(j.dirs)
		if err := j.fits(j.dirs[at], n+segmentHeader); err != nil {
			why = err
			continue
		}
		// Free space may be told that a quota does not give: do not go from
		// folder to folder for each put.
		if folders > 1 && time.Since(j.refused[j.dirs[at]]) < time.Second {
			continue
		}
		err := j.roll(at)
		if err == nil {
			return nil
		}
		if !isNoSpace(err) {
			return err
		}
		why = &noSpaceError{err.Error()}
	}
	return why
}

// fits reports whether n bytes can be written to the disk of a folder without
// touching its reserve.
func (j *journal) fits(dir string, n int) error {
	s := j.space[dir]
	if now := time.Now(); now.Sub(s.at) > time.Second || s.left < int64(n) {
		free, err := j.disk.free(dir)
		if err != nil {
			return fmt.Errorf("free space of %s: %w", dir, err)
		}
		s = space{now, free - j.reserve}
		j.space[dir] = s
	}
	if s.left < int64(n) {
		return &noSpaceError{fmt.Sprintf("%s has %d MiB of free space, minimumRequiredSpace keeps %d",
			dir, (s.left+j.reserve)>>20, j.reserve>>20)}
	}
	return nil
}

// exceed leaves no more space free than the log itself needs.
func (j *journal) exceed() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.reserve = leastReserve
	clear(j.space)
}

// write appends a record to the last segment. When that fails, the segment is
// as it was or is not used any more.
func (j *journal) write(r record, b []byte) error {
	last := j.last()
	if last.handle == nil {
		return errClosed
	}
	r.first = j.next
	j.syncing.mu.Lock()
	r.synced = segmentHeader
	if j.syncing.done.segment == last {
		r.synced = j.syncing.done.offset
	}
	j.syncing.mu.Unlock()
	r.seal(b, last.tag)
	if _, err := last.handle.WriteAt(b, last.end); err != nil {
		// Where one file may not grow, the next one may.
		if last.handle.Truncate(last.end) != nil || isTooLarge(err) && last.end > segmentHeader {
			j.broken = true
		}
		err = fmt.Errorf("write %s: %w", last.path, err)
		if isNoSpace(err) {
			j.refused[filepath.Dir(last.path)] = time.Now()
			return &noSpaceError{err.Error()}
		}
		return err
	}
	last.end += int64(len(b))
	j.written += int64(len(b))
	if s, ok := j.space[j.dirs[j.dir]]; ok {
		s.left -= int64(len(b))
		j.space[j.dirs[j.dir]] = s
	}
	return nil
}

// appendTake logs that events are taken for good and applies that to the queue.
// It cannot fail: what cannot be written now, because the disk is full, is
// written when it can be; a kill before that brings the events again.
func (j *journal) appendTake(from, to uint64, apply func()) (logged error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	apply()
	j.committed.add(from, to)
	return j.writeTakes()
}

const takeRanges = 1000 // most ranges in a record

// writeTakes logs the takes that are not in the log.
func (j *journal) writeTakes() error {
	j.repair()
	if j.broken {
		if err := j.rollFor(recordHeader, len(j.dirs)); err != nil {
			return err
		}
	}
	left := j.committed
	for len(left) > 0 {
		part := left[:min(len(left), takeRanges)]
		j.buffer = appendRanges(append(j.buffer[:0], make([]byte, recordHeader)...), part)
		payload := j.buffer[recordHeader:]
		r := record{kind: kindTake, count: part.count(), length: len(payload), sum: checksum(payload)}
		if err := j.write(r, j.buffer); err != nil {
			j.committed = left
			return err
		}
		j.syncing.mu.Lock()
		j.syncing.takes.addAll(part)
		j.syncing.end = j.here()
		j.syncing.mu.Unlock()
		left = left[len(part):]
	}
	j.committed = j.committed[:0]
	return nil
}

// roll begins a new segment in a folder. Whatever the one before holds
// is synced first, so that only the last segment can have a torn end.
func (j *journal) roll(dir int) error {
	s := &segment{tag: random32(), channel: j.channel, number: 1, first: j.next}
	if len(j.segments) > 0 {
		if !j.isVoid() {
			if err := j.sync(j.written); err != nil {
				return err
			}
		}
		last := j.last()
		s.number, s.beforeEnd = last.number+1, last.end
	}
	s.path = filepath.Join(j.dirs[dir], fmt.Sprintf("segment-%010d", s.number))
	if err := createSegment(j.disk, s); err != nil {
		return fmt.Errorf("create %s: %w", s.path, err)
	}
	if len(j.segments) > 0 {
		// An error of closing says nothing: all of it is synced, or void.
		_ = j.last().handle.Close()
		j.last().handle = nil
	}
	j.segments, j.broken, j.dir = append(j.segments, s), false, dir
	j.moved(true)
	return nil
}

// find returns the segment with an event that is in the log up to end, how far
// it may be read, and the sequence number of the first event behind it.
func (j *journal) find(event uint64, end mark) (s *segment, limit int64, until uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	i := len(j.segments) - 1
	for i > 0 && (j.segments[i].number > end.segment.number || j.segments[i].first > event) {
		i--
	}
	if s = j.segments[i]; s == end.segment {
		return s, end.offset, end.next
	}
	return s, s.end, j.segments[i+1].first
}

// holder is the last segment that may have an event; mu is held.
func (j *journal) holder(event uint64) *segment {
	i := len(j.segments) - 1
	for i > 0 && j.segments[i].first > event {
		i--
	}
	return j.segments[i]
}

// droppable tells whether a segment has no event from low on.
func (j *journal) droppable(low uint64) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.holder(low) != j.segments[0]
}

// number is that of the last segment.
func (j *journal) number() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.last().number
}

// drop deletes the segments before number; all their events are taken.
func (j *journal) drop(number uint64) error {
	for {
		j.mu.Lock()
		s := j.segments[0]
		j.mu.Unlock()
		if s.number >= number {
			return nil
		}
		if err := dropAll(j.disk, []*segment{s}); err != nil {
			return err
		}
		j.mu.Lock()
		j.segments = j.segments[1:]
		s.gone.Store(true)
		delete(j.space, filepath.Dir(s.path))
		j.mu.Unlock()
	}
}

// renew begins a new segment where the last one has more than size bytes, so
// that it can be deleted when it is taken.
func (j *journal) renew(size int64) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.repair()
	if j.last().end <= size {
		return nil
	}
	return j.roll(j.dir)
}

// close syncs and closes the last segment.
func (j *journal) close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.segments) == 0 || j.last().handle == nil {
		return nil
	}
	var err error
	if !j.isVoid() {
		err = j.sync(j.written)
	}
	err = errors.Join(err, j.last().handle.Close())
	j.last().handle = nil
	return err
}
