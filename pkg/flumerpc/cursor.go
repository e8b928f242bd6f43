package flumerpc

import (
	"encoding/binary"
	"unicode/utf8"
	"unsafe"

	"github.com/logpipe/logpipe/pkg/flume"
)

// cursor reads a message. After something that is not there bad is set, and all
// else that is read is zero.
type cursor struct {
	rest []byte
	bad  bool
}

func (c *cursor) fail() { c.rest, c.bad = nil, true }

// take returns the next n bytes, whose capacity ends with them.
func (c *cursor) take(n uint64) []byte {
	if n > uint64(len(c.rest)) {
		c.fail()
		return nil
	}
	b := c.rest[:n:n]
	c.rest = c.rest[n:]
	return b
}

func (c *cursor) byte() byte {
	if len(c.rest) == 0 {
		c.fail()
		return 0
	}
	b := c.rest[0]
	c.rest = c.rest[1:]
	return b
}

func (c *cursor) uint16() uint16 {
	if b := c.take(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (c *cursor) uint32() uint32 {
	if b := c.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

// uvarint reads a number of seven bits a byte, the lowest first.
func (c *cursor) uvarint() uint64 {
	if len(c.rest) > 0 && c.rest[0] < 0x80 {
		return uint64(c.byte())
	}
	n, size := binary.Uvarint(c.rest)
	if size <= 0 {
		c.fail()
		return 0
	}
	c.rest = c.rest[size:]
	return n
}

// varint reads a number in zig-zag: 0, -1, 1, -2 …
func (c *cursor) varint() int64 {
	n := c.uvarint()
	return int64(n>>1) ^ -int64(n&1)
}

// text returns b as a string without a copy: nobody writes to a message once it
// was read. What is not UTF-8 becomes U+FFFD, as in Java.
func text(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	if utf8.Valid(b) {
		return unsafe.String(&b[0], len(b))
	}
	return string([]rune(string(b)))
}

// gathering collects the events of one message. Bodies and headers lie in the
// message itself; there is one slice for the events, used again, and one for the
// headers of all of them, which the events keep.
type gathering struct {
	events  []flume.Event
	headers []flume.Header
	usual   int // headers of the last message
	first   int // of the event that is read
	total   int // headers so far
}

func (g *gathering) begin() {
	clear(g.events) // what it held is not kept from the collector
	g.events = g.events[:0]
	g.headers, g.total = nil, 0
}

func (g *gathering) beginHeaders() { g.first = len(g.headers) }

// header adds a header to the event that is read; false where there are too many.
func (g *gathering) header(key, value []byte) bool {
	if g.headers == nil {
		g.headers = make([]flume.Header, 0, max(4, min(g.usual, 64<<10)))
	}
	g.headers = append(g.headers, flume.Header{Key: text(key), Value: text(value)})
	g.total++
	return g.total <= maxHeaders
}

// few is the number of headers up to which comparing each with each is fastest.
const few = 16

// endHeaders returns the headers of the event; of equal keys the last counts, as
// in a Java map.
func (g *gathering) endHeaders() flume.Headers {
	own := g.headers[g.first:]
	if len(own) == 0 {
		return nil
	}
	unique := own[:0]
	if len(own) <= few {
		for _, h := range own {
			(*flume.Headers)(&unique).Set(h.Key, h.Value)
		}
	} else {
		at := make(map[string]int, len(own))
		for _, h := range own {
			i, found := at[h.Key]
			if !found {
				i = len(unique)
				at[h.Key] = i
				unique = unique[:i+1]
			}
			unique[i] = h
		}
	}
	g.headers = g.headers[:g.first+len(unique)]
	return flume.Headers(unique[:len(unique):len(unique)])
}

// add adds an event; false where there are too many.
func (g *gathering) add(headers flume.Headers, body []byte) bool {
	g.events = append(g.events, flume.Event{Headers: headers, Body: body})
	return len(g.events) <= maxEvents
}

// end remembers how many headers came, to make room for as many at once.
func (g *gathering) end() {
	g.usual = len(g.headers)
	if cap(g.events) > 16<<10 { // a rare batch must not stay
		g.events = nil
	}
}
