package file

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/logpipe/logpipe/pkg/flume"
)

const (
	deliveredName = "logpipe.delivered"
	noteBytes     = 64
	noteSlots     = 16
	bootBytes     = 36
	// What a take of several batches has at most, so that the memory is small.
	mostTaken      = 2000
	mostTakenBytes = 1 << 20
)

// delivered are notes of what takes of several batches have delivered before they
// are committed: logpipe.delivered in checkpointDir. A commit waits until a disk
// has all of the take; a note says that some of it is where it stays when this
// process is killed, which is enough as long as the machine runs: its files are
// what was written to them, on disk or not. So a note counts for a channel that is
// opened on the same run of the system, as its boot id tells, and for no other.
//
// Each of the slots has 64 bytes, all zero where nothing is noted: the boot id (36
// bytes of text), as uint64 the channel and the events from and to, and the sum of
// all before it.
type delivered struct {
	path    string
	boot    string
	channel uint64

	mu   sync.Mutex
	file handle // nil where nothing can be noted
	free []int  // slots, counted from 1
}

// openDelivered opens the notes and returns those that count. Where the system
// tells no boot id, nothing is ever noted.
func openDelivered(d disk, dir, boot string, channel uint64) (*delivered, ranges, error) {
	n := &delivered{path: filepath.Join(dir, deliveredName), boot: boot, channel: channel}
	if len(boot) != bootBytes {
		return n, nil, nil
	}
	file, err := d.open(n.path, os.O_RDWR|os.O_CREATE)
	if err != nil {
		return n, nil, err
	}
	var all [noteSlots * noteBytes]byte
	var noted ranges
	size, _ := file.ReadAt(all[:], 0) // what cannot be read comes again
	for b := all[:size]; len(b) >= noteBytes; b = b[noteBytes:] {
		if from, to, ok := n.decode(b[:noteBytes]); ok {
			noted.add(from, to)
		}
	}
	n.file = file
	return n, noted, nil
}

// begin clears the notes and allows new ones.
func (n *delivered) begin() error {
	if n.file == nil {
		return nil
	}
	if _, err := n.file.WriteAt(make([]byte, noteSlots*noteBytes), 0); err != nil {
		return errors.Join(err, n.close(), os.Remove(n.path)) // they count no more
	}
	for slot := noteSlots; slot > 0; slot-- {
		n.free = append(n.free, slot)
	}
	return nil
}

func (n *delivered) encode(from, to uint64) []byte {
	le := binary.LittleEndian
	b := append(make([]byte, 0, noteBytes), n.boot...)
	b = le.AppendUint64(b, n.channel)
	b = le.AppendUint64(b, from)
	b = le.AppendUint64(b, to)
	return le.AppendUint32(b, checksum(b))
}

// decode reads a note; false is none, or one that does not count.
func (n *delivered) decode(b []byte) (from, to uint64, ok bool) {
	le := binary.LittleEndian
	const end = noteBytes - 4
	numbers := b[bootBytes:]
	from, to = le.Uint64(numbers[8:]), le.Uint64(numbers[16:])
	return from, to, string(b[:bootBytes]) == n.boot && le.Uint64(numbers) == n.channel && le.Uint32(b[end:]) == checksum(b[:end])
}

// slot returns a slot for a take; 0 = there is none.
func (n *delivered) slot() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	last := len(n.free) - 1
	if n.file == nil || last < 0 {
		return 0
	}
	slot := n.free[last]
	n.free = n.free[:last]
	return slot
}

// note writes a note into a slot, or takes it back.
func (n *delivered) note(slot int, from, to uint64) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if slot == 0 {
		return nil
	}
	if n.file == nil {
		return fmt.Errorf("%s is closed", n.path)
	}
	b := make([]byte, noteBytes)
	if from < to {
		b = n.encode(from, to)
	}
	_, err := n.file.WriteAt(b, int64(slot-1)*noteBytes)
	if err == nil || from < to {
		return err
	}
	// A note that is wrong would lose events: without the file there is none.
	err = errors.Join(err, n.file.Close(), os.Remove(n.path))
	n.file = nil
	return err
}

// end gives a slot back; clear takes its note back.
func (n *delivered) end(slot int, clear bool) error {
	if slot == 0 {
		return nil
	}
	var err error
	if clear {
		err = n.note(slot, 0, 0)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.free = append(n.free, slot)
	return err
}

func (n *delivered) close() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.file == nil {
		return nil
	}
	err := n.file.Close()
	n.file = nil
	return err
}

// takeNoted takes for good what an earlier run has noted, once a disk has it. An
// error leaves takes with one batch each.
func (c *Channel) takeNoted(dir string, next uint64) error {
	var noted ranges
	var err error
	if c.delivered, noted, err = openDelivered(c.disk, dir, c.boot(), c.journal.channel); err != nil {
		return err
	}
	for _, r := range noted {
		if r.to > next {
			continue // of a log that has lost its end
		}
		before := c.count(next)
		if c.apply(ranges{r}); c.count(next) == before {
			continue
		}
		c.syncAll()
		if err := c.journal.appendTake(r.from, r.to, func() {}); err != nil {
			return err // it is logged later, and stays noted
		}
	}
	return c.delivered.begin()
}

// witnessed is a take that can note what is delivered.
type witnessed struct{ *transaction }

// TakeAll takes several batches where it can be noted how far they are delivered:
// it is a flume.Witness then.
func (c *Channel) TakeAll(ctx context.Context, batch, most, bytes int) (flume.Transaction, error) {
	slot := c.delivered.slot()
	if slot == 0 {
		return c.Take(ctx, batch)
	}
	batch = min(batch, c.batch)
	t, err := c.take(ctx, batch, max(batch, min(most, mostTaken, c.capacity/2)), min(bytes, mostTakenBytes))
	if err != nil {
		_ = c.delivered.end(slot, false) // nothing was noted, so nothing can fail
		return nil, err
	}
	t.slot = slot
	return witnessed{t}, nil
}

// Delivered notes that a kill leaves the first n events where they are now, or,
// with 0, that it does not.
func (t witnessed) Delivered(n int) error {
	if t.events == nil {
		return errSettled
	}
	if err := t.c.delivered.note(t.slot, t.span.from, t.span.from+uint64(n)); err != nil {
		return fmt.Errorf("note what is delivered: %w", err)
	}
	return nil
}

// bootID tells one run of the system from another; "" = that is not known.
func bootID() string {
	text, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return string(bytes.TrimSpace(text))
}
