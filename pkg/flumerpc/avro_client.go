package flumerpc

import (
	"encoding/binary"
	"fmt"

	"github.com/logpipe/logpipe/pkg/flume"
)

// avroCaller is the client's side of one connection.
type avroCaller struct {
	serial  uint32
	server  [16]byte // the hash that the server names
	greeted bool
	out     []byte
}

func newAvroCaller() *avroCaller {
	a := new(avroCaller)
	copy(a.server[:], avroHash)
	return a
}

// request makes an appendBatch as Flume's client does: in two buffers.
func (a *avroCaller) request(events []flume.Event) []byte { return a.make(events, false) }

func (a *avroCaller) make(events []flume.Event, tell bool) []byte {
	a.serial++
	b := binary.BigEndian.AppendUint32(a.out[:0], a.serial)
	b = append(b, 0, 0, 0, 2, 0, 0, 0, 0)
	start := len(b)
	if !a.greeted {
		b = append(b, avroHash...)
		if tell {
			b = appendText(append(b, 2), avroProtocol)
		} else {
			b = append(b, 0)
		}
		b = append(append(b, a.server[:]...), 2, 0)
	}
	b = appendText(append(b, 0), "appendBatch")
	binary.BigEndian.PutUint32(b[start-4:], uint32(len(b)-start))
	b = append(b, 0, 0, 0, 0)
	start = len(b)
	if len(events) > 0 {
		b = appendLong(b, int64(len(events)))
		for i := range events {
			b = appendAvroEvent(b, &events[i])
		}
	}
	b = append(b, 0)
	binary.BigEndian.PutUint32(b[start-4:], uint32(len(b)-start))
	a.out = b
	if cap(b) > keepBuffer {
		a.out = nil
	}
	return b
}

// response reads the answer. again means that the server wants the same request
// once more, with the protocol.
func (a *avroCaller) response(r *reader) (status Status, again bool, err error) {
	serial, message, err := readAvro(r)
	if err != nil {
		return Unknown, false, err
	}
	if serial != a.serial {
		return Unknown, false, malformed("an answer to request %d, and not to %d", serial, a.serial)
	}
	c := &cursor{rest: message}
	if !a.greeted {
		match := c.varint()
		if c.varint() != 0 {
			c.avroBytes() // the server's protocol
		}
		if c.varint() != 0 {
			copy(a.server[:], c.take(16))
		}
		if c.varint() != 0 {
			c.avroMap()
		}
		if match == matchNone && !c.bad {
			return Unknown, true, nil
		}
		a.greeted = true
	}
	c.avroMap()
	if c.byte() != 0 && !c.bad {
		c.varint() // the union of errors has one branch
		return Unknown, false, fmt.Errorf("the source answered with an error: %s", text(c.avroBytes()))
	}
	status = Status(c.varint())
	if c.bad {
		return Unknown, false, malformed("the answer ends too early")
	}
	return status, false, nil
}

// told makes the request again, with the protocol.
func (a *avroCaller) told(events []flume.Event) []byte { return a.make(events, true) }
