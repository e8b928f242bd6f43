package file

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/logpipe/logpipe/pkg/folder"
)

const (
	checkpointName    = "logpipe.checkpoint"
	checkpointMagic   = "logpipec"
	checkpointVersion = 1
	slotBytes         = 64 << 10
	slotHead          = 80
	slotSpan          = 32
	slotSpans         = (slotBytes - slotHead - 4) / slotSpan // most that fit
)

// checkpoint is the queue at one place of the log. A slot holds, after
// "logpipec" and version uint32, count of spans uint32, and as uint64 each:
// generation, channel, next event, then segment number and offset where the log
// ended, and event, segment number and offset of the cursor; 32 bytes for each
// span (from, to, segment number, offset); and the sum of all before it.
type checkpoint struct {
	generation uint64
	channel    uint64
	next       uint64
	end        stored
	cursor     uint64
	cursorAt   stored
	spans      []storedSpan
}

// stored is a place, with the number of the segment.
type stored struct{ segment, offset uint64 }

type storedSpan struct {
	from, to uint64
	at       stored
}

// low is the number of the first segment that has an event which is not taken.
func (c *checkpoint) low() uint64 {
	low := min(c.end.segment, c.cursorAt.segment)
	for _, s := range c.spans {
		low = min(low, s.at.segment)
	}
	return low
}

func (c *checkpoint) encode() []byte {
	le := binary.LittleEndian
	b := append([]byte(nil), checkpointMagic...)
	b = le.AppendUint32(b, checkpointVersion)
	b = le.AppendUint32(b, uint32(len(c.spans)))
	for _, x := range []uint64{c.generation, c.channel, c.next, c.end.segment, c.end.offset, c.cursor,
		c.cursorAt.segment, c.cursorAt.offset} {
		b = le.AppendUint64(b, x)
	}
	for _, s := range c.spans {
		for _, x := range []uint64{s.from, s.to, s.at.segment, s.at.offset} {
			b = le.AppendUint64(b, x)
		}
	}
	return le.AppendUint32(b, checksum(b))
}

// decodeCheckpoint reads one slot; nil is none, or one that does not add up.
func decodeCheckpoint(b []byte) *checkpoint {
	le := binary.LittleEndian
	if len(b) < slotHead+4 || string(b[:8]) != checkpointMagic || le.Uint32(b[8:]) != checkpointVersion {
		return nil
	}
	n := le.Uint32(b[12:])
	if n > slotSpans || len(b) < slotHead+int(n)*slotSpan+4 {
		return nil
	}
	end := slotHead + int(n)*slotSpan
	if le.Uint32(b[end:]) != checksum(b[:end]) {
		return nil
	}
	at := 16
	number := func() uint64 { at += 8; return le.Uint64(b[at-8:]) }
	place := func() stored { return stored{number(), number()} }
	c := &checkpoint{generation: number(), channel: number(), next: number()}
	c.end = place()
	c.cursor = number()
	c.cursorAt = place()
	for range n {
		c.spans = append(c.spans, storedSpan{number(), number(), place()})
	}
	return c
}

// checkpointFile is the checkpoint on disk, and its second copy where there is
// one.
type checkpointFile struct {
	files      []handle
	generation uint64
	ends       uint64 // number of the segment in which the log ended
}

// openCheckpoint opens the files in the folders and returns the newest
// checkpoint that is whole; nil is none.
func openCheckpoint(d disk, dirs []string) (f *checkpointFile, newest *checkpoint, err error) {
	f = &checkpointFile{}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.close())
		}
	}()
	for _, dir := range dirs {
		path := filepath.Join(dir, checkpointName)
		h, err := d.open(path, os.O_RDWR|os.O_CREATE)
		if err != nil {
			return f, nil, err
		}
		f.files = append(f.files, h)
		both := make([]byte, 2*slotBytes)
		n, err := h.ReadAt(both, 0)
		if n < len(both) {
			// All of it is written now, so that no checkpoint needs space.
			if _, err := h.WriteAt(both[n:], int64(n)); err != nil {
				return f, nil, fmt.Errorf("write %s: %w", path, err)
			}
			if err := errors.Join(h.Sync(), folder.Sync(dir)); err != nil {
				return f, nil, fmt.Errorf("write %s: %w", path, err)
			}
		} else if err != nil {
			return f, nil, fmt.Errorf("read %s: %w", path, err)
		}
		for _, slot := range [][]byte{both[:slotBytes], both[slotBytes:]} {
			if c := decodeCheckpoint(slot); c != nil && (newest == nil || c.generation > newest.generation) {
				newest = c
			}
		}
	}
	if newest != nil {
		f.generation, f.ends = newest.generation, newest.end.segment
	}
	return f, newest, nil
}

// errTooMany is a checkpoint that does not fit its slot; the one before it stays
// good, and a replay reads more of the log.
var errTooMany = errors.New("more open takes than a checkpoint holds")

// write replaces the older of the two slots, in the file of the checkpoint and in
// its copy. The newer one stays until this is on disk.
func (f *checkpointFile) write(c *checkpoint) (own, backup error) {
	if len(c.spans) > slotSpans {
		return errTooMany, nil
	}
	c.generation = f.generation + 1
	b := c.encode()
	for i, h := range f.files {
		_, err := h.WriteAt(b, int64(c.generation%2*slotBytes))
		if err == nil {
			err = h.Sync()
		}
		if i == 0 {
			own = err
		} else {
			backup = errors.Join(backup, err)
		}
	}
	if own == nil && backup == nil {
		f.generation, f.ends = c.generation, c.end.segment
	}
	return own, backup
}

func (f *checkpointFile) close() error {
	var all error
	for _, h := range f.files {
		all = errors.Join(all, h.Close())
	}
	return all
}
