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
	noteName    = "logpipe.retained"
	noteMagic   = "logpiper"
	noteVersion = 1
	noteSlot    = 4096
	noteHead    = 40
	noteMost    = noteSlot - noteHead - 4
)

// note is the note of a sink that retains events: logpipe.retained in
// checkpointDir. The file has two slots of 4 KiB, written in turn and in place, so
// that a full disk does not stop it and one that is cut short leaves the one before.
// A slot holds "logpiper", version uint32, length of the note uint32, and as uint64
// each: generation, channel, and the place behind the events that had been taken;
// the note, and the sum of all before it.
type note struct {
	disk       disk
	dir        string
	channel    uint64
	file       handle // nil before the first one is stored
	generation uint64
	behind     uint64
	text       []byte // nil = there is none
}

// load reads the note that counts. One that cannot be read, or is of another log, is
// none; next is the place behind the log.
func (n *note) load(d disk, dir string, channel, next uint64) {
	n.disk, n.dir, n.channel = d, dir, channel
	file, err := d.open(filepath.Join(dir, noteName), os.O_RDONLY)
	if err != nil {
		return
	}
	defer file.Close()
	var both [2 * noteSlot]byte
	size, _ := file.ReadAt(both[:], 0)
	for b := both[:size]; len(b) >= noteSlot; b = b[noteSlot:] {
		generation, of, behind, text, ok := decodeNote(b[:noteSlot])
		if !ok || generation <= n.generation {
			continue
		}
		n.generation, n.text = generation, nil
		if of == channel && behind <= next {
			n.behind, n.text = behind, text
		}
	}
}

func encodeNote(generation, channel, behind uint64, text []byte) []byte {
	le := binary.LittleEndian
	b := append(make([]byte, 0, noteSlot), noteMagic...)
	b = le.AppendUint32(b, noteVersion)
	b = le.AppendUint32(b, uint32(len(text)))
	for _, x := range []uint64{generation, channel, behind} {
		b = le.AppendUint64(b, x)
	}
	b = append(b, text...)
	return le.AppendUint32(b, checksum(b))
}

// decodeNote reads a slot; false is none, or one that does not add up.
func decodeNote(b []byte) (generation, channel, behind uint64, text []byte, ok bool) {
	le := binary.LittleEndian
	if len(b) < noteHead+4 || string(b[:8]) != noteMagic || le.Uint32(b[8:]) != noteVersion {
		return 0, 0, 0, nil, false
	}
	length := le.Uint32(b[12:])
	if length > noteMost || len(b) < noteHead+int(length)+4 {
		return 0, 0, 0, nil, false
	}
	end := noteHead + int(length)
	if le.Uint32(b[end:]) != checksum(b[:end]) {
		return 0, 0, 0, nil, false
	}
	return le.Uint64(b[16:]), le.Uint64(b[24:]), le.Uint64(b[32:]), append([]byte{}, b[noteHead:end]...), true
}

// store writes a note into the older slot.
func (n *note) store(text []byte, behind uint64) error {
	if len(text) > noteMost {
		return fmt.Errorf("a note of %d bytes is more than the %d that a channel stores", len(text), noteMost)
	}
	if n.file == nil {
		if err := n.create(); err != nil {
			return err
		}
	}
	b := encodeNote(n.generation+1, n.channel, behind, text)
	_, err := n.file.WriteAt(b, int64((n.generation+1)%2*noteSlot))
	if err == nil {
		err = n.file.Sync()
	}
	return err
}

// create opens the file, all of which is written at once: no note needs space then.
func (n *note) create() error {
	file, err := n.disk.open(filepath.Join(n.dir, noteName), os.O_RDWR|os.O_CREATE)
	if err != nil {
		return err
	}
	have := make([]byte, 2*noteSlot)
	if size, _ := file.ReadAt(have, 0); size < len(have) {
		_, err = file.WriteAt(have[size:], int64(size))
		if err = errors.Join(err, file.Sync(), folder.Sync(n.dir)); err != nil {
			return errors.Join(err, file.Close())
		}
	}
	n.file = file
	return nil
}

func (n *note) close() error {
	if n.file == nil {
		return nil
	}
	err := n.file.Close()
	n.file = nil
	return err
}

// StoreNote stores a note of the sink.
func (c *Channel) StoreNote(text []byte) error {
	c.settling.Lock()
	defer c.settling.Unlock()
	c.mu.Lock()
	behind, closed := c.taken(), c.closed
	c.mu.Unlock()
	if closed {
		return errClosed
	}
	if err := c.note.store(text, behind); err != nil {
		return fmt.Errorf("write %s: %w", filepath.Join(c.note.dir, noteName), err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.note.generation, c.note.behind, c.note.text = c.note.generation+1, behind, append([]byte{}, text...)
	return nil
}

// Note is the note that was stored last, as long as it tells of events inside.
func (c *Channel) Note() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lowest() >= c.note.behind {
		return nil
	}
	return c.note.text
}
