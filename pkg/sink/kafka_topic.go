package sink

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/sink/escape"
)

// topicName is the topic of events, with the escapes of Flume's paths. Flume
// expands them only where a header may name the topic; a name with escapes is
// no topic, so that here they are expanded always.
type topicName struct {
	text  string
	parts *escape.Template // nil without escapes
}

// prepare reads the text; hosts tells this machine's names.
func (t *topicName) prepare(hosts func() escape.Hosts) (err error) {
	t.parts = nil
	if strings.Contains(t.text, "%") {
		t.parts, err = escape.Parse(t.text, hosts)
	}
	return err
}

// check finds out whether any event can have a topic.
func (t *topicName) check(property string) []flume.Problem {
	if t.text == "" {
		return nil // required, and told already
	}
	var all []flume.Problem
	report := func(offset int, fix, format string, args ...any) {
		all = append(all, flume.Problem{Property: property, Offset: offset, Message: fmt.Sprintf(format, args...), Fix: fix})
	}
	const other = "choose another name"
	if err := t.prepare(escape.AnyHost); err != nil {
		for _, u := range escape.FindUnknown(t.text) {
			report(u.Offset, u.Fix, "%q cannot be the name of a topic: %v", t.text, u)
		}
		return all
	}
	if t.parts == nil {
		if err := checkTopic(t.text); err != nil {
			report(0, other, "%v", err)
		}
		return all
	}
	now := time.Now()
	name := string(t.parts.Append(nil, nil, escape.Moment{Millis: now.UnixMilli(), Rounded: now}))
	if t.parts.NeedsHeaders() {
		name += "x" // what a header adds
	}
	if err := checkTopic(name); err != nil {
		report(0, other, "%s becomes a name such as this: %v", t.text, err)
	}
	return all
}

// NeedsTime names the property that has times of events in it, which the header
// timestamp tells; "" where none has.
func (s *Kafka) NeedsTime() string {
	switch {
	case s.topic.parts == nil || !s.topic.parts.NeedsTime():
		return ""
	case s.plugin:
		return "custom.topic.name"
	}
	return "kafka.topic"
}

// of returns the topic of an event.
func (t *topicName) of(headers flume.Headers) (string, error) {
	if t.parts == nil {
		return t.text, nil
	}
	var m escape.Moment
	if t.parts.NeedsTime() {
		clock := escape.Clock{Zone: time.Local}
		var err error
		if m, err = clock.Moment(headers, time.Time{}); errors.Is(err, escape.ErrNoTime) {
			return "", fmt.Errorf("%w, which the times in the topic %s need: add a timestamp interceptor to the source", err, t.text)
		} else if err != nil {
			return "", err
		}
	}
	return string(t.parts.Append(nil, headers, m)), nil
}

// checkTopic refuses names that Kafka does not know.
func checkTopic(name string) error {
	odd := func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '_' || r == '-')
	}
	if name == "" || len(name) > 249 || name == "." || name == ".." || strings.ContainsFunc(name, odd) {
		return fmt.Errorf("%q cannot be the name of a topic: a name takes letters, digits, '.', '_' and '-'", name)
	}
	return nil
}
