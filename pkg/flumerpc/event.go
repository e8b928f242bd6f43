package flumerpc

import (
	"errors"

	"github.com/logpipe/logpipe/pkg/flume"
)

// AppendEvent appends an event as an AvroFlumeEvent {headers map<string>, body
// bytes}, the form in which it lies in a topic of Kafka: byte for byte as Flume
// does, which lists headers in the order of a Java map.
func AppendEvent(b []byte, e *flume.Event) []byte {
	return appendAvroEvent(b, &flume.Event{Headers: flume.JavaOrder(flume.JavaOrder(e.Headers, e.Copied), 0), Body: e.Body})
}

// ErrNoEvent says that bytes are not an AvroFlumeEvent.
var ErrNoEvent = errors.New("not an Avro event of Flume")

// ReadEvent reads an AvroFlumeEvent, which fills all of b. The event is a part of
// b, which nobody may write to any more. What is not UTF-8 in headers becomes
// U+FFFD, as in Java.
func ReadEvent(b []byte) (flume.Event, error) {
	c := cursor{rest: b}
	var g gathering
	if !g.avroEvent(&c) || c.bad || len(c.rest) > 0 {
		return flume.Event{}, ErrNoEvent
	}
	return g.events[0], nil
}
