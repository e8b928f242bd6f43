package flumelog

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// What the byte before a record may be.
const (
	opRecord = 0x7f
	opNone   = 0x00 // Flume's integrity tool took the record out
	opEnd    = 0x80
)

const bufferLen = 256 << 10

// log is one log file.
type log struct {
	path string
	id   int32
}

// stream reads the logs of one folder, record after record.
type stream struct {
	logs  []*log // that have not been read, the open one first
	since int64  // order of writing up to which the checkpoint has everything

	record record // the one that was read last
	doubt  error  // what could not be read

	file   *os.File // of the log that is open
	in     *bufio.Reader
	offset int64
	size   int64
}

func (s *stream) close() {
	if s.file != nil {
		s.file.Close()
		s.file = nil
	}
}

// advance reads the next record; false is the end of all logs. What cannot be read
// ends its log and is a doubt.
func (s *stream) advance() bool {
	for len(s.logs) > 0 {
		err := s.open()
		if err == nil {
			if err = s.next(); err == nil {
				return true
			}
		}
		if !errors.Is(err, io.EOF) && s.doubt == nil {
			s.doubt = err
		}
		s.close()
		s.logs = s.logs[1:]
	}
	return false
}

// open opens the log that is first, where it is not open; io.EOF is one with nothing
// in it.
func (s *stream) open() error {
	if s.file != nil {
		return nil
	}
	l := s.logs[0]
	f, err := os.Open(l.path)
	if errors.Is(err, os.ErrNotExist) {
		return io.EOF // a Flume that runs has deleted it: all in it was taken
	}
	if err != nil {
		return err
	}
	s.file = f
	info, err := f.Stat()
	if err != nil {
		return err
	}
	m, err := readMeta(l, info.Size())
	if err != nil {
		return err
	}
	s.offset, s.size = m.from(s.since), info.Size()
	if _, err := f.Seek(s.offset, io.SeekStart); err != nil {
		return err
	}
	if s.in == nil {
		s.in = bufio.NewReaderSize(nil, bufferLen)
	}
	s.in.Reset(io.LimitReader(f, s.size-s.offset))
	return nil
}

// next reads a record of the open log; io.EOF is its end. In the last log of a folder
// a record that was not written to its end is one, too: nothing has been committed
// behind it.
func (s *stream) next() error {
	for {
		op, err := s.in.ReadByte()
		if err != nil {
			return err
		}
		if op == opEnd {
			return io.EOF
		}
		if op != opRecord && op != opNone {
			return s.damaged("no record begins there")
		}
		var b [4]byte
		if _, err := io.ReadFull(s.in, b[:]); err != nil {
			return s.torn(err)
		}
		length := int64(binary.BigEndian.Uint32(b[:]))
		if s.offset+5+length > s.size {
			return s.torn(io.ErrUnexpectedEOF)
		}
		if op == opRecord {
			if err := s.decode(int(length)); err != nil {
				return err
			}
		}
		if _, err := s.in.Discard(int(length)); err != nil {
			return s.torn(err)
		}
		s.offset += 5 + length
		if op == opRecord {
			return nil
		}
	}
}

// decode reads the record of that length, which is next.
func (s *stream) decode(length int) error {
	head, err := s.in.Peek(min(length, mostHead))
	if err != nil {
		return s.torn(err)
	}
	if s.record, err = decodeRecord(head, length); err != nil {
		return s.damaged(err.Error())
	}
	if s.record.kind == kindPut {
		s.record.event = pointerTo(s.logs[0].id, int32(s.offset))
	}
	return nil
}

// torn is a record that ends with the file.
func (s *stream) torn(err error) error {
	if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("read %s: %w", s.logs[0].path, err)
	}
	if len(s.logs) == 1 {
		return io.EOF
	}
	return s.damaged("the record is longer than the file")
}

func (s *stream) damaged(why string) error {
	return fmt.Errorf("%s is damaged at offset %d: %s", s.logs[0].path, s.offset, why)
}
