package file

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/flume"
)

// counters have the names of Flume's file channel.
type counters struct {
	putAttempt, putSuccess, putError    *atomic.Int64
	takeAttempt, takeSuccess, takeError *atomic.Int64
	lost, unretained                    *atomic.Int64
	checkpointError, backupError        *atomic.Int64
	open, shut                          *atomic.Int64 // 1 or 0, and the other way round
	unhealthy                           atomic.Bool
}

// setCounters finds the counters.
func (c *Channel) setCounters() {
	c.counts.putAttempt = c.env.Counter("EventPutAttemptCount")
	c.counts.putSuccess = c.env.Counter("EventPutSuccessCount")
	c.counts.putError = c.env.Counter("EventPutErrorCount")
	c.counts.takeAttempt = c.env.Counter("EventTakeAttemptCount")
	c.counts.takeSuccess = c.env.Counter("EventTakeSuccessCount")
	c.counts.takeError = c.env.Counter("EventTakeErrorCount")
	c.counts.lost = c.env.Counter("EventLostCount")
	c.counts.checkpointError = c.env.Counter("CheckpointWriteErrorCount")
	c.counts.backupError = c.env.Counter("CheckpointBackupWriteErrorCount")
	c.counts.open, c.counts.shut = c.env.Counter("Open"), c.env.Counter("Closed")
	c.tellOpen(0)
	c.counts.unretained = c.env.Counter("EventUnretainedCount")
	c.env.Gauge("ChannelCapacity", func() int64 { return int64(c.capacity) })
	c.env.Gauge("ChannelSize", func() int64 { return int64(c.Size()) })
	c.env.Gauge("ChannelFillPercentage", func() int64 { return int64(c.Size()) * 100 / int64(c.capacity) })
	c.env.Gauge("Unhealthy", func() int64 {
		if c.counts.unhealthy.Load() {
			return 1
		}
		return 0
	})
}

// tellOpen says whether the channel is open: 1 or 0.
func (c *Channel) tellOpen(is int64) {
	c.counts.open.Store(is)
	c.counts.shut.Store(1 - is)
}

// Open locks the folders and reads the log behind the checkpoint.
func (c *Channel) Open(env flume.Env) error {
	c.env = env
	c.setCounters()
	dirs, err := c.folders()
	if err != nil {
		return err
	}
	if err := c.prepare(dirs); err != nil {
		return errors.Join(err, c.release())
	}
	c.stop = make(chan struct{})
	c.kicked = make(chan struct{}, 1)
	c.ended.Go(c.keepHouse)
	c.tellOpen(1)
	return nil
}

// prepare does the work of Open.
func (c *Channel) prepare(dirs folders) error {
	if err := c.lock(dirs); err != nil {
		return err
	}
	segments, next, err := c.load(dirs)
	if err != nil {
		return err
	}
	c.synced.next = next
	c.journal = newJournal(c.disk, dirs.data, int64(c.maxFileSize), int64(c.minimumSpace), c.onSync)
	if err := c.journal.start(segments, next); err != nil {
		return err
	}
	if c.cursor.at.segment == nil {
		c.cursor.at = place{c.journal.segments[0], segmentHeader}
	}
	if len(segments) == 0 { // the checkpoint tells from now on that there is a log
		if err := c.checkpoint(); err != nil {
			return err
		}
	}
	c.begin(dirs, next)
	return nil
}

// begin makes ready what is inside; next is the place behind the log.
func (c *Channel) begin(dirs folders, next uint64) {
	if err := c.takeNoted(dirs.checkpoint, next); err != nil {
		c.logf("takes have one batch each, as what is delivered cannot be noted: %v", err)
	}
	c.note.load(c.disk, dirs.checkpoint, c.journal.channel, next)
	c.inside = c.queue.count(next)
	c.reader = &reader{journal: c.journal, segment: c.cursor.at.segment, offset: c.cursor.at.offset}
	if c.inside > 0 {
		c.logf("%d events of earlier runs are inside", c.inside)
	}
}

// lock makes the folders this channel's.
func (c *Channel) lock(dirs folders) error {
	for _, dir := range dirs.all() {
		l, err := lockFolder(dir)
		if err != nil {
			return flume.OfProperty(err, c.propertyOf(dir, dirs))
		}
		c.locks = append(c.locks, l)
	}
	return c.own(dirs.checkpoint)
}

