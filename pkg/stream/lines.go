package stream

import (
	"bytes"
	"context"
	"errors"
	"io"
	"time"

	"github.com/logpipe/logpipe/pkg/record"
)

// The sizes of reading.
const (
	BlockSize = 512 << 10 // bytes asked for at a time
	MaxLine   = 16 << 20  // bytes of the longest line that is read; a longer one is skipped and told
)

// Reader cuts what an io.Reader gives into blocks of whole lines. It hands out
// what is there as soon as it is there: a record a second arrives at once.
type Reader struct {
	in     io.Reader
	name   string
	cut    func([]byte) int
	rest   []byte // the beginning of a line that has not ended yet
	begun  bool
	ended  bool
	err    error // why the input ended, told after its last whole lines
	maxLen int
	free   chan []byte
}

// NewReader reads in, which messages call name. cut finds the last record
// border (nil: the last newline).
func NewReader(in io.Reader, name string, cut func([]byte) int) *Reader {
	if cut == nil {
		cut = func(b []byte) int { return bytes.LastIndexByte(b, '\n') + 1 }
	}
	return &Reader{in: in, name: name, cut: cut, maxLen: MaxLine, free: make(chan []byte, 8)}
}

// buffer returns a buffer of at least n bytes and the padding.
func (r *Reader) buffer(n int) []byte {
	n += record.Padding + 1
	select {
	case b := <-r.free:
		if cap(b) >= n {
			return b[:0]
		}
	default:
	}
	return make([]byte, 0, max(n, BlockSize+record.Padding+1))
}

func (r *Reader) release(b []byte) {
	if cap(b) > 4*BlockSize {
		return
	}
	select {
	case r.free <- b:
	default:
	}
}

var bom = []byte("\xef\xbb\xbf")

// Read returns the next block. The Ack of the block gives its bytes back.
func (r *Reader) Read(ctx context.Context) (*Block, error) {
	if r.ended {
		return nil, r.err
	}
	buf := append(r.buffer(max(BlockSize, min(2*len(r.rest), r.maxLen+1), len(r.rest)+1)), r.rest...)
	if end := r.cut(buf); end > 0 && r.begun {
		r.rest = append(r.rest[:0], buf[end:]...)
		return r.block(buf[:end]), nil
	}
	for {
		if err := ctx.Err(); err != nil {
			return nil, context.Cause(ctx)
		}
		n, err := r.in.Read(buf[len(buf) : cap(buf)-record.Padding-1])
		buf = r.trimBOM(buf[:len(buf)+n])
		if err != nil {
			return r.last(buf, err)
		}
		if end := r.cut(buf); end > 0 {
			r.rest = append(r.rest[:0], buf[end:]...)
			return r.block(buf[:end]), nil
		}
		if len(buf) > r.maxLen {
			return r.skip(ctx, buf)
		}
		if len(buf) >= cap(buf)-record.Padding-1 {
			buf = append(make([]byte, 0, min(2*cap(buf), r.maxLen+record.Padding+2)), buf...)
		}
	}
}

func (r *Reader) trimBOM(buf []byte) []byte {
	if r.begun || len(buf) < len(bom) && bytes.HasPrefix(bom, buf) {
		return buf
	}
	r.begun = true
	if bytes.HasPrefix(buf, bom) {
		return append(buf[:0], buf[len(bom):]...)
	}
	return buf
}

func (r *Reader) block(data []byte) *Block {
	return &Block{Data: data, Name: r.name, Time: time.Now(), Ack: func(error) { r.release(data) }}
}

// last ends the input: a last line without its newline gets one. What was read
// before an error is handed out first.
func (r *Reader) last(buf []byte, err error) (*Block, error) {
	r.ended, r.err = true, err
	if len(buf) > 0 && !errors.Is(err, io.EOF) {
		buf = buf[:r.cut(buf)]
	}
	if len(buf) == 0 {
		return nil, err
	}
	if buf[len(buf)-1] != '\n' {
		buf = append(buf, '\n')
	}
	return r.block(buf), nil
}

// skip reads over a line that is longer than MaxLine.
func (r *Reader) skip(ctx context.Context, buf []byte) (*Block, error) {
	size := int64(len(buf))
	buf = buf[:cap(buf)-record.Padding-1]
	for {
		if err := ctx.Err(); err != nil {
			return nil, context.Cause(ctx)
		}
		n, err := r.in.Read(buf)
		if i := bytes.IndexByte(buf[:n], '\n'); i >= 0 {
			r.rest = append(r.rest[:0], buf[i+1:n]...)
			size += int64(i)
			break
		}
		size += int64(n)
		if err != nil {
			r.ended, r.err = true, err
			break
		}
	}
	b := r.block(r.buffer(0))
	b.Long = []LongLine{{Size: size}}
	return b, nil
}

// Inputs is the Source that reads several inputs one after the other.
type Inputs struct {
	open []func() (Source, error)
	now  Source
	line int64
}

// NewInputs reads the sources that the functions open, in order.
func NewInputs(open ...func() (Source, error)) *Inputs { return &Inputs{open: open} }

// Read returns the next block of the current input; its line numbers begin
// anew with each input.
func (s *Inputs) Read(ctx context.Context) (*Block, error) {
	for {
		if s.now == nil {
			if len(s.open) == 0 {
				return nil, io.EOF
			}
			src, err := s.open[0]()
			if err != nil {
				return nil, err
			}
			s.now, s.open, s.line = src, s.open[1:], 1
		}
		b, err := s.now.Read(ctx)
		if err == io.EOF {
			if c, ok := s.now.(io.Closer); ok {
				if err := c.Close(); err != nil {
					return nil, err
				}
			}
			s.now = nil
			continue
		}
		if b != nil && s.line == 1 {
			b.Line, s.line = 1, 0
		}
		return b, err
	}
}
