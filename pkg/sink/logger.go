package sink

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
)

// Logger prints each event as a line of Flume's console log. Flume 1.11 ignores
// maxBytesToLog with type = logger; here it counts.
type Logger struct {
	most   int
	stdout io.Writer
	lines  []byte
}

// NewLogger describes and makes a logger sink.
func NewLogger(p *flume.Properties) Sink {
	s := &Logger{}
	p.Int(&s.most, "maxBytesToLog", 16, 1, "how much of a body is printed").In("bytes")
	return s
}

// Open remembers where to print.
func (s *Logger) Open(env flume.Env) error {
	s.stdout = env.Stdout
	return nil
}

// Close has nothing to do.
func (s *Logger) Close() error { return nil }

// Write prints the batch. Where stdout cannot be written there is nobody to
// print for, so that ends the agent.
func (s *Logger) Write(_ context.Context, batch []flume.Event) error {
	s.lines = s.lines[:0]
	for i := range batch {
		s.lines = time.Now().AppendFormat(s.lines, "2006-01-02 15:04:05,000")
		s.lines = append(s.lines, " (SinkRunner-PollingRunner-DefaultSinkProcessor)"+
			" [INFO - org.apache.flume.sink.LoggerSink.process(LoggerSink.java:95)] Event: "...)
		s.lines = append(appendEvent(s.lines, &batch[i], s.most), '\n')
	}
	if _, err := s.stdout.Write(s.lines); err != nil {
		return &flume.FatalError{Err: fmt.Errorf("print events: %w", err)}
	}
	return nil
}

const hexDigits = "0123456789ABCDEF"

// appendEvent prints an event as Flume's EventHelper does: the headers, then a
// dump of the body in rows of 16 bytes, of which all but the first begin with
// their offset.
func appendEvent(dst []byte, e *flume.Event, most int) []byte {
	dst = append(dst, "{ headers:{"...)
	for i, h := range flume.JavaOrder(e.Headers, e.Copied) {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = append(append(append(dst, h.Key...), '='), h.Value...)
	}
	dst = append(dst, "} body:"...)
	body := e.Body[:min(len(e.Body), most)]
	for at := 0; at < len(body); at += 16 {
		if at > 0 {
			dst = fmt.Appendf(dst, "\n%08X", at)
		}
		dst = appendRow(append(dst, ' '), body[at:min(at+16, len(body))])
	}
	return append(dst, " }"...)
}

func appendRow(dst, row []byte) []byte {
	for i := range 16 {
		if i < len(row) {
			dst = append(dst, hexDigits[row[i]>>4], hexDigits[row[i]&15], ' ')
		} else {
			dst = append(dst, "   "...)
		}
	}
	for _, b := range row {
		if b < ' ' || b > '~' {
			b = '.'
		}
		dst = append(dst, b)
	}
	return dst
}

// Guarantee says when an event counts as delivered.
func (s *Logger) Guarantee() string { return "at least once: delivered when it is printed" }
