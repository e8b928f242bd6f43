// Package flumerpc speaks the two protocols by which Flume's agents hand events
// to each other, as a server and as a client: Avro RPC with the protocol
// AvroSourceProtocol (plain, in a zlib stream, in TLS, and both), and framed
// Thrift with the service ThriftSourceProtocol (compact and binary). What the
// wire looks like was taken from a running Flume 1.11 and from the
// specifications of Avro and Thrift.
//
// Both ends have one request in flight on a connection: a real Flume reorders
// those that are sent before their answers.
package flumerpc

import (
	"errors"
	"fmt"

	"github.com/logpipe/logpipe/pkg/flume"
)

// Protocol is a protocol on the wire.
type Protocol int

// The protocols.
const (
	Avro          Protocol = iota
	ThriftCompact          // Flume's default for Thrift
	ThriftBinary
)

// Status is the answer to events that were sent.
type Status int

// The statuses. What is not OK has stored nothing, or not all, of the events:
// the sender sends them again.
const (
	OK Status = iota
	Failed
	Unknown
)

func (s Status) String() string {
	switch s {
	case OK:
		return "OK"
	case Failed:
		return "FAILED"
	}
	return "UNKNOWN"
}

// Call is a request: append with one event, or appendBatch.
type Call struct {
	Batch bool
	// Events are the handler's, their slice is not: it is used again.
	Events []flume.Event
}

// What one message may hold. The bounds are far above what a sender batches;
// they keep a stranger from taking all memory.
const (
	maxMessage = 256 << 20 // bytes
	maxEvents  = 1 << 20
	maxHeaders = 4 << 20
	maxBuffers = 1 << 16 // that an Avro message is cut into
)

// errMalformed is in the chain of what is told of a message that does not follow
// its protocol.
var errMalformed = errors.New("malformed message")

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errMalformed, fmt.Sprintf(format, args...))
}

// StatusError is an answer that is not OK.
type StatusError struct{ Status Status }

func (e *StatusError) Error() string {
	return "the source answered " + e.Status.String() + ": its channel is full, or holds less than this batch in one transaction"
}
