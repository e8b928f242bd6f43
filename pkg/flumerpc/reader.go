package flumerpc

import (
	"bufio"
	"io"
	"slices"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
)

const (
	// announced is what is believed of a length before its bytes have come.
	announced = 64 << 10
	// keepBuffer is the largest buffer that a connection keeps for its next
	// message.
	keepBuffer = 1 << 20
	// progress is how many bytes of a message have to come within the patience.
	progress = 1 << 20
)

// timed is what a reader needs of a connection.
type timed interface {
	io.Reader
	SetReadDeadline(time.Time) error
}

// reader reads messages. Between two of them it waits as long as it takes; once
// one has begun the rest has to follow.
type reader struct {
	buf    *bufio.Reader
	pace   pace
	blocks *flume.Blocks
	block  *flume.Block // of the last message; nil where that is lent to events
	last   int          // about the size of the last message
}

func newReader(conn timed, patience time.Duration) *reader {
	r := &reader{pace: pace{conn: conn, patience: patience}, blocks: new(flume.Blocks)}
	r.buf = bufio.NewReaderSize(&r.pace, 32<<10)
	return r
}

// begin waits for a message: io.EOF says that there is none.
func (r *reader) begin() error {
	if _, err := r.buf.Peek(1); err != nil {
		return err
	}
	r.pace.inside, r.pace.left = true, 0
	return nil
}

// end is called behind each message that has begun.
func (r *reader) end() {
	r.pace.inside = false
	if r.pace.set {
		r.pace.set = false
		// An error would come again with the next read.
		_ = r.pace.conn.SetReadDeadline(time.Time{})
	}
}

// head returns the next n bytes, which are few; they are valid until the next read.
func (r *reader) head(n int) ([]byte, error) {
	b, err := r.buf.Peek(n)
	if err != nil {
		return nil, unexpected(err)
	}
	_, err = r.buf.Discard(n)
	return b, err
}

// append appends the next n bytes to message, which grows with what has come and
// not with what was announced.
func (r *reader) append(message []byte, n uint32) ([]byte, error) {
	if uint64(len(message))+uint64(n) > maxMessage {
		return nil, malformed("a message of more than %d MiB; does the peer speak this protocol, and with the same compression-type and ssl?", maxMessage>>20)
	}
	for left := int(n); left > 0; {
		step := min(left, max(announced, len(message)))
		at := len(message)
		message = slices.Grow(message, step)[:at+step]
		if _, err := io.ReadFull(r.buf, message[at:]); err != nil {
			return nil, unexpected(err)
		}
		left -= step
	}
	return message, nil
}

// room is where the next message goes.
func (r *reader) room() []byte {
	if r.block == nil || cap(r.block.Bytes) > keepBuffer {
		r.block = r.blocks.Get(r.last)
	}
	return r.block.Bytes[:0]
}

// whole keeps a message, which is valid until the next one is read.
func (r *reader) whole(message []byte) []byte {
	r.block.Bytes = message
	r.last = min(len(message)+len(message)/16, keepBuffer) // they differ a little
	return message
}

// lend gives the last message to the events that were found in it.
func (r *reader) lend(events []flume.Event) {
	r.block.Lend(events)
	r.block = nil
}

// unexpected is the end of a connection within a message.
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// pace moves the deadline of a connection while a message comes.
type pace struct {
	conn     timed
	patience time.Duration // 0 = no deadline
	inside   bool          // a message has begun
	set      bool          // there is a deadline
	left     int           // bytes until it moves
}

func (p *pace) Read(b []byte) (int, error) {
	if p.inside && p.left <= 0 && p.patience > 0 {
		if err := p.conn.SetReadDeadline(time.Now().Add(p.patience)); err != nil {
			return 0, err
		}
		p.left, p.set = progress, true
	}
	n, err := p.conn.Read(b)
	p.left -= n
	return n, err
}
