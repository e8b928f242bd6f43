// Package pipe runs the text of a pipeline inside an agent: as a sink, whose
// events are the records that the pipeline reads, and as an interceptor, whose
// events are what the pipeline makes of them. The text is that of `logpipe run`.
//
// A body is a line; expressions read the event's headers with header('k'). What
// a stage refuses is never lost: the sink hands it to the agent, which keeps it
// beside what other sinks cannot deliver, and the interceptor passes it on
// unchanged, unless the file says otherwise.
package pipe

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/logpipe/logpipe/pkg/catalog"
	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/record"
	"github.com/logpipe/logpipe/pkg/sink"
	"github.com/logpipe/logpipe/pkg/source"
)

// Sinks is the table of sink types that this package adds.
func Sinks() flume.Table[sink.Sink] {
	return flume.Table[sink.Sink]{{Alias: "pipe", New: NewSink, Help: "runs a pipeline over the events, such as parse access | where status>=500 | produce errors"}}
}

// Interceptors is the table of interceptor types that this package adds.
func Interceptors() flume.Table[source.Interceptor] {
	return flume.Table[source.Interceptor]{{Alias: "pipe", New: NewInterceptor, Help: "runs a pipeline over the events, such as parse access | where status>=500"}}
}

// text is a pipeline as the properties give it.
type text struct {
	command string
	zone    string
}

func (t *text) describe(p *flume.Properties) {
	p.String(&t.command, "command", "", "the pipeline, as in logpipe run").Require()
	p.String(&t.zone, "timeZone", "UTC", "the zone of times without one, and of windows")
}

// check parses the pipeline and adds what is wrong with it.
func (t *text) check() (*catalog.Pipeline, []flume.Problem) {
	var all []flume.Problem
	if _, err := time.LoadLocation(t.zone); err != nil {
		all = append(all, flume.Problem{Property: "timeZone", Message: fmt.Sprintf("unknown time zone %q", t.zone), Fix: "write a name such as Europe/Berlin"})
	}
	if t.command == "" {
		return nil, all // that it is missing is said elsewhere
	}
	p, err := catalog.Parse("", t.command, nil)
	if err != nil {
		at, bare := catalog.Place(err)
		fix := fault.HintOf(err)
		if fix == "" {
			fix = "`logpipe run` takes the same text"
		}
		message, _, _ := strings.Cut(bare.Error(), "\n") // no drawing of the expression within a finding
		return nil, append(all, flume.Problem{Property: "command", Offset: utf8.RuneCountInString(t.command[:at]), Message: message, Fix: fix})
	}
	first := &p.Parts[0]
	report := func(fix, format string, args ...any) {
		all = append(all, flume.Problem{Property: "command", Message: fmt.Sprintf(format, args...), Fix: fix})
	}
	switch {
	case first.Source != nil:
		report("leave it out", "%s brings records in, and here they are the events", first.Command.Name)
	case len(first.Files) > 0:
		report("leave the file out", "%s reads %s, and here the records are the events", first.Command.Name, first.Files[0])
	case first.Answered:
		report("use it on the command line", "%s answers a question and runs nothing", first.Command.Name)
	}
	for _, part := range p.Parts {
		if part.Command.Name == "head" {
			report("use `logpipe run` for samples", "head ends the pipeline, and what comes behind its last record could never be delivered")
		}
	}
	return p, all
}

// location is the zone of the properties.
func (t *text) location() (*time.Location, error) { return time.LoadLocation(t.zone) }

// metaOf gives the stages an event's headers.
func metaOf(h flume.Headers) *record.Meta {
	if len(h) == 0 {
		return nil
	}
	m := &record.Meta{Headers: make([]record.Header, len(h))}
	for i := range h {
		m.Headers[i] = record.Header{Key: h[i].Key, Value: []byte(h[i].Value)}
	}
	return m
}

// excerpt shows the begin of a line.
func excerpt(line []byte) string {
	const most = 60
	s := strings.ToValidUTF8(string(line[:min(len(line), 4*most)]), "\ufffd")
	if utf8.RuneCountInString(s) > most {
		s = string([]rune(s)[:most]) + "…"
	}
	return fault.Visible(s)
}
