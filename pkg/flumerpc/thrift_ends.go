package flumerpc

import (
	"fmt"

	"github.com/logpipe/logpipe/pkg/flume"
)

// The statuses of Thrift differ from those of Avro.
const (
	thriftOK      = 0
	thriftFailed  = 1
	thriftUnknown = 3
)

// thriftSession is the server's side of one connection.
type thriftSession struct {
	gathering
	reader  *reader
	compact bool
	w       thriftWriter
}

func newThriftSession(compact bool) *thriftSession {
	return &thriftSession{compact: compact, w: thriftWriter{compact: compact}}
}

func (s *thriftSession) read(r *reader) ([]byte, error) {
	s.reader = r
	return readThrift(r)
}

// answer handles one request. One that cannot be read ends the connection, as in
// Flume; one for another method is told so.
func (s *thriftSession) answer(message []byte, handle func(Call) Status) (out []byte, fault, end error) {
	c := &thriftCursor{cursor{rest: message}, s.compact}
	name, kind, serial := c.message()
	if c.bad || kind != thriftCall && kind != thriftOneway {
		return nil, nil, malformed("not a call; does the sender use the same protocol (compact or binary)?")
	}
	if name != "append" && name != "appendBatch" {
		s.w.begin(name, thriftException, serial)
		s.w.field(thriftBinary, 1, 0)
		s.w.binary("Invalid method name: '" + name + "'")
		s.w.field(thriftI32, 2, 1)
		s.w.int32(1) // UNKNOWN_METHOD
		s.w.b = append(s.w.b, thriftStop)
		return s.w.end(), malformed("there is no method %q", name), nil
	}
	call := Call{Batch: name == "appendBatch"}
	if err := s.thriftEvents(c, call.Batch); err != nil {
		return nil, nil, err
	}
	call.Events = s.events
	s.reader.lend(s.events)
	status := handle(call)
	if kind == thriftOneway {
		return nil, nil, nil
	}
	s.w.begin(name, thriftReply, serial)
	s.w.field(thriftI32, 0, 0)
	s.w.int32([]int32{OK: thriftOK, Failed: thriftFailed, Unknown: thriftUnknown}[status])
	s.w.b = append(s.w.b, thriftStop)
	return s.w.end(), nil, nil
}

// thriftCaller is the client's side of one connection.
type thriftCaller struct {
	w      thriftWriter
	serial uint32
}

func newThriftCaller(compact bool) *thriftCaller {
	return &thriftCaller{w: thriftWriter{compact: compact}}
}

func (t *thriftCaller) request(events []flume.Event) []byte {
	t.serial++
	w := &t.w
	w.begin("appendBatch", thriftCall, t.serial)
	w.field(thriftList, 1, 0)
	w.list(len(events))
	for i := range events {
		w.event(&events[i])
	}
	w.b = append(w.b, thriftStop)
	return w.end()
}

func (t *thriftCaller) response(r *reader) (status Status, again bool, err error) {
	message, err := readThrift(r)
	if err != nil {
		return Unknown, false, err
	}
	c := &thriftCursor{cursor{rest: message}, t.w.compact}
	_, kind, serial := c.message()
	var last int16
	var code int32 = -1
	var exception []byte
	for f := c.field(&last); f != thriftStop && !c.bad; f = c.field(&last) {
		switch {
		case kind == thriftReply && last == 0 && f == thriftI32:
			code = c.int32()
		case kind == thriftException && last == 1 && f == thriftBinary:
			exception = c.binary()
		default:
			c.skip(f, true, 0)
		}
	}
	switch {
	case c.bad || kind != thriftReply && kind != thriftException:
		return Unknown, false, malformed("an answer that is none; does the source use the same protocol (compact or binary)?")
	case serial != t.serial:
		return Unknown, false, malformed("an answer to request %d, and not to %d", serial, t.serial)
	case kind == thriftException:
		return Unknown, false, fmt.Errorf("the source answered with an error: %s", text(exception))
	case code == thriftOK:
		return OK, false, nil
	case code == thriftFailed:
		return Failed, false, nil
	}
	return Unknown, false, nil
}

// told is for protocols with a handshake.
func (t *thriftCaller) told(events []flume.Event) []byte { return t.request(events) }

func (c *thriftCursor) int32() int32 {
	if c.compact {
		return int32(c.varint())
	}
	return int32(c.uint32())
}
