// Package hadoopfile writes files as Hadoop does: SequenceFiles, and streams
// that are packed by one of its codecs.
//
// Formats: the comments of org.apache.hadoop.io.SequenceFile, WritableUtils and
// BlockCompressorStream in Hadoop 3.4.
package hadoopfile

import (
	"bufio"
	"bytes"
	stdbzip2 "compress/bzip2"
	"compress/gzip"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/logpipe/logpipe/pkg/bzip2"
	"github.com/logpipe/logpipe/pkg/snappy"
)

// Codec packs bytes as one of Hadoop's compression codecs. What it packs at
// once can be unpacked on its own, and such parts may follow each other in one
// file.
type Codec struct {
	Class     string // in Java
	Extension string // of file names, with the dot

	begin  string // of all that it packs
	pack   func(dst, src []byte) ([]byte, error)
	unpack func(*counter) error // one part, to its end
	reader func(io.Reader) (io.Reader, error)
}

const classes = "org.apache.hadoop.io.compress."

func codecs() []*Codec {
	deflate := &Codec{classes + "DefaultCodec", ".deflate", "x", packZlib, skipZlib, readZlib}
	same := *deflate
	same.Class = classes + "DeflateCodec"
	return []*Codec{
		{classes + "GzipCodec", ".gz", "\x1f\x8b", packGzip, skipGzip, func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }},
		deflate, &same,
		{classes + "BZip2Codec", ".bz2", "BZh", bzip2.Append, skipBzip2, func(r io.Reader) (io.Reader, error) { return stdbzip2.NewReader(r), nil }},
		{classes + "SnappyCodec", ".snappy", "\x00", packSnappy, skipSnappy, func(r io.Reader) (io.Reader, error) { return &snappyReader{r: r}, nil }},
	}
}

// LookupCodec finds a codec by its class, by the class without its package, or
// by that without the word Codec, in any case, as Flume does: gzip, GzipCodec
// and org.apache.hadoop.io.compress.GzipCodec are one. nil without an error is
// the name "none".
func LookupCodec(name string) (*Codec, error) {
	lower := strings.ToLower(name)
	if lower == "none" {
		return nil, nil
	}
	simple := strings.TrimSuffix(lower[strings.LastIndexByte(lower, '.')+1:], "codec")
	for _, c := range codecs() {
		short := strings.TrimSuffix(strings.TrimPrefix(c.Class, classes), "Codec")
		if c.Class == name || simple == strings.ToLower(short) && (!strings.Contains(name, ".") || strings.HasPrefix(name, classes)) {
			return c, nil
		}
	}
	switch simple {
	case "lzo", "lzop", "lz4", "zstandard", "passthrough":
		return nil, fmt.Errorf("codec %s is not supported: gzip, bzip2, deflate, default and snappy are", name)
	}
	return nil, fmt.Errorf("there is no codec %q: gzip, bzip2, deflate, default and snappy are supported", name)
}

// Append packs src and appends it to dst.
func (c *Codec) Append(dst, src []byte) ([]byte, error) { return c.pack(dst, src) }

// NewReader unpacks what r holds.
func (c *Codec) NewReader(r io.Reader) (io.Reader, error) { return c.reader(r) }

// Whole returns how many of the size bytes of r are parts that are whole: the
// rest was written by a process that was killed. A file that does not begin with
// a part, or with a piece of one that goes on to its end, is an ErrFormat.
func (c *Codec) Whole(r io.ReaderAt, size int64) (int64, error) {
	in := newCounter(io.NewSectionReader(r, 0, size))
	for {
		begin := in.n
		err := c.unpack(in)
		switch {
		case err == nil:
		case in.err != nil:
			return 0, in.err // of reading
		case begin > 0:
			return begin, nil
		default:
			return 0, c.first(r, size, err)
		}
		if in.n == begin {
			return begin, nil
		}
	}
}

// first judges a file whose first part cannot be unpacked.
func (c *Codec) first(r io.ReaderAt, size int64, unpacking error) error {
	head := make([]byte, min(size, int64(len(c.begin))))
	if _, err := r.ReadAt(head, 0); err != nil && err != io.EOF {
		return err
	}
	if isShort(unpacking) && strings.HasPrefix(c.begin, string(head)) {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrFormat, unpacking)
}

// counter counts the bytes that are read; it keeps readers of packed data from
// reading ahead.
type counter struct {
	r   *bufio.Reader
	n   int64
	err error // but the end
}

