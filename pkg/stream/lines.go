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
	framer Framer
	rest   []byte // the beginning of a line that has not ended yet
	begun  bool
	ended  bool
	err    error // why the input ended, told after its last whole lines
	maxLen int
	free   chan []byte

	// Long, where set, takes the lines that are longer than MaxLine.
	Long LongTaker
}

// LongTaker takes a line that is too long to be held, piece by piece, without its
// end: the Writer is closed behind the last piece, also where the end never comes. It
// has no errors to tell the reader.
type LongTaker func() io.WriteCloser

// NewReader reads in, which messages call name. framer says where records end
// (nil: with each line).
func NewReader(in io.Reader, name string, framer Framer) *Reader {
	if framer == nil {
		framer = LineFramer{}
	}
	return &Reader{in: in, name: name, framer: framer, maxLen: MaxLine, free: make(chan []byte, 8)}
}

// LineFramer is the Framer of lines. With it a line keeps the carriage return
// before its end, which it loses without a Framer.
type LineFramer struct{}

// Cut ends at the last newline.
func (LineFramer) Cut(data []byte) int { return bytes.LastIndexByte(data, '\n') + 1 }

// Next cuts at the next newline.
func (LineFramer) Next(data []byte) (line []byte, next int) {
	n := bytes.IndexByte(data, '\n')
	if n < 0 {
		return data, len(data)
	}
	return data[:n:n], n + 1
}

// Skip reads over the rest of a line.
func (LineFramer) Skip() func([]byte) (int, bool, string) {
	return func(piece []byte) (n int, ended bool, fault string) {
		if n = bytes.IndexByte(piece, '\n'); n >= 0 {
			return n + 1, true, ""
		}
		return len(piece), false, ""
	}
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

// Read returns the next block. The Free of the block gives its bytes back.
func (r *Reader) Read(ctx context.Context) (*Block, error) {
	if r.ended {
		return nil, r.err
	}
	buf := append(r.buffer(max(BlockSize, min(2*len(r.rest), r.maxLen+1), len(r.rest)+1)), r.rest...)
	if end := r.framer.Cut(buf); end > 0 && r.begun {
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
		if end := r.framer.Cut(buf); end > 0 {
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
	return &Block{Data: data, Name: r.name, Time: time.Now(), Ack: func(error) {}, Free: func() { r.release(data) }}
}

// last ends the input: a last line without its newline gets one. What was read
// before an error is handed out first, with what there is of a last line apart:
// it might be taken for another record than the one that was cut off.
func (r *Reader) last(buf []byte, err error) (*Block, error) {
	r.ended, r.err = true, err
	var cut []LongLine
	if len(buf) > 0 && !errors.Is(err, io.EOF) {
		end := r.framer.Cut(buf)
		if part := bytes.Clone(buf[end:]); len(part) > 0 {
			cut = []LongLine{{Before: bytes.Count(buf[:end], []byte{'\n'}), Size: int64(len(part)), Cut: part}}
		}
		buf = buf[:end]
	}
	if len(buf) == 0 && cut == nil {
		return nil, err
	}
	half := len(buf) > 0 && buf[len(buf)-1] != '\n'
	if half {
		buf = append(buf, '\n')
	}
	b := r.block(buf)
	b.Long, b.Half = cut, half
	return b, nil
}

// skip reads over a record that is longer than MaxLine and begins with buf.
func (r *Reader) skip(ctx context.Context, buf []byte) (*Block, error) {
	var long LongLine
	var failed error
	step, piece := r.framer.Skip(), buf
	buf = buf[:cap(buf)-record.Padding-1]
	taker := io.WriteCloser(nobody{})
	if long.Taken = r.Long != nil; long.Taken {
		taker = r.Long()
	}
	defer taker.Close()
	for {
		n, ended, fault := step(piece)
		if text, _ := bytes.CutSuffix(piece[:n], []byte{'\n'}); ended {
			taker.Write(text)
		} else {
			taker.Write(piece[:n])
		}
		long.Size += int64(n)
		long.Lines += int64(bytes.Count(piece[:n], []byte{'\n'}))
		long.Fault = fault
		if ended {
			long.Size-- // the line end
			r.rest = append(r.rest[:0], piece[n:]...)
			break
		}
		if failed != nil {
			r.ended, r.err = true, failed
			break
		}
		if err := ctx.Err(); err != nil {
			return nil, context.Cause(ctx)
		}
		n, failed = r.in.Read(buf)
		piece = buf[:n]
	}
	b := r.block(r.buffer(0))
	b.Long = []LongLine{long}
	return b, nil
}

// nobody takes a line.
type nobody struct{}

func (nobody) Write(p []byte) (int, error) { return len(p), nil }
func (nobody) Close() error                { return nil }

// Inputs is the Source that reads several inputs one after the other.
type Inputs struct {
	// Skip is told why an input could not be opened or read to its end. It returns
	// nil where the next one is to be read, else what ends the reading, as where it
	// is nil itself.
	Skip func(err error) error
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
		b, err := s.read(ctx)
		switch {
		case err == nil:
			return b, nil
		case err == io.EOF && s.now == nil:
			return nil, io.EOF
		case ctx.Err() != nil:
			return nil, err
		}
		if err2 := s.close(); err == io.EOF {
			err = err2
		}
		if err != nil && s.Skip != nil {
			err = s.Skip(err)
		}
		if err != nil {
			return nil, err
		}
	}
}

// read reads the current input, or opens the next; io.EOF without an input is the
// end of all.
func (s *Inputs) read(ctx context.Context) (*Block, error) {
	if s.now == nil {
		if len(s.open) == 0 {
			return nil, io.EOF
		}
		open := s.open[0]
		s.open = s.open[1:]
		src, err := open()
		if err != nil {
			return nil, err
		}
		s.now, s.line = src, 1
	}
	b, err := s.now.Read(ctx)
	if b != nil && s.line == 1 {
		b.Line, s.line = 1, 0
	}
	return b, err
}

// close leaves the current input, where there is one.
func (s *Inputs) close() error {
	c, ok := s.now.(io.Closer)
	s.now = nil
	if !ok {
		return nil
	}
	return c.Close()
}
