// Package serializer writes events into files in the formats of Flume's event
// serializers: text, header_and_text, avro_event and the AvroEventSerializer for
// bodies that are Avro's already, with their properties and their bytes.
package serializer

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/logpipe/logpipe/pkg/flume"
)

// Serializer writes the events of one file. All of its methods append to dst
// and return it, so that the caller decides when bytes are written.
type Serializer interface {
	// Begin appends what a file begins with.
	Begin(dst []byte) []byte
	// Append appends an event, or keeps it for the next Flush.
	Append(dst []byte, e *flume.Event) ([]byte, error)
	// Flush appends what Append kept: the file is whole then.
	Flush(dst []byte) ([]byte, error)
	// Forget drops what Append kept.
	Forget()
}

// The formats by their aliases.
const (
	Text          = "text"
	HeaderAndText = "header_and_text"
	AvroEvent     = "avro_event"
	AvroDatum     = "avro_datum" // Flume has the class alone
)

const avroDatumClass = "org.apache.flume.sink.hdfs.AvroEventSerializer"

// classes are the names that Flume's Java classes have.
var classes = map[string]string{
	"org.apache.flume.serialization.BodyTextEventSerializer":          Text,
	"org.apache.flume.serialization.HeaderAndBodyTextEventSerializer": HeaderAndText,
	"org.apache.flume.serialization.FlumeEventAvroEventSerializer":    AvroEvent,
	avroDatumClass: AvroDatum,
}

// Settings are the properties of a sink that choose and set up a serializer.
type Settings struct {
	name      string // of the property
	kind      string // as the file names it, then as an alias
	newline   bool
	interval  int
	codec     string
	schemaURL string
	schemas   schemas
}

// Describe describes the properties. The first one has the name that is given,
// such as sink.serializer, and the others begin with it.
func (s *Settings) Describe(p *flume.Properties, name string) {
	s.name = name
	p.String(&s.kind, name, "TEXT", "how events are written: text, header_and_text, avro_event or avro_datum (bodies that are Avro's)")
	p.Bool(&s.newline, name+".appendNewline", true, "of text and header_and_text: each event ends with a newline")
	p.Int(&s.interval, name+".syncIntervalBytes", 2048000, 32, "of Avro's: about how much makes a block").In("bytes")
	p.Choice(&s.codec, name+".compressionCodec", "null", []string{"null", "deflate", "bzip2", "snappy"}, "of Avro's: how blocks are packed")
	p.String(&s.schemaURL, name+".schemaURL", "", "of avro_datum: where the schema of events without a header for it is")
}

// Check finds out which serializer is meant. It has to be called before New.
func (s *Settings) Check() []flume.Problem {
	kind := strings.ToLower(s.kind)
	if alias := classes[strings.TrimSuffix(s.kind, "$Builder")]; alias != "" {
		kind = alias
	}
	switch kind {
	case Text, HeaderAndText, AvroEvent, AvroDatum:
		s.kind = kind
		if s.schemaURL == "" {
			return nil
		}
		if err := checkSchemaURL(s.schemaURL); err != nil {
			return []flume.Problem{{Property: s.name + ".schemaURL", Message: err.Error(), Fix: "write such as hdfs://namenode:8020/schemas/event.avsc"}}
		}
		return nil
	}
	return []flume.Problem{{Property: s.name, Message: fmt.Sprintf("there is no serializer %q", s.kind),
		Fix: "write text, header_and_text, avro_event or " + avroDatumClass + "$Builder"}}
}

// NeedsSchema reports whether the events of a file have to have one schema.
func (s *Settings) NeedsSchema() bool { return s.kind == AvroDatum }

// Kind is the alias of the serializer.
func (s *Settings) Kind() string { return s.kind }

// New makes the serializer of one file, all of whose events have a schema; nil
// where they need none, or before the first one came.
func (s *Settings) New(schema *Schema) Serializer {
	switch s.kind {
	case HeaderAndText:
		return &text{newline: s.newline, headers: true}
	case AvroEvent:
		return newContainer(container{interval: s.interval, codec: s.codec, schema: eventSchema})
	case AvroDatum:
		return newContainer(container{interval: s.interval, codec: s.codec, schema: schema.Text(), bodies: true})
	}
	return &text{newline: s.newline}
}

// ErrFormat says that a file is not of the format that it was taken for.
var ErrFormat = errors.New("it is of another format")

// mostHeader is the most that a header with its schema is taken to have where it
// is not whole.
const mostHeader = 64 << 10

// Whole returns how many of the size bytes of a file were written to the end of
// an event: what a process that was killed has left behind them is a part of one.
// It is size where nothing can be told, and an ErrFormat where the file begins as
// those of the serializer never do.
func (s *Settings) Whole(r io.ReaderAt, size int64) (int64, error) {
	switch {
	case s.kind == AvroEvent || s.kind == AvroDatum:
		return wholeBlocks(r, size)
	case s.newline:
		return lastLine(r, size)
	}
	return size, nil
}

// lastLine is where the last whole line ends.
func lastLine(r io.ReaderAt, size int64) (int64, error) {
	buf := make([]byte, 64<<10)
	for end := size; end > 0; {
		begin := max(0, end-int64(len(buf)))
		part := buf[:end-begin]
		if _, err := r.ReadAt(part, begin); err != nil && err != io.EOF {
			return 0, err
		}
		if i := bytes.LastIndexByte(part, '\n'); i >= 0 {
			return begin + int64(i) + 1, nil
		}
		end = begin
	}
	return 0, nil
}

// text writes bodies, with their headers in front where that is asked for.
type text struct{ newline, headers bool }

func (t *text) Begin(dst []byte) []byte { return dst }

func (t *text) Append(dst []byte, e *flume.Event) ([]byte, error) {
	if t.headers {
		dst = append(dst, '{')
		for i, h := range flume.JavaOrder(e.Headers, e.Copied) {
			if i > 0 {
				dst = append(dst, ", "...)
			}
			dst = append(append(append(dst, h.Key...), '='), h.Value...)
		}
		dst = append(dst, "} "...)
	}
	dst = append(dst, e.Body...)
	if t.newline {
		dst = append(dst, '\n')
	}
	return dst, nil
}

// Lines reports whether a serializer writes each body as it is, with a line feed
// behind it, and nothing else.
func Lines(s Serializer) bool {
	t, ok := s.(*text)
	return ok && t.newline && !t.headers
}

func (t *text) Flush(dst []byte) ([]byte, error) { return dst, nil }

func (t *text) Forget() {}
