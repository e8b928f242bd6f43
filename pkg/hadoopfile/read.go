package hadoopfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
)

// mostPart bounds a record, a class name and a part of a block.
const mostPart = 1 << 30

// SequenceReader reads a SequenceFile.
type SequenceReader struct {
	in         *counter
	key, value string // classes
	codec      *Codec
	sync       [syncSize]byte

	end                int64 // of the last whole record or block
	count              int   // records of the block that are not read
	keyLens, keys      *bytes.Reader
	valueLens, content *bytes.Reader
}

// NewSequenceReader reads the header.
func NewSequenceReader(r io.Reader) (*SequenceReader, error) {
	s := &SequenceReader{in: newCounter(r)}
	if err := s.header(); err != nil {
		return nil, fmt.Errorf("no SequenceFile: %w", short(err))
	}
	s.end = s.in.n
	return s, nil
}

func short(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (s *SequenceReader) header() error {
	magic, err := s.take(len(sequenceMagic))
	if !strings.HasPrefix(sequenceMagic, string(magic)) {
		return fmt.Errorf("it begins with %q", magic)
	}
	if err != nil {
		return err
	}
	if s.key, err = s.string(); err != nil {
		return err
	}
	if s.value, err = s.string(); err != nil {
		return err
	}
	flags, err := s.take(2)
	if err != nil {
		return err
	}
	switch {
	case flags[0] != flags[1]:
		return errors.New("records that are packed one by one are not supported")
	case flags[0] != 0:
		class, err := s.string()
		if err != nil {
			return err
		}
		if s.codec, err = LookupCodec(class); err != nil {
			return err
		}
		if s.codec == nil {
			return errors.New("it names no codec")
		}
	}
	n, err := s.int()
	if err != nil {
		return err
	}
	if n != 0 {
		return errors.New("metadata are not supported")
	}
	sync, err := s.take(syncSize)
	copy(s.sync[:], sync)
	return err
}

// Classes are the names of the classes of keys and values.
func (s *SequenceReader) Classes() (key, value string) { return s.key, s.value }

// End is how far the file is whole: the end of the last record or block that
// was read.
func (s *SequenceReader) End() int64 { return s.end }

// Next returns the next record, serialised; io.EOF at the end.
func (s *SequenceReader) Next() (key, value []byte, err error) {
	if s.codec != nil {
		return s.nextOfBlock()
	}
	length, err := s.int()
	if err == nil && uint32(length) == syncEscape {
		if err = s.marker(); err != nil {
			return nil, nil, err
		}
		s.end = s.in.n
		length, err = s.int()
	}
	if err != nil {
		return nil, nil, err
	}
	keyLength, err := s.int()
	if err != nil {
		return nil, nil, short(err)
	}
	if length < 0 || keyLength < 0 || keyLength > length {
		return nil, nil, fmt.Errorf("a record of %d bytes has a key of %d", length, keyLength)
	}
	record, err := s.take(int(length))
	if err != nil {
		return nil, nil, short(err)
	}
	s.end = s.in.n
	return record[:keyLength], record[keyLength:], nil
}

func (s *SequenceReader) marker() error {
	mark, err := s.take(syncSize)
	if err != nil {
		return short(err)
	}
	if !bytes.Equal(mark, s.sync[:]) {
		return errors.New("a marker is not that of the file")
	}
	return nil
}

func (s *SequenceReader) nextOfBlock() (key, value []byte, err error) {
	for s.count == 0 {
		if err := s.block(); err != nil {
			return nil, nil, err
		}
		s.end = s.in.n
	}
	s.count--
	if key, err = part(s.keyLens, s.keys); err != nil {
		return nil, nil, err
	}
	value, err = part(s.valueLens, s.content)
	return key, value, err
}

func part(lengths, from *bytes.Reader) ([]byte, error) {
	n, err := readVarint(lengths)
	if err != nil {
		return nil, short(err)
	}
	if n < 0 || n > int64(from.Len()) {
		return nil, fmt.Errorf("a block has %d bytes left for %d", from.Len(), n)
	}
	b := make([]byte, n)
	_, err = io.ReadFull(from, b)
	return b, err
}

// block reads the next block.
func (s *SequenceReader) block() error {
	escape, err := s.int()
	if err != nil {
		return err
	}
	if uint32(escape) != syncEscape {
		return errors.New("a block begins without a marker")
	}
	if err := s.marker(); err != nil {
		return err
	}
	count, err := readVarint(s.in)
	if err != nil {
		return short(err)
	}
	for _, to := range []**bytes.Reader{&s.keyLens, &s.keys, &s.valueLens, &s.content} {
		n, err := readVarint(s.in)
		if err != nil {
			return short(err)
		}
		packed, err := s.take(int(min(max(n, 0), mostPart)))
		if err != nil {
			return short(err)
		}
		r, err := s.codec.NewReader(bytes.NewReader(packed))
		if err != nil {
			return err
		}
		plain, err := io.ReadAll(io.LimitReader(r, mostPart))
		if err != nil {
			return err
		}
		*to = bytes.NewReader(plain)
	}
	if count < 0 || count > int64(s.keyLens.Len()) { // a length has a byte at least
		return fmt.Errorf("a block claims %d records", count)
	}
	s.count = int(count)
	return nil
}

// take reads n bytes, in steps, so that a wrong length costs no more memory than
// there are bytes.
func (s *SequenceReader) take(n int) ([]byte, error) {
	if n < 0 || n > mostPart {
		return nil, fmt.Errorf("a length of %d bytes", n)
	}
	b, err := io.ReadAll(io.LimitReader(s.in, int64(n)))
	if err == nil && len(b) < n {
		err = io.EOF
		if len(b) > 0 {
			err = io.ErrUnexpectedEOF
		}
	}
	return b, err
}

func (s *SequenceReader) int() (int32, error) {
	b, err := s.take(4)
	if err != nil {
		return 0, err
	}
	return int32(binary.BigEndian.Uint32(b)), nil
}

func (s *SequenceReader) string() (string, error) {
	n, err := readVarint(s.in)
	if err != nil {
		return "", err
	}
	if n < 0 || n > mostPart {
		return "", fmt.Errorf("a name of %d bytes", n)
	}
	b, err := s.take(int(n))
	return string(b), err
}

// readVarint is the other side of appendVarint.
func readVarint(r io.ByteReader) (int64, error) {
	first, err := r.ReadByte()
	if err != nil {
		return 0, err
	}
	head := int(int8(first))
	if head >= -112 {
		return int64(head), nil
	}
	size := -112 - head
	if head < -120 {
		size = -120 - head
	}
	var n uint64
	for range size {
		b, err := r.ReadByte()
		if err != nil {
			return 0, short(err)
		}
		n = n<<8 | uint64(b)
	}
	if head < -120 {
		n = ^n
	}
	return int64(n), nil
}

// ErrFormat says that a file is not of the format that it was taken for.
var ErrFormat = errors.New("it is of another format")

// mostHeader is the most that a header is taken to have.
const mostHeader = 64 << 10

// WholeSequence returns how many of the size bytes of r are a header and whole
// records: the rest was written by a process that was killed. It is 0 where the
// header is not whole. A file that does not begin with the header of one that can
// be read here is an ErrFormat.
func WholeSequence(r io.ReaderAt, size int64) (int64, error) {
	s := &SequenceReader{in: newCounter(io.NewSectionReader(r, 0, size))}
	if err := s.header(); err != nil {
		switch {
		case s.in.err != nil:
			return 0, s.in.err
		case isShort(err) && size < mostHeader:
			return 0, nil
		}
		return 0, fmt.Errorf("%w: %w", ErrFormat, short(err))
	}
	s.end = s.in.n
	for {
		if _, _, err := s.Next(); err != nil {
			return s.End(), s.in.err
		}
	}
}

// isShort reports whether an error says that the file ends there.
func isShort(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// ParseBytes reads a BytesWritable.
func ParseBytes(b []byte) ([]byte, error) {
	if len(b) < 4 || uint32(len(b)-4) != binary.BigEndian.Uint32(b) {
		return nil, fmt.Errorf("%d bytes are no BytesWritable", len(b))
	}
	return b[4:], nil
}

// ParseText reads a Text.
func ParseText(b []byte) ([]byte, error) {
	r := bytes.NewReader(b)
	n, err := readVarint(r)
	if err != nil || n != int64(r.Len()) {
		return nil, fmt.Errorf("%d bytes are no Text", len(b))
	}
	return b[len(b)-r.Len():], nil
}
