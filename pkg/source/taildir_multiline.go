package source

import (
	"fmt"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
)

// multiline says which lines make one event.
type multiline struct {
	start    string
	more     string
	timeout  time.Duration
	maxLines int
	maxBytes int

	begins, continues *pattern
}

func (m *multiline) describe(p *flume.Properties) {
	p.String(&m.start, "multilineStart", "", "a line in which this regular expression matches begins an event; the others belong to it")
	p.String(&m.more, "multilineContinue", "", `a line in which this regular expression matches, such as ^\s, belongs to the event before it`)
	p.Duration(&m.timeout, "multilineTimeout", time.Second, time.Millisecond, "an event ends when nothing was added for this time")
	p.Int(&m.maxLines, "multilineMaxLines", 500, 1, "an event ends with this many lines").In("lines")
	p.Int(&m.maxBytes, "multilineMaxBytes", 1<<20, 1, "an event ends when it has this many bytes").In("bytes")
}

func (m *multiline) check() []flume.Problem {
	var all []flume.Problem
	for name, text := range map[string]string{"multilineStart": m.start, "multilineContinue": m.more} {
		_, err := newPattern(text)
		all = append(all, problemOf(name, err, fixPattern)...)
	}
	if m.start != "" && m.more != "" {
		all = append(all, flume.Problem{Property: "multilineContinue", Message: "multilineStart and multilineContinue exclude each other",
			Fix: "keep one of them"})
	}
	return all
}

func (m *multiline) compile(logf func(string, ...any)) (err error) {
	m.begins, m.continues = nil, nil
	if m.start != "" {
		if m.begins, err = newPattern(m.start); err != nil {
			return fmt.Errorf("multilineStart: %w", err)
		}
		m.begins.telling(logf, "the line begins an event")
	}
	if m.more != "" {
		if m.continues, err = newPattern(m.more); err != nil {
			return fmt.Errorf("multilineContinue: %w", err)
		}
		m.continues.telling(logf, "the line begins an event")
	}
	return nil
}

func (m *multiline) on() bool { return m.begins != nil || m.continues != nil }

// first tells whether a line begins an event.
func (m *multiline) first(line []byte) bool {
	if m.begins != nil {
		return m.begins.matches(line, true)
	}
	return !m.continues.matches(line, false)
}
