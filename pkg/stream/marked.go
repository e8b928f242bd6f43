package stream

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync/atomic"
)

// openHead is how a stream with control lines begins.
const openHead = controlHead + `open"`

// MarkedReader is a Reader of input that may hold control lines: it takes them out
// and hands them on behind the records before them. Whether it does is known from
// the first bytes, which are read with the first block.
type MarkedReader struct {
	in     io.Reader
	name   string
	framer Framer
	src    Source // nil before the first Read
}

// NewMarkedReader reads in as NewReader does.
func NewMarkedReader(in io.Reader, name string, framer Framer) *MarkedReader {
	return &MarkedReader{in: in, name: name, framer: framer}
}

// Read returns the next block.
func (r *MarkedReader) Read(ctx context.Context) (*Block, error) {
	if r.src == nil {
		head, err := r.head(ctx)
		if err != nil {
			return nil, err
		}
		in := io.MultiReader(bytes.NewReader(head), r.in)
		if string(head) != openHead {
			r.src = NewReader(in, r.name, r.framer)
		} else {
			r.src = &marked{src: NewReader(in, r.name, nil)}
			if r.framer != nil {
				r.src = Framed(r.src, r.framer)
			}
		}
	}
	return r.src.Read(ctx)
}

// head reads as many bytes as it takes to tell that they do not open a stream with
// control lines, or do. An error comes again with the next read.
func (r *MarkedReader) head(ctx context.Context) ([]byte, error) {
	head := make([]byte, 0, len(openHead))
	for len(head) < len(openHead) && string(head) == openHead[:len(head)] {
		if err := ctx.Err(); err != nil {
			return nil, context.Cause(ctx)
		}
		n, err := r.in.Read(head[len(head):cap(head)])
		head = head[:len(head)+n]
		if err != nil {
			if !errors.Is(err, io.EOF) {
				r.in = io.MultiReader(failing{err}, r.in)
			}
			break
		}
	}
	return head, nil
}

// failing gives an error that has been read.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// marked takes the control lines of a stream out of its blocks.
type marked struct {
	src    Source
	token  string // "" before the first line
	source string // of the records that come next
	queue  []*Block
}

func (m *marked) Read(ctx context.Context) (*Block, error) {
	for len(m.queue) == 0 {
		b, err := m.src.Read(ctx)
		if err != nil {
			return nil, err
		}
		if err := m.split(b); err != nil {
			return nil, err
		}
	}
	b := m.queue[0]
	m.queue = m.queue[1:]
	return b, nil
}

// split queues the pieces of b between its control lines.
func (m *marked) split(b *Block) error {
	var pieces []*Block
	now := &Block{Source: m.source}
	next := func() {
		if len(now.Data) > 0 || len(now.Control) > 0 || len(now.Long) > 0 {
			pieces = append(pieces, now)
		}
		now = &Block{Source: m.source}
	}
	take := func(records []byte) {
		if len(records) > 0 && len(now.Control) > 0 {
			next()
		}
		now.Data = records
	}
	from := 0 // where the records begin that have not been taken
	for at := m.candidate(b.Data, 0); at >= 0; {
		end := at + bytes.IndexByte(b.Data[at:], '\n') + 1
		c, ok, err := ParseControl(b.Data[at:end], m.token)
		if err != nil {
			return err
		}
		if ok {
			if at > from {
				take(b.Data[from:at])
			}
			from = end
			m.control(c)
			if c.Kind == ControlSource {
				next()
			} else {
				now.Control = append(now.Control, c)
			}
		}
		at = m.candidate(b.Data, end)
	}
	if from < len(b.Data) {
		take(b.Data[from:])
	}
	if len(b.Long) > 0 { // what was cut off or skipped comes behind all lines
		if len(now.Control) > 0 {
			next()
		}
		now.Long = b.Long
		for i := range now.Long {
			now.Long[i].Before = countLines(now.Data)
		}
	}
	next()
	m.queue = append(m.queue, shareAck(b, pieces)...)
	return nil
}

// control follows what c says of the lines behind it.
func (m *marked) control(c *Control) {
	switch c.Kind {
	case ControlOpen:
		m.token = c.Token
	case ControlSource:
		m.source = c.Source
	case ControlReset:
		m.source = ""
	}
}

// shareAck acknowledges b when all of its pieces are, and frees it when all are.
func shareAck(b *Block, pieces []*Block) []*Block {
	left, used := new(atomic.Int32), new(atomic.Int32)
	left.Store(int32(len(pieces)))
	used.Store(int32(len(pieces)))
	for _, p := range pieces {
		p.Name, p.Time = b.Name, b.Time
		p.Ack = func(err error) {
			if left.Add(-1) == 0 && b.Ack != nil {
				b.Ack(err)
			}
		}
		if b.Free != nil {
			p.Free = func() {
				if used.Add(-1) == 0 {
					b.Free()
				}
			}
		}
	}
	if len(pieces) == 0 && b.Ack != nil {
		b.Ack(nil)
	}
	return pieces
}

// candidate is the place of the next line, from the beginning of one at at on, that
// looks like a control; -1 without one.
func (m *marked) candidate(data []byte, at int) int {
	if bytes.HasPrefix(data[at:], []byte(controlHead)) {
		return at
	}
	if i := bytes.Index(data[at:], []byte("\n"+controlHead)); i >= 0 {
		return at + i + 1
	}
	return -1
}
