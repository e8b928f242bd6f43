// Package avrofile reads and writes Avro's object container files, record by
// record and without decoding them: it knows where each one ends, by the
// schema that the file carries.
//
// The format is https://avro.apache.org/docs/1.11.1/specification/.
package avrofile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
)

const (
	magic = "Obj\x01"
	// SyncSize is the length of the marker behind the header and each block.
	SyncSize = 16
	// mostHeader bounds the header, which holds the schema.
	mostHeader = 16 << 20
	// mostBlock bounds a block, packed and unpacked.
	mostBlock = 1 << 30
)

// Sync is the marker of one file.
type Sync [SyncSize]byte

// Entry is one entry of a file's metadata.
type Entry struct {
	Name  string
	Value []byte
}

// Reader reads the blocks of a file.
type Reader struct {
	r    io.ReaderAt
	meta []Entry
	sync Sync
	data int64 // where the first block begins
	at   int64 // where the next block begins
}

// Block is a run of records.
type Block struct {
	Count int    // of records
	Data  []byte // of the records, packed as the file's codec packs
	Begin int64  // offset in the file
	End   int64  // offset behind the block and its marker
}

// NewReader reads the header. One that the file does not hold to its end is an
// io.ErrUnexpectedEOF.
func NewReader(r io.ReaderAt) (*Reader, error) {
	for size := 4 << 10; ; size *= 4 {
		buf := make([]byte, size)
		n, err := r.ReadAt(buf, 0)
		if err != nil && err != io.EOF {
			return nil, err
		}
		d := &decoder{buf: buf[:n]}
		f := &Reader{r: r}
		f.header(d)
		switch {
		case d.err == nil:
			f.data = int64(d.at)
			f.at = f.data
			return f, nil
		case errors.Is(d.err, errShort) && err == nil && size < mostHeader:
			continue
		case errors.Is(d.err, errShort):
			d.err = fmt.Errorf("%w: %w", io.ErrUnexpectedEOF, d.err)
		}
		return nil, fmt.Errorf("no Avro container file: %w", d.err)
	}
}

func (f *Reader) header(d *decoder) {
	if head := d.buf[:min(len(d.buf), len(magic))]; !strings.HasPrefix(magic, string(head)) {
		d.err = errors.New("it does not begin with Obj and 1")
	}
	d.take(len(magic))
	for d.err == nil {
		n := d.count()
		if n == 0 {
			break
		}
		for range n {
			name := d.bytes()
			value := d.bytes()
			if d.err != nil {
				return
			}
			f.meta = append(f.meta, Entry{string(name), bytes.Clone(value)})
		}
	}
	copy(f.sync[:], d.take(SyncSize))
}

// Meta returns an entry of the metadata; nil if there is none.
func (f *Reader) Meta(name string) []byte {
	for _, e := range f.meta {
		if e.Name == name {
			return e.Value
		}
	}
	return nil
}

// Begin is the offset of the first block.
func (f *Reader) Begin() int64 { return f.data }

// Codec is how the blocks are packed.
func (f *Reader) Codec() string {
	if c := f.Meta("avro.codec"); len(c) > 0 {
		return string(c)
	}
	return "null"
}

// SeekSync goes on with the first block behind the first marker at or after pos.
func (f *Reader) SeekSync(pos int64) error {
	if pos < f.data-SyncSize {
		f.at = f.data
		return nil
	}
	buf := make([]byte, 64<<10)
	for {
		n, err := f.r.ReadAt(buf, pos)
		if i := bytes.Index(buf[:n], f.sync[:]); i >= 0 {
			f.at = pos + int64(i) + SyncSize
			return nil
		}
		if err == io.EOF {
			f.at = pos + int64(n)
			return nil
		}
		if err != nil {
			return err
		}
		pos += int64(n) - SyncSize + 1
	}
}