// load reads what is in the folders: the segments that are not taken, and the
// sequence number of the next event.
func (c *Channel) load(dirs folders) (segments []*segment, next uint64, err error) {
	checkpoints := []string{dirs.checkpoint}
	if dirs.backup != "" {
		checkpoints = append(checkpoints, dirs.backup)
	}
	saved, newest, err := openCheckpoint(c.disk, checkpoints)
	if err != nil {
		return nil, 0, err
	}
	c.saved = saved
	all, err := listSegments(c.disk, dirs.data)
	if err != nil {
		return nil, 0, err
	}
	segments, taken, err := needed(all, newest)
	if err != nil {
		return nil, 0, err
	}
	if next, err = c.replay(segments, newest); err != nil {
		return nil, 0, err
	}
	return segments, next, dropAll(c.disk, taken)
}

// replay reads the log behind the checkpoint, or all of it without one, and
// builds the queue. It returns the sequence number of the next event.
func (c *Channel) replay(segments []*segment, saved *checkpoint) (uint64, error) {
	skip := c.corruption == "skip"
	if saved != nil {
		err := c.resume(segments, saved)
		if err != nil && !skip {
			return 0, err
		}
		if err != nil {
			c.logf("%v; the checkpoint is not used", err)
			saved = nil
		}
	}
	if len(segments) == 0 {
		c.queue = queue{}
		return 0, nil
	}
	r := &replay{disk: c.disk, skip: skip, logf: c.logf, next: segments[0].first}
	from, offset := 0, int64(segmentHeader)
	if saved == nil {
		c.queue = queue{cursor: span{at: place{segments[0], segmentHeader}, from: segments[0].first}}
	} else {
		r.next = saved.next
		from, offset = int(saved.end.segment-segments[0].number), int64(saved.end.offset)
	}
	if err := r.run(segments[from:], offset); err != nil {
		return 0, err
	}
	c.apply(r.taken)
	return r.next, nil
}

// resume takes the queue out of a checkpoint, which has to fit the segments.
func (c *Channel) resume(segments []*segment, saved *checkpoint) error {
	const without = "delete " + checkpointName + " to go on with the log alone: takes that it does not have come again"
	if len(segments) == 0 { // a channel always has its last one, however empty it is
		return fault.Hint(missing(min(saved.cursorAt.segment, saved.end.segment), saved.end.segment),
			hintMissing+"; or delete "+checkpointName+", where they were deleted on purpose, to begin with an empty channel")
	}
	if saved.channel != segments[0].channel {
		return fault.Hint(errors.New("the checkpoint is of another channel than the segments in dataDirs"),
			"name the checkpointDir and the dataDirs that belong together; or "+without)
	}
	first := segments[0].number
	find := func(s stored) (place, error) {
		switch {
		case s.segment < first:
			return place{}, fault.Hint(missing(s.segment, first-1), hintMissing+"; or "+without)
		case s.segment-first >= uint64(len(segments)):
			return place{}, missing(first+uint64(len(segments)), s.segment)
		}
		p := place{segments[s.segment-first], int64(s.offset)}
		if p.offset < segmentHeader || p.offset > p.segment.end {
			return place{}, damaged(p.segment.path, p.segment.end, fmt.Sprintf("it ends here, and had %d bytes", p.offset))
		}
		return p, nil
	}
	if _, err := find(saved.end); err != nil {
		return err
	}
	at, err := find(saved.cursorAt)
	if err != nil {
		return err
	}
	c.queue = queue{cursor: span{at: at, from: saved.cursor}}
	for _, s := range saved.spans {
		at, err := find(s.at)
		if err != nil {
			return err
		}
		c.restore(span{at, s.from, s.to})
	}
	return nil
}

// onSync makes what is on disk available to takes.
func (c *Channel) onSync(m mark) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.inside += int(m.next - c.synced.next)
	c.synced = m
	c.changes.Announce()
}

// Close writes a checkpoint and lets the folders go. What takes have open comes
// again with the next start.
func (c *Channel) Close() error {
	c.mu.Lock()
	again := c.closed
	c.closed = true
	c.changes.Announce()
	c.mu.Unlock()
	if again || c.stop == nil {
		return nil
	}
	c.tellOpen(0)
	close(c.stop)
	c.ended.Wait()
	c.token <- struct{}{} // a take that reads has ended
	err := c.reader.close()
	if c.checkpointClose {
		err = errors.Join(err, c.checkpoint())
	}
	return errors.Join(err, c.release())
}

