package flumerpc

import (
	"encoding/binary"

	"github.com/logpipe/logpipe/pkg/flume"
)

// Types of Thrift by the numbers of the binary protocol.
const (
	thriftStop   = 0
	thriftBool   = 2
	thriftByte   = 3
	thriftDouble = 4
	thriftI16    = 6
	thriftI32    = 8
	thriftI64    = 10
	thriftBinary = 11
	thriftStruct = 12
	thriftMap    = 13
	thriftSet    = 14
	thriftList   = 15
	thriftUUID   = 16
	thriftWrong  = 255
)

// The kinds of messages.
const (
	thriftCall      = 1
	thriftReply     = 2
	thriftException = 3
	thriftOneway    = 4
)

// compactTypes are the types by the numbers of the compact protocol.
var compactTypes = [16]byte{thriftStop, thriftBool, thriftBool, thriftByte, thriftI16, thriftI32, thriftI64, thriftDouble,
	thriftBinary, thriftList, thriftSet, thriftMap, thriftStruct, thriftUUID, thriftWrong, thriftWrong}

const (
	compactID      = 0x82
	compactVersion = 1
	binaryVersion  = 0x8001
	thriftDepth    = 32 // of what is skipped
)

// thriftCursor reads the compact or the binary protocol.
type thriftCursor struct {
	cursor
	compact bool
}

// message reads the head of a message.
func (c *thriftCursor) message() (name string, kind byte, serial uint32) {
	if c.compact {
		if id, version := c.byte(), c.byte(); id == compactID && version&0x1F == compactVersion {
			kind, serial = version>>5, uint32(c.uvarint())
			return string(c.binary()), kind, serial
		}
		c.fail()
		return "", 0, 0
	}
	first := c.uint32()
	if first>>16 == binaryVersion {
		name = string(c.binary())
		return name, byte(first), c.uint32()
	}
	// Clients of long ago begin with the length of the name.
	name = string(c.take(uint64(first)))
	kind = c.byte()
	return name, kind, c.uint32()
}

// field reads the head of a field; last is the number of the one before it in
// the same structure, and becomes this one's.
func (c *thriftCursor) field(last *int16) (kind byte) {
	b := c.byte()
	if !c.compact {
		if b != thriftStop {
			*last = int16(c.uint16())
		}
		return b
	}
	kind = compactTypes[b&15]
	switch {
	case b == 0:
		return thriftStop
	case kind == thriftStop:
		c.fail()
	case b>>4 == 0:
		*last = int16(c.varint())
	default:
		*last += int16(b >> 4)
	}
	return kind
}

// binary reads bytes or a string.
func (c *thriftCursor) binary() []byte {
	if c.compact {
		return c.take(c.uvarint())
	}
	return c.take(uint64(c.uint32()))
}

// list reads the head of a list or a set.
func (c *thriftCursor) list() (kind byte, n uint64) {
	b := c.byte()
	if !c.compact {
		return b, c.count(uint64(c.uint32()))
	}
	if n = uint64(b >> 4); n == 15 {
		n = c.uvarint()
	}
	return compactTypes[b&15], c.count(n)
}

// pairs reads the head of a map.
func (c *thriftCursor) pairs() (key, value byte, n uint64) {
	if !c.compact {
		key, value = c.byte(), c.byte()
		return key, value, c.count(uint64(c.uint32()))
	}
	if n = c.count(c.uvarint()); n > 0 {
		b := c.byte()
		key, value = compactTypes[b>>4], compactTypes[b&15]
	}
	return key, value, n
}

// count refuses more items than there are bytes.
func (c *thriftCursor) count(n uint64) uint64 {
	if n > uint64(len(c.rest)) {
		c.fail()
		return 0
	}
	return n
}

// skip passes over a value; within a list a truth value has a byte, in a field
// of the compact protocol it lies in the type.
func (c *thriftCursor) skip(kind byte, inField bool, depth int) {
	if depth > thriftDepth {
		c.fail()
	}
	switch kind {
	case thriftBool:
		if !c.compact || !inField {
			c.byte()
		}
	case thriftByte:
		c.byte()
	case thriftI16, thriftI32, thriftI64:
		switch {
		case c.compact:
			c.uvarint()
		case kind == thriftI16:
			c.take(2)
		case kind == thriftI32:
			c.take(4)
		default:
			c.take(8)
		}
	case thriftDouble:
		c.take(8)
	case thriftUUID:
		c.take(16)
	case thriftBinary:
		c.binary()
	case thriftStruct:
		var last int16
		for f := c.field(&last); f != thriftStop && !c.bad; f = c.field(&last) {
			c.skip(f, true, depth+1)
		}
	case thriftList, thriftSet:
		item, n := c.list()
		for ; n > 0 && !c.bad; n-- {
			c.skip(item, false, depth+1)
		}
	case thriftMap:
		key, value, n := c.pairs()
		for ; n > 0 && !c.bad; n-- {
			c.skip(key, false, depth+1)
			c.skip(value, false, depth+1)
		}
	default:
		c.fail()
	}
}