// Next reads a block, or io.EOF at the end of the file. A file that ends inside
// a block is an io.ErrUnexpectedEOF.
func (f *Reader) Next() (Block, error) {
	var buf [20]byte
	n, err := f.r.ReadAt(buf[:], f.at)
	if err != nil && err != io.EOF {
		return Block{}, err
	}
	if n == 0 {
		return Block{}, io.EOF
	}
	d := &decoder{buf: buf[:n]}
	count, size := d.long(), d.long()
	switch {
	case errors.Is(d.err, errShort):
		return Block{}, fmt.Errorf("block at byte %d: %w", f.at, io.ErrUnexpectedEOF)
	case d.err != nil:
		return Block{}, fmt.Errorf("block at byte %d: %w", f.at, d.err)
	case count < 0 || size < 0 || size > mostBlock:
		return Block{}, fmt.Errorf("block at byte %d: it says that it has %d records in %d bytes", f.at, count, size)
	}
	data, err := readSome(f.r, f.at+int64(d.at), int(size)+SyncSize)
	if err != nil {
		return Block{}, fmt.Errorf("block at byte %d: %w", f.at, err)
	}
	if !bytes.Equal(data[size:], f.sync[:]) {
		return Block{}, fmt.Errorf("block at byte %d does not end with the file's marker", f.at)
	}
	b := Block{Count: int(count), Data: data[:size:size], Begin: f.at, End: f.at + int64(d.at) + size + SyncSize}
	f.at = b.End
	return b, nil
}

// readSome reads n bytes, in steps, so that a wrong length costs no more memory
// than the file has bytes.
func readSome(r io.ReaderAt, at int64, n int) ([]byte, error) {
	var data []byte
	for len(data) < n {
		step := min(n-len(data), max(64<<10, len(data)))
		data = append(data, make([]byte, step)...)
		got, err := r.ReadAt(data[len(data)-step:], at+int64(len(data)-step))
		if got < step {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
	return data, nil
}

// AppendHeader appends the header of a file.
func AppendHeader(dst []byte, meta []Entry, sync Sync) []byte {
	dst = append(dst, magic...)
	dst = AppendLong(dst, int64(len(meta)))
	for _, e := range meta {
		dst = append(AppendLong(dst, int64(len(e.Name))), e.Name...)
		dst = append(AppendLong(dst, int64(len(e.Value))), e.Value...)
	}
	if len(meta) > 0 {
		dst = append(dst, 0)
	}
	return append(dst, sync[:]...)
}

// AppendBlock appends a block of records that are encoded, and packed, already.
func AppendBlock(dst []byte, count int, data []byte, sync Sync) []byte {
	dst = AppendLong(AppendLong(dst, int64(count)), int64(len(data)))
	return append(append(dst, data...), sync[:]...)
}

// AppendLong appends a number as Avro writes it.
func AppendLong(dst []byte, n int64) []byte {
	u := uint64(n)<<1 ^ uint64(n>>63)
	for u >= 0x80 {
		dst = append(dst, byte(u)|0x80)
		u >>= 7
	}
	return append(dst, byte(u))
}

// ReadLong reads a number from the beginning of data.
func ReadLong(data []byte) (int64, error) {
	d := &decoder{buf: data}
	n := d.long()
	return n, d.err
}

var errShort = errors.New("it ends too early")

// decoder reads Avro's binary encoding; the first mistake stays in err.
type decoder struct {
	buf []byte
	at  int
	err error
}

func (d *decoder) take(n int) []byte {
	if d.err != nil {
		return nil
	}
	if n < 0 || n > len(d.buf)-d.at {
		d.err = errShort
		return nil
	}
	d.at += n
	return d.buf[d.at-n : d.at]
}

func (d *decoder) long() int64 {
	var u uint64
	for shift := 0; d.err == nil; shift += 7 {
		b := d.take(1)
		if d.err != nil {
			break
		}
		if shift == 63 && b[0] > 1 {
			d.err = errors.New("a number is too long")
			break
		}
		u |= uint64(b[0]&0x7F) << shift
		if b[0] < 0x80 {
			return int64(u>>1) ^ -int64(u&1)
		}
	}
	return 0
}

func (d *decoder) bytes() []byte {
	n := d.long()
	if n < 0 || n > int64(len(d.buf)) {
		if d.err == nil {
			d.err = errShort
			if n < 0 {
				d.err = errors.New("a length is negative")
			}
		}
		return nil
	}
	return d.take(int(n))
}

// count reads how many items the next block of a list has; 0 = no more. A
// negative count is followed by the block's size in bytes.
func (d *decoder) count() int64 {
	n := d.long()
	if n < 0 {
		if n = -n; n < 0 {
			d.err = errors.New("a count is too large")
			return 0
		}
		d.long()
	}
	return n
}
