package flumerpc

import (
	"bytes"
	_ "embed"
	"encoding/binary"
	"encoding/json"
	"fmt"

	"github.com/logpipe/logpipe/pkg/flume"
)

// avroProtocol is Flume's protocol, byte for byte as all Flumes since 1.6 have
// it: its hash is what both ends name in the handshake.
//
//go:embed AvroSourceProtocol.json
var avroProtocol string

// avroHash is the MD5 of avroProtocol.
const avroHash = "\x86\xaa\xda\xe2\xc4\x54\x74\xc0\xfe\x93\xff\xd0\xf2\x35\x0a\x65"

// The results of a handshake.
const (
	matchBoth   = 0
	matchClient = 1
	matchNone   = 2
)

// appendLong appends a number in zig-zag, the only form that Avro has.
func appendLong(b []byte, n int64) []byte { return binary.AppendVarint(b, n) }

func appendText(b []byte, text string) []byte {
	return append(appendLong(b, int64(len(text))), text...)
}

// appendAvroEvent appends an AvroFlumeEvent.
func appendAvroEvent(b []byte, e *flume.Event) []byte {
	if len(e.Headers) > 0 {
		b = appendLong(b, int64(len(e.Headers)))
		for i := range e.Headers {
			b = appendText(appendText(b, e.Headers[i].Key), e.Headers[i].Value)
		}
	}
	b = append(b, 0)
	return append(appendLong(b, int64(len(e.Body))), e.Body...)
}

// avroBytes reads bytes or a string.
func (c *cursor) avroBytes() []byte {
	n := c.varint()
	if n < 0 {
		c.fail()
		return nil
	}
	return c.take(uint64(n))
}

// avroCount reads the number of items of a block of an array or a map; 0 ends
// it. A negative one is followed by the block's size in bytes.
func (c *cursor) avroCount() int64 {
	n := c.varint()
	if n < 0 {
		n = -n
		if c.varint() < 0 {
			c.fail()
		}
	}
	// An item has two bytes at least, be it a header or an event. The lowest
	// number has no positive one.
	if n < 0 || n > int64(len(c.rest)/2) {
		c.fail()
		return 0
	}
	return n
}

// avroMap passes over a map of bytes.
func (c *cursor) avroMap() {
	for n := c.avroCount(); n > 0; n = c.avroCount() {
		for ; n > 0 && !c.bad; n-- {
			c.avroBytes()
			c.avroBytes()
		}
	}
}

// avroEvent reads one event.
func (g *gathering) avroEvent(c *cursor) bool {
	g.beginHeaders()
	for n := c.avroCount(); n > 0; n = c.avroCount() {
		for ; n > 0 && !c.bad; n-- {
			key := c.avroBytes()
			if !g.header(key, c.avroBytes()) {
				return false
			}
		}
	}
	headers := g.endHeaders()
	return g.add(headers, c.avroBytes())
}

// avroEvents reads the parameters of append or appendBatch.
func (g *gathering) avroEvents(c *cursor, batch bool) error {
	g.begin()
	fits := true
	if !batch {
		fits = g.avroEvent(c)
	}
	for n := int64(1); batch && n > 0 && fits; {
		n = c.avroCount()
		for i := int64(0); i < n && fits && !c.bad; i++ {
			fits = g.avroEvent(c)
		}
	}
	g.end()
	switch {
	case !fits:
		return malformed("more than %d events or %d headers", maxEvents, maxHeaders)
	case c.bad:
		return malformed("the parameters end too early")
	case len(c.rest) > 0:
		return malformed("%d bytes behind the parameters", len(c.rest))
	}
	return nil
}

// readAvro reads a message: its number, and what its buffers hold together.
func readAvro(r *reader) (serial uint32, message []byte, err error) {
	head, err := r.head(8)
	if err != nil {
		return 0, nil, err
	}
	serial = binary.BigEndian.Uint32(head)
	buffers := binary.BigEndian.Uint32(head[4:])
	if buffers > maxBuffers {
		return 0, nil, malformed("a message in %d buffers; does the peer speak Avro, and with the same compression-type and ssl?", buffers)
	}
	message = r.room()
	for range buffers {
		size, err := r.head(4)
		if err != nil {
			return 0, nil, err
		}
		if message, err = r.append(message, binary.BigEndian.Uint32(size)); err != nil {
			return 0, nil, err
		}
	}
	return serial, r.whole(message), nil
}

// compatible reports whether a client with another text of the protocol still
// sends the same bytes: Avro's schemas need not be equal, but here only the
// documentation may differ.
func compatible(protocol []byte) error {
	var p struct {
		Types []struct {
			Name   string
			Fields []struct {
				Name string
				Type json.RawMessage
			}
		}
	}
	if err := json.Unmarshal(protocol, &p); err != nil {
		return malformed("the client's protocol: %v", err)
	}
	for _, t := range p.Types {
		if t.Name != "AvroFlumeEvent" && t.Name != "org.apache.flume.source.avro.AvroFlumeEvent" {
			continue
		}
		if len(t.Fields) != 2 || t.Fields[0].Name != "headers" || t.Fields[1].Name != "body" || !bytes.Contains(t.Fields[1].Type, []byte("bytes")) {
			return fmt.Errorf("the client's AvroFlumeEvent is not headers and body")
		}
	}
	return nil
}