// thriftEvents reads the arguments of append or appendBatch.
func (g *gathering) thriftEvents(c *thriftCursor, batch bool) error {
	g.begin()
	fits, found := true, false
	var last int16
	for f := c.field(&last); f != thriftStop && !c.bad && fits; f = c.field(&last) {
		switch {
		case last == 1 && f == thriftStruct && !batch && !found:
			fits, found = g.thriftEvent(c), true
		case last == 1 && f == thriftList && batch && !found:
			item, n := c.list()
			if item != thriftStruct && n > 0 {
				c.fail()
			}
			for ; n > 0 && !c.bad && fits; n-- {
				fits = g.thriftEvent(c)
			}
			found = true
		default:
			c.skip(f, true, 0)
		}
	}
	g.end()
	switch {
	case !fits:
		return malformed("more than %d events or %d headers", maxEvents, maxHeaders)
	case c.bad:
		return malformed("the arguments end too early or are of other types")
	case !found:
		return malformed("the arguments hold no event")
	}
	return nil
}

// thriftEvent reads a ThriftFlumeEvent.
func (g *gathering) thriftEvent(c *thriftCursor) bool {
	g.beginHeaders()
	body := []byte{}
	var last int16
	for f := c.field(&last); f != thriftStop && !c.bad; f = c.field(&last) {
		switch {
		case last == 1 && f == thriftMap:
			key, value, n := c.pairs()
			if n > 0 && (key != thriftBinary || value != thriftBinary) {
				c.fail()
			}
			for ; n > 0 && !c.bad; n-- {
				k := c.binary()
				if !g.header(k, c.binary()) {
					return false
				}
			}
		case last == 2 && f == thriftBinary:
			body = c.binary()
		default:
			c.skip(f, true, 0)
		}
	}
	return g.add(g.endHeaders(), body)
}

// readThrift reads a frame.
func readThrift(r *reader) ([]byte, error) {
	size, err := r.head(4)
	if err != nil {
		return nil, err
	}
	message, err := r.append(r.room(), binary.BigEndian.Uint32(size))
	if err != nil {
		return nil, err
	}
	return r.whole(message), nil
}

// thriftWriter writes the compact or the binary protocol.
type thriftWriter struct {
	b       []byte
	compact bool
}

// begin starts a frame with the head of a message.
func (w *thriftWriter) begin(name string, kind byte, serial uint32) {
	w.b = append(w.b[:0], 0, 0, 0, 0)
	if w.compact {
		w.b = append(w.b, compactID, compactVersion|kind<<5)
		w.b = binary.AppendUvarint(w.b, uint64(serial))
		w.binary(name)
		return
	}
	w.b = binary.BigEndian.AppendUint32(w.b, binaryVersion<<16|uint32(kind))
	w.binary(name)
	w.b = binary.BigEndian.AppendUint32(w.b, serial)
}

// end writes the frame's length into its head.
func (w *thriftWriter) end() []byte {
	binary.BigEndian.PutUint32(w.b, uint32(len(w.b)-4))
	b := w.b
	if cap(b) > keepBuffer {
		w.b = nil
	}
	return b
}

func (w *thriftWriter) binary(text string) { w.b = append(w.length(len(text)), text...) }

func (w *thriftWriter) length(n int) []byte {
	if w.compact {
		return binary.AppendUvarint(w.b, uint64(n))
	}
	return binary.BigEndian.AppendUint32(w.b, uint32(n))
}

// field writes the head of field id, which comes behind field last.
func (w *thriftWriter) field(kind byte, id, last int16) {
	if !w.compact {
		w.b = binary.BigEndian.AppendUint16(append(w.b, kind), uint16(id))
		return
	}
	kind = compactOf(kind)
	if id > last && id-last < 16 {
		w.b = append(w.b, byte(id-last)<<4|kind)
		return
	}
	w.b = binary.AppendVarint(append(w.b, kind), int64(id))
}

func compactOf(kind byte) byte {
	for i, k := range compactTypes {
		if k == kind {
			return byte(i)
		}
	}
	return 0
}

func (w *thriftWriter) int32(n int32) {
	if w.compact {
		w.b = binary.AppendVarint(w.b, int64(n))
	} else {
		w.b = binary.BigEndian.AppendUint32(w.b, uint32(n))
	}
}

// list writes the head of a list of structures.
func (w *thriftWriter) list(n int) {
	switch {
	case !w.compact:
		w.b = binary.BigEndian.AppendUint32(append(w.b, thriftStruct), uint32(n))
	case n < 15:
		w.b = append(w.b, byte(n)<<4|12)
	default:
		w.b = binary.AppendUvarint(append(w.b, 15<<4|12), uint64(n))
	}
}

// event writes a ThriftFlumeEvent.
func (w *thriftWriter) event(e *flume.Event) {
	w.field(thriftMap, 1, 0)
	n := len(e.Headers)
	switch {
	case !w.compact:
		w.b = binary.BigEndian.AppendUint32(append(w.b, thriftBinary, thriftBinary), uint32(n))
	case n == 0:
		w.b = append(w.b, 0)
	default:
		w.b = append(binary.AppendUvarint(w.b, uint64(n)), 0x88)
	}
	for i := range e.Headers {
		w.binary(e.Headers[i].Key)
		w.binary(e.Headers[i].Value)
	}
	w.field(thriftBinary, 2, 1)
	w.b = append(append(w.length(len(e.Body)), e.Body...), thriftStop)
}