func newCounter(r io.Reader) *counter { return &counter{r: bufio.NewReaderSize(r, 64<<10)} }

func (c *counter) note(err error) {
	if err != nil && err != io.EOF {
		c.err = err
	}
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	c.note(err)
	return n, err
}

func (c *counter) ReadByte() (byte, error) {
	b, err := c.r.ReadByte()
	if err == nil {
		c.n++
	}
	c.note(err)
	return b, err
}

func packGzip(dst, src []byte) ([]byte, error) {
	b := bytes.NewBuffer(dst)
	w := gzip.NewWriter(b)
	_, err := w.Write(src)
	err = errors.Join(err, w.Close())
	return b.Bytes(), err
}

func skipGzip(c *counter) error {
	r, err := gzip.NewReader(c)
	if err != nil {
		return err
	}
	r.Multistream(false)
	_, err = io.Copy(io.Discard, r)
	return err
}

func skipBzip2(c *counter) error {
	_, err := io.Copy(io.Discard, stdbzip2.NewReader(bzip2.NewOne(c)))
	return err
}

func packZlib(dst, src []byte) ([]byte, error) {
	b := bytes.NewBuffer(dst)
	w := zlib.NewWriter(b)
	_, err := w.Write(src)
	err = errors.Join(err, w.Close())
	return b.Bytes(), err
}

func skipZlib(c *counter) error {
	r, err := zlib.NewReader(c)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, r)
	return err
}

// Peek shows what comes.
func (c *counter) Peek(n int) ([]byte, error) { return c.r.Peek(n) }

// zlibReader reads streams of zlib that follow each other.
type zlibReader struct {
	in  *counter
	now io.Reader
}

func readZlib(r io.Reader) (io.Reader, error) {
	in := newCounter(r)
	now, err := zlib.NewReader(in)
	return &zlibReader{in, now}, err
}

func (z *zlibReader) Read(p []byte) (int, error) {
	for {
		n, err := z.now.Read(p)
		if n > 0 || err != io.EOF {
			if err == io.EOF {
				err = nil
			}
			return n, err
		}
		if _, err := z.in.r.Peek(1); err != nil {
			return 0, err
		}
		if z.now, err = zlib.NewReader(z.in); err != nil {
			return 0, err
		}
	}
}

// snappyBlock is the most that a block holds: Hadoop's reader unpacks it into
// 256 KiB.
const snappyBlock = 200 << 10

// packSnappy writes blocks of Hadoop's BlockCompressorStream: the length of what
// is packed, then the length and the bytes of each packed piece, of which there
// is one.
func packSnappy(dst, src []byte) ([]byte, error) {
	for len(src) > 0 {
		part := src[:min(len(src), snappyBlock)]
		src = src[len(part):]
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(part)))
		at := len(dst)
		dst = snappy.Append(append(dst, 0, 0, 0, 0), part)
		binary.BigEndian.PutUint32(dst[at:], uint32(len(dst)-at-4))
	}
	return dst, nil
}

func skipSnappy(c *counter) error {
	_, err := readSnappyBlock(c)
	return err
}

// mostSnappy bounds what a block may claim.
const mostSnappy = 64 << 20

// readSnappyBlock reads a block with all of its pieces.
func readSnappyBlock(r io.Reader) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err // io.EOF where a block would begin
	}
	size := int(binary.BigEndian.Uint32(head[:]))
	if size > mostSnappy {
		return nil, fmt.Errorf("a block claims %d bytes", size)
	}
	var out []byte
	for len(out) < size {
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return nil, errors.Join(io.ErrUnexpectedEOF, err)
		}
		n := int(binary.BigEndian.Uint32(head[:]))
		if n == 0 || n > mostSnappy {
			return nil, fmt.Errorf("a piece of a block claims %d bytes", n)
		}
		packed, err := io.ReadAll(io.LimitReader(r, int64(n)))
		if err == nil && len(packed) < n {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, err
		}
		plain, err := snappy.Unpack(packed)
		if err != nil {
			return nil, err
		}
		if len(plain) == 0 || len(out)+len(plain) > size {
			return nil, errors.New("a block does not have the length that it claims")
		}
		out = append(out, plain...)
	}
	return out, nil
}

// snappyReader unpacks blocks.
type snappyReader struct {
	r    io.Reader
	rest []byte
}

func (s *snappyReader) Read(p []byte) (int, error) {
	for len(s.rest) == 0 {
		var err error
		if s.rest, err = readSnappyBlock(s.r); err != nil {
			return 0, err
		}
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}
