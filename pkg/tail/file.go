package tail

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"sync"
	"time"

	lib "github.com/nxadm/tail"

	"github.com/logpipe/logpipe/pkg/record"
	"github.com/logpipe/logpipe/pkg/stream"
)

// headSize is how much of a file's beginning tells it from another file with
// the same inode.
const headSize = 256

// file is an open file that is read line by line.
type file struct {
	name     string // of the path, for messages and blocks
	f        *os.File
	info     os.FileInfo
	identity identity

	pos  int64     // of the next byte to read
	rest []byte    // what was read of a line that has not ended
	skip int64     // bytes of a line that is too long and has not ended; 0 = none
	line int64     // number of the next line since reading began
	left time.Time // when path became another file, or the last line since
	free chan []byte

	mu      sync.Mutex
	run     int    // restarts
	done    int64  // position up to which lines are acknowledged
	ended   ending // what is before done
	given   int64  // position up to which lines were handed out
	head    []byte // the beginning, as far as it was needed
	retired bool   // read to its end and closed
}

// openFile opens a file at its beginning. The library's way of opening lets
// others rename the file on Windows.
func openFile(path, name string) (*file, error) {
	f, err := lib.OpenFile(path)
	if err != nil {
		return nil, openError(name, err)
	}
	st, err := f.Stat()
	if err == nil && st.IsDir() {
		err = errors.New("is a folder")
	} else if err == nil && !st.Mode().IsRegular() {
		err = errNoFile
	}
	o := &file{name: name, f: f, info: st, line: 1, free: make(chan []byte, 4)}
	if err == nil {
		o.identity, err = identify(f, st)
	}
	if err != nil {
		f.Close()
		return nil, openError(name, err)
	}
	return o, nil
}

// close ends the reading. What is needed for the last position is read before.
func (o *file) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.given > 0 {
		o.headSum(o.given)
	}
	o.f.Close()
}

// retire closes a file that nothing more will come of.
func (o *file) retire() {
	o.close()
	o.mu.Lock()
	o.retired = true
	o.mu.Unlock()
}

// toEnd begins behind what the file holds. A line that is being written counts
// from its beginning.
func (o *file) toEnd() error {
	st, err := o.f.Stat()
	if err != nil {
		return err
	}
	buf := make([]byte, 64<<10)
	at := st.Size()
	for at > 0 {
		n := min(at, int64(len(buf)))
		if _, err := o.f.ReadAt(buf[:n], at-n); err != nil && err != io.EOF {
			return err
		}
		if i := bytes.LastIndexByte(buf[:n], '\n'); i >= 0 {
			at += int64(i) + 1 - n
			break
		}
		at -= n
	}
	o.seek(at)
	_, err = o.headSum(at)
	return err
}

func (o *file) seek(at int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.pos, o.done, o.given, o.rest, o.skip, o.ended = at, at, at, nil, 0, ending{}
}

// resume goes on at a stored position if that is one of this file; fits says of
// which identities.
func (o *file) resume(p position, fits func(stored, now identity) bool) bool {
	if p.Offset < 0 || !fits(p.identity, o.identity) || p.Offset == 0 && o.identity != p.identity {
		return false
	}
	st, err := o.f.Stat()
	if err != nil || st.Size() < p.Offset {
		return false
	}
	if sum, err := o.headSum(p.Offset); err != nil || sum != p.Head {
		return false
	}
	if !o.endsAs(p.Last, p.Offset) {
		return false
	}
	o.seek(p.Offset)
	o.ended = p.Last
	return true
}

// sameIdentity is that of a file that has kept its place.
func sameIdentity(stored, now identity) bool { return stored == now }

// sameInode is that of a file whose file system has another number since: those
// of containers and of network mounts are given anew with each mount.
func sameInode(stored, now identity) bool { return stored.Inode == now.Inode }

// headSum is the checksum of the beginning of the file, no further than upTo.
func (o *file) headSum(upTo int64) (uint32, error) {
	n := int(min(upTo, headSize))
	if len(o.head) < n {
		head := make([]byte, n)
		if _, err := o.f.ReadAt(head, 0); err != nil {
			return 0, err
		}
		o.head = head
	}
	return crc32.ChecksumIEEE(o.head[:n]), nil
}

// errTruncated says that a file is not the one that was read so far.
var errTruncated = errors.New("was truncated")

// endsAs tells whether the bytes before at are those that were read.
func (o *file) endsAs(e ending, at int64) bool {
	read := make([]byte, e.Size)
	_, err := o.f.ReadAt(read, at-int64(e.Size))
	return e == ending{} || err == nil && endingOf(read) == e
}

