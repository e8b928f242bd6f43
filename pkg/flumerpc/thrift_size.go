package flumerpc

import (
	"math/bits"

	"github.com/logpipe/logpipe/pkg/flume"
)

// ThriftLimit is the longest message in bytes that a thrift source of Flume reads:
// what Thrift's framed transport allows where nobody sets it. Of a sender that
// announces more it closes the connection.
const ThriftLimit = 16_384_000

// thriftEnvelope is the most that a request has around its events.
const thriftEnvelope = 32

// Fit returns how many of the events, from the first one on, go into one request
// that every source reads. It is 0 where the first one alone may be too large.
func (p Protocol) Fit(events []flume.Event) int {
	if p == Avro {
		return len(events)
	}
	size := thriftEnvelope
	for i := range events {
		if size += thriftSize(&events[i], p == ThriftCompact); size > ThriftLimit {
			return i
		}
	}
	return len(events)
}

// RequestSize is the most bytes that a thrift request with one event has.
func (p Protocol) RequestSize(e *flume.Event) int {
	return thriftEnvelope + thriftSize(e, p == ThriftCompact)
}

// thriftSize is how many bytes thriftWriter.event writes.
func thriftSize(e *flume.Event, compact bool) int {
	text := func(n int) int { return 4 + n }
	size := 3 + 6 + 3 + 1 // the heads of map and body, and the end
	if compact {
		text = func(n int) int { return uvarintSize(n) + n }
		size = 1 + 1 + 1 + 1
		if n := len(e.Headers); n > 0 {
			size += uvarintSize(n) // and a byte of types in place of the 0
		}
	}
	for i := range e.Headers {
		size += text(len(e.Headers[i].Key)) + text(len(e.Headers[i].Value))
	}
	return size + text(len(e.Body))
}

// uvarintSize is how many bytes a length takes.
func uvarintSize(n int) int { return (bits.Len64(uint64(n)|1) + 6) / 7 }
