package file

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

const (
	windowBytes = 256 << 10 // read at once
	windowMost  = 2 << 20   // kept when a record that needed more is over
)

// window reads a segment in large pieces.
type window struct {
	file  io.ReaderAt
	limit int64 // nothing is read from here on
	buf   []byte
	at    int64 // offset of buf[0]
}

// look sets what is read and how far; what was read of another file is gone.
func (w *window) look(file io.ReaderAt, limit int64) {
	if w.file != file {
		w.file, w.at, w.buf = file, 0, w.buf[:0]
	}
	w.limit = limit
}

var errLimit = errors.New("the segment ends within the record")

// bytes returns n bytes from offset on, valid until the next call. It reads
// further than that where there is more, never beyond the limit.
func (w *window) bytes(offset int64, n int) ([]byte, error) {
	if offset < w.at || offset+int64(n) > w.at+int64(len(w.buf)) {
		if offset+int64(n) > w.limit {
			return nil, errLimit
		}
		if err := w.fill(offset, n); err != nil {
			return nil, err
		}
	}
	from := int(offset - w.at)
	return w.buf[from : from+n : from+n], nil
}

func (w *window) fill(offset int64, n int) error {
	n = max(n, int(min(windowBytes, w.limit-offset)))
	if cap(w.buf) < n || cap(w.buf) > windowMost && n <= windowBytes {
		w.buf = make([]byte, 0, max(n, windowBytes))
	}
	kept := w.buf[:0]
	if offset >= w.at && offset < w.at+int64(len(w.buf)) { // what is there already
		kept = w.buf[:copy(w.buf[:cap(w.buf)], w.buf[offset-w.at:])]
	}
	w.at, w.buf = offset, kept
	if n <= len(kept) {
		return nil
	}
	got, err := w.file.ReadAt(w.buf[len(kept):n], offset+int64(len(kept)))
	w.buf = w.buf[:len(kept)+got]
	if len(w.buf) < n {
		return fmt.Errorf("read at offset %d: %w", offset+int64(len(w.buf)), err)
	}
	return nil
}

// errDamage is a record that is not what was written.
var errDamage = errors.New("damage")

// head reads the head of the record at offset. errDamage says that there is none.
func (w *window) head(offset int64, tag uint32) (record, error) {
	b, err := w.bytes(offset, recordHeader)
	if errors.Is(err, errLimit) {
		return record{}, fmt.Errorf("%w: a record is cut short", errDamage)
	}
	if err != nil {
		return record{}, err
	}
	r, ok := parseRecord(b, tag)
	if !ok {
		return record{}, fmt.Errorf("%w: no record begins here", errDamage)
	}
	return r, nil
}

// payload reads what follows the head r at offset.
func (w *window) payload(offset int64, r record) ([]byte, error) {
	b, err := w.bytes(offset+recordHeader, r.length)
	if errors.Is(err, errLimit) {
		return nil, fmt.Errorf("%w: the record is cut short", errDamage)
	}
	if err != nil {
		return nil, err
	}
	if checksum(b) != r.sum {
		return nil, fmt.Errorf("%w: the record does not add up", errDamage)
	}
	return b, nil
}

// search looks for a whole record behind offset.
func (w *window) search(offset int64, tag uint32) (at int64, found bool, err error) {
	var text [4]byte
	binary.LittleEndian.PutUint32(text[:], tag)
	for at = offset + 1; at+recordHeader <= w.limit; {
		n := int(min(windowBytes, w.limit-at))
		b, err := w.bytes(at, n)
		if err != nil {
			return 0, false, err
		}
		i := bytes.Index(b, text[:])
		if i < 0 {
			at += int64(max(n-len(text)+1, 1))
			continue
		}
		at += int64(i)
		r, err := w.head(at, tag)
		if err == nil {
			_, err = w.payload(at, r)
		}
		if err == nil {
			return at, true, nil
		}
		if !errors.Is(err, errDamage) {
			return 0, false, err
		}
		at++
	}
	return 0, false, nil
}
