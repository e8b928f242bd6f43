// Package bzip2 packs bytes as bzip2, which the standard library only unpacks.
// Blocks of Avro files and the parts of files that Hadoop packs are whole
// streams of their own.
package bzip2

import (
	"bytes"
	"errors"
	"io"

	"github.com/dsnet/compress/bzip2"
)

// The digits of a square root of pi end a stream, between any two bits, with a
// checksum of 32 bits behind them and as many bits as make the last byte whole.
const (
	endMagic  = 0x177245385090
	endBits   = 48
	checksum  = 4 // bytes that hold the rest of a stream
	firstHead = "BZh"
	lastHead  = "1AY&SY" // the digits of pi in front of the first block
	headSize  = len(firstHead) + 1 + len(lastHead)
)

// Append packs src as one stream and appends it to dst.
func Append(dst, src []byte) ([]byte, error) {
	b := bytes.NewBuffer(dst)
	// A block takes level times 100 kB of memory several times over, and a run of
	// four bytes takes five in it.
	level := min(1+len(src)/80_000, bzip2.BestCompression)
	w, err := bzip2.NewWriter(b, &bzip2.WriterConfig{Level: level})
	if err != nil {
		return dst, err
	}
	_, err = w.Write(src)
	err = errors.Join(err, w.Close())
	return b.Bytes(), err
}

// PeekReader is a reader that shows what comes.
type PeekReader interface {
	io.Reader
	io.ByteReader
	Peek(n int) ([]byte, error)
}

// One reads one of several streams that follow each other: the standard
// library's reader would go on with the next one, and fail where that was cut
// off.
type One struct {
	r     PeekReader
	bits  uint64 // the last ones
	left  int    // bytes until the stream may end; 0 = nothing is known
	ended bool   // here is where it may end
}

// NewOne makes the reader of the stream that r begins with. What it returns is
// packed: it ends in front of the next stream.
func NewOne(r PeekReader) *One { return &One{r: r} }

// ReadByte reads a byte of the stream.
func (o *One) ReadByte() (byte, error) {
	if o.ended {
		o.ended = false // the end's bits may come by chance; with this behind them they do not
		if head, _ := o.r.Peek(headSize); begins(head) {
			return 0, io.EOF
		}
	}
	b, err := o.r.ReadByte()
	if err != nil {
		return 0, err
	}
	if o.left > 0 {
		o.left--
		o.ended = o.left == 0
	}
	o.bits = o.bits<<8 | uint64(b)
	for shift := range 8 {
		if o.bits>>shift&(1<<endBits-1) == endMagic {
			o.left = checksum
		}
	}
	return b, nil
}

// Read reads some bytes of the stream.
func (o *One) Read(p []byte) (int, error) {
	for i := range p {
		b, err := o.ReadByte()
		if err != nil {
			return i, err
		}
		p[i] = b
	}
	return len(p), nil
}

// begins reports whether b is what a stream begins with, or the first bytes of
// that.
func begins(b []byte) bool {
	head := []byte(firstHead + "9" + lastHead)
	if at := len(firstHead); len(b) > at && b[at] >= '1' && b[at] <= '9' {
		head[at] = b[at]
	}
	return bytes.HasPrefix(head, b)
}