// truncated tells whether the file has become shorter than what was read, or
// begins with other bytes: then it has grown again since.
func (o *file) truncated() bool {
	st, err := o.f.Stat()
	if err != nil || st.Size() < o.pos {
		return err == nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	var now [headSize]byte
	n, err := o.f.ReadAt(now[:len(o.head)], 0)
	return (err == nil || err == io.EOF) && !bytes.Equal(now[:n], o.head)
}

// keepHead keeps the beginning of the file, of which data was read at pos.
func (o *file) keepHead(data []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.head) < headSize && int64(len(o.head)) == o.pos {
		o.head = append(o.head, data[:min(len(data), headSize-len(o.head))]...)
	}
}

// restart begins again.
func (o *file) restart() {
	o.seek(0)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.run++
	o.line, o.head = 1, nil
}

// next reads once. The block is nil where no line has ended; more tells that
// there may be something behind. Whether the file was truncated is looked at
// behind the reading: what was handed out before may have waited for its reader.
func (o *file) next() (b *stream.Block, more bool, err error) {
	buf := o.buffer()
	n, err := o.f.ReadAt(buf[len(buf):cap(buf)-record.Padding-1], o.pos)
	if n == 0 && err != io.EOF {
		return nil, false, err
	}
	if o.truncated() {
		return nil, false, errTruncated
	}
	if n == 0 {
		return nil, false, nil
	}
	buf = buf[:len(buf)+n]
	o.keepHead(buf[len(buf)-n:])
	o.pos += int64(n)
	var long []stream.LongLine
	if o.skip > 0 {
		i := bytes.IndexByte(buf, '\n')
		if i < 0 {
			o.skip += int64(len(buf))
			return nil, true, nil
		}
		long = []stream.LongLine{{Size: o.skip + int64(i)}}
		buf, o.skip = append(buf[:0], buf[i+1:]...), 0
	}
	end := bytes.LastIndexByte(buf, '\n') + 1
	o.rest = append(o.rest[:0], buf[end:]...)
	if len(o.rest) > stream.MaxLine {
		o.skip, o.rest = int64(len(o.rest)), nil
	}
	if end == 0 && long == nil {
		return nil, true, nil
	}
	return o.block(buf[:end], long), true, nil
}

// buffer returns a buffer that begins with the rest and has room behind it.
func (o *file) buffer() []byte {
	room := len(o.rest) + max(stream.BlockSize, min(len(o.rest), stream.MaxLine-len(o.rest))) + record.Padding + 1
	select {
	case b := <-o.free:
		if cap(b) >= room {
			return append(b[:0], o.rest...)
		}
	default:
	}
	return append(make([]byte, 0, room), o.rest...)
}

// last is the line at the end of the file that has no line end, or nil.
func (o *file) last() *stream.Block {
	if len(o.rest) == 0 {
		return nil
	}
	data := append(make([]byte, 0, len(o.rest)+1+record.Padding), o.rest...)
	o.rest = nil
	b := o.block(append(data, '\n'), nil)
	ack := b.Ack
	b.Ack = func(err error) {
		ack(err)
		o.forgetEnding() // there is no such line end in the file
	}
	return b
}

// block makes a block of data, behind which rest begins.
func (o *file) block(data []byte, long []stream.LongLine) *stream.Block {
	o.mu.Lock()
	defer o.mu.Unlock()
	run, end := o.run, o.pos-int64(len(o.rest))-o.skip
	o.given = end
	b := &stream.Block{Data: data, Name: o.name, Line: o.line, Long: long, Time: time.Now(), Ack: func(err error) {
		if split := (stream.Split{}); errors.As(err, &split) {
			rest := after(data, split.Lines)
			o.acked(run, end-int64(len(rest)), data[:len(data)-len(rest)])
		}
		if err != nil {
			return // somebody may still look at data
		}
		o.acked(run, end, data)
		if cap(data) <= 4*stream.BlockSize {
			select {
			case o.free <- data[:0]:
			default:
			}
		}
	}}
	o.line += int64(bytes.Count(data, []byte{'\n'}) + len(long))
	return b
}

// after is what follows the first so many lines of data.
func after(data []byte, lines int) []byte {
	for range lines {
		data = data[bytes.IndexByte(data, '\n')+1:]
	}
	return data
}

// acked notes that all before end is acknowledged, the last of which is data.
func (o *file) acked(run int, end int64, data []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if run == o.run && end > o.done {
		o.done, o.ended = end, endingOf(data)
	}
}

func (o *file) forgetEnding() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ended = ending{}
}

// position is what to store for the file; finished tells that nothing of it is
// left to do.
func (o *file) position() (p position, finished bool, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.retired && o.done == o.given {
		return position{}, true, nil
	}
	p = position{identity: o.identity, Offset: o.done}
	p.Head, err = o.headSum(o.done)
	p.Last = o.ended
	return p, false, err
}

// hand gives a block to the reader.
func (f *follower) hand(ctx context.Context, b *stream.Block) error {
	select {
	case f.t.blocks <- b:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stopped: %w", ctx.Err())
	}
}