// release closes what is open.
func (c *Channel) release() error {
	var all error
	if c.journal != nil {
		all = c.journal.close()
	}
	if c.saved != nil {
		all = errors.Join(all, c.saved.close())
	}
	if c.delivered != nil {
		all = errors.Join(all, c.delivered.close())
	}
	all = errors.Join(all, c.note.close())
	for _, l := range c.locks {
		all = errors.Join(all, l.release())
	}
	c.locks = nil
	return all
}

// Sizes at which the last segment is given up for a new one when the channel is
// empty, so that its space is free again.
const (
	renewShort = 64 << 10 // when puts wait for space
	renewIdle  = 16 << 20
)

// housekeeping is how often takes are synced and segments deleted.
const housekeeping = time.Second

// keepHouse syncs takes, writes checkpoints and deletes what is taken.
func (c *Channel) keepHouse() {
	ticker := time.NewTicker(housekeeping)
	defer ticker.Stop()
	var told string
	last := time.Now()
	for {
		select {
		case <-c.stop:
			return
		case <-ticker.C:
		case <-c.kicked:
		}
		c.mu.Lock()
		short, empty, low := c.short, c.inside == 0, c.lowest()
		c.mu.Unlock()
		err := c.journal.flush()
		due := time.Since(last) >= c.interval || c.saved.ends != c.journal.number()
		if due || c.journal.droppable(low) || short && empty {
			if empty && (short || due) {
				size := int64(renewIdle)
				if short {
					size = renewShort
				}
				err = errors.Join(err, c.journal.renew(size))
			}
			err = errors.Join(err, c.checkpoint(), c.letGo())
			last = time.Now()
		}
		c.counts.unhealthy.Store(err != nil)
		switch {
		case err != nil && err.Error() != told:
			told = err.Error()
			c.logf("%v", err)
		case err == nil && told != "":
			told = ""
			c.logf("writes takes and checkpoints again")
		}
	}
}

// letGo lets the take that waits, or nobody, close the file of a segment that is
// deleted.
func (c *Channel) letGo() error {
	select {
	case c.token <- struct{}{}:
		defer func() { <-c.token }()
		return c.reader.letGo()
	default: // the take that has it looks when it waits, or reads on elsewhere
		c.mu.Lock()
		c.changes.Announce()
		c.mu.Unlock()
		return nil
	}
}

// checkpoint writes where the queue is and deletes the segments before it.
func (c *Channel) checkpoint() error {
	j := c.journal
	j.mu.Lock()
	j.repair()
	c.mu.Lock()
	saved, low := c.snapshot()
	c.mu.Unlock()
	committed := j.committed
	j.committed = nil
	written, void := j.written, j.isVoid()
	drop := j.holder(low).number
	j.mu.Unlock()

	var err error
	if !void {
		err = j.sync(written)
	}
	if err == nil {
		own, backup := c.saved.write(saved)
		if own != nil {
			c.counts.checkpointError.Add(1)
		}
		if backup != nil {
			c.counts.backupError.Add(1)
		}
		if err = errors.Join(own, backup); err != nil {
			err = fmt.Errorf("write the checkpoint: %w", err)
		}
	}
	if err != nil {
		j.mu.Lock()
		j.committed.addAll(committed)
		j.mu.Unlock()
		return err
	}
	return j.drop(drop)
}

// snapshot is the queue for a checkpoint; the locks of journal and queue are
// held.
func (c *Channel) snapshot() (saved *checkpoint, low uint64) {
	end := c.journal.here()
	store := func(at place, event uint64) stored {
		// The place may lie at the end of a segment that goes.
		if s := c.journal.holder(event); s.number > at.segment.number {
			at = place{s, segmentHeader}
		}
		return stored{at.segment.number, uint64(at.offset)}
	}
	saved = &checkpoint{channel: c.journal.channel, next: end.next, end: store(place{end.segment, end.offset}, end.next),
		cursor: c.cursor.from, cursorAt: store(c.cursor.at, c.cursor.from)}
	for _, s := range c.outstanding() {
		saved.spans = append(saved.spans, storedSpan{s.from, s.to, store(s.at, s.from)})
	}
	return saved, c.lowest()
}
