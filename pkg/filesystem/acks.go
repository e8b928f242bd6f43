package filesystem

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/logpipe/logpipe/pkg/protofield"
)

// ackedConn is a connection to a datanode over which a block is written. The
// client library does not tell when the datanodes have acknowledged what it
// has sent, so both directions are read on their way: packets one way, their
// acknowledgements the other.
//
// The protocol is that of DataTransferProtocol and PacketReceiver in Hadoop:
// a request and its answer, then packets, each with a PacketHeaderProto, and for
// each a PipelineAckProto.
type ackedConn struct {
	net.Conn

	mu      sync.Mutex
	changed chan struct{} // closed and replaced at each acknowledgement
	out, in frames
	sent    int64 // number of the last packet
	acked   int64
	err     error
}

func newAckedConn(c net.Conn) *ackedConn {
	a := &ackedConn{Conn: c, changed: make(chan struct{})}
	a.out.parse = a.request
	a.in.parse = a.answer
	return a
}

func (a *ackedConn) Write(p []byte) (int, error) {
	n, err := a.Conn.Write(p)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.note(err)
	a.note(a.out.feed(p[:n]))
	return n, err
}

func (a *ackedConn) Read(p []byte) (int, error) {
	n, err := a.Conn.Read(p)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.note(a.in.feed(p[:n]))
	a.note(err)
	return n, err
}

// note remembers the first error.
func (a *ackedConn) note(err error) {
	if err != nil && a.err == nil {
		a.err = err
		a.announce()
	}
}

func (a *ackedConn) announce() {
	close(a.changed)
	a.changed = make(chan struct{})
}

// wait returns when all packets that were sent are acknowledged, or at its end.
func (a *ackedConn) wait(end <-chan struct{}, timeout <-chan time.Time) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	for a.acked < a.sent {
		if a.err != nil {
			return fmt.Errorf("a datanode does not acknowledge: %w", a.err)
		}
		changed := a.changed
		a.mu.Unlock()
		var err error
		select {
		case <-changed:
		case <-end:
			err = errors.New("the call ends")
		case <-timeout:
			err = errors.New("a datanode does not acknowledge in time")
		}
		a.mu.Lock()
		if err != nil {
			return err
		}
	}
	return nil
}

// frames cuts a stream of bytes into messages. parse returns how many of the
// bytes it has used, 0 if it needs more, and how many behind them to pass over.
type frames struct {
	buf   []byte
	skip  int
	parse func([]byte) (used, skip int, err error)
}

func (f *frames) feed(p []byte) error {
	for {
		n := min(f.skip, len(p))
		f.skip -= n
		p = p[n:]
		if len(p) == 0 && (len(f.buf) == 0 || f.skip > 0) {
			return nil
		}
		f.buf = append(f.buf, p...)
		used, skip, err := f.parse(f.buf)
		if err != nil || used == 0 {
			return err
		}
		// What is left of buf comes from p: it is fed again.
		p = append([]byte(nil), f.buf[used:]...)
		f.buf, f.skip = f.buf[:0], skip
	}
}

// mostMessage bounds a message of the protocol.
const mostMessage = 16 << 20

var errProtocol = errors.New("a datanode and the client do not understand each other")

// delimited reads the length in front of a message.
func delimited(b []byte) (message []byte, used int, err error) {
	size, n := binary.Uvarint(b)
	switch {
	case n < 0 || n > 0 && size > mostMessage:
		return nil, 0, errProtocol
	case n == 0 || len(b) < n+int(size):
		return nil, 0, nil
	}
	return b[n : n+int(size)], n + int(size), nil
}

// request passes over the request: version, operation and a message.
func (a *ackedConn) request(b []byte) (used, skip int, err error) {
	if len(b) < 3 {
		return 0, 0, nil
	}
	_, n, err := delimited(b[3:])
	if err != nil || n == 0 {
		return 0, 0, err
	}
	a.out.parse = a.packet
	return 3 + n, 0, nil
}

// packet reads the head of a packet: the length of what follows the header and
// of itself, the length of the header, and the header.
func (a *ackedConn) packet(b []byte) (used, skip int, err error) {
	if len(b) < 6 {
		return 0, 0, nil
	}
	rest := int(binary.BigEndian.Uint32(b)) - 4
	size := int(binary.BigEndian.Uint16(b[4:]))
	if rest < 0 || rest > mostMessage {
		return 0, 0, errProtocol
	}
	if len(b) < 6+size {
		return 0, 0, nil
	}
	err = fields(b[6:6+size], func(field int, number uint64, _ []byte) error {
		if seqno := int64(number); field == 2 && seqno >= 0 { // a heartbeat has -1
			a.sent = seqno
		}
		return nil
	})
	return 6 + size, rest, err
}

func (a *ackedConn) answer(b []byte) (used, skip int, err error) {
	_, n, err := delimited(b)
	if n > 0 {
		a.in.parse = a.ack
	}
	return n, 0, err
}

// ack reads an acknowledgement: the number of the packet, and a status of each
// datanode, which is 0 where all is well.
func (a *ackedConn) ack(b []byte) (used, skip int, err error) {
	message, n, err := delimited(b)
	if err != nil || n == 0 {
		return 0, 0, err
	}
	seqno := int64(-1)
	err = fields(message, func(field int, number uint64, packed []byte) error {
		if field == 1 {
			seqno = int64(number>>1) ^ -int64(number&1)
		}
		for field == 2 && len(packed) > 0 {
			var used int
			if number, used = binary.Uvarint(packed); used <= 0 || number != 0 {
				return fmt.Errorf("a datanode answers with status %d", number)
			}
			packed = packed[used:]
		}
		if field == 2 && number != 0 {
			return fmt.Errorf("a datanode answers with status %d", number)
		}
		return nil
	})
	if err == nil && seqno > a.acked {
		a.acked = seqno
		a.announce()
	}
	return n, 0, err
}

// fields calls f for each field of a message, with its number or its bytes.
func fields(message []byte, f func(field int, number uint64, packed []byte) error) error {
	err := protofield.Each(message, f)
	if errors.Is(err, protofield.ErrMalformed) {
		return errProtocol
	}
	return err
}
