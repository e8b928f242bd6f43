package timestamp

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
)

// Layout reads times of one form that the user has named. It is immutable and
// safe for concurrent use.
type Layout struct {
	text  string
	parts []part // of a strftime pattern; nil for a Go layout
	unit  int64  // of a count since 1970, in nanoseconds; 0 for none
}

// part is a directive of a strftime pattern, or with 0 a literal.
type part struct {
	directive byte
	literal   string
}

// readable are the directives that Layout.Parse knows.
const readable = "YymdeHkIlpMSLfNbhBaAjzZs"

// NewLayout compiles the text of --time-format: a strftime pattern as
// %d.%m.%Y %H:%M:%S, a layout of package time as 02.01.2006 15:04:05, or one of
// s, ms, us, ns for a count since 1970. The error is one of usage.
func NewLayout(text string) (*Layout, error) {
	l := &Layout{text: text}
	switch text {
	case "s":
		l.unit = second
	case "ms":
		l.unit = 1_000_000
	case "us":
		l.unit = 1_000
	case "ns":
		l.unit = 1
	default:
		if !strings.Contains(text, "%") {
			return l, l.checkGo()
		}
		if err := l.compile(text); err != nil {
			return nil, fault.Usagef("time format %q: %w", text, err)
		}
	}
	return l, nil
}

// checkGo refuses a text in which package time finds no element.
func (l *Layout) checkGo() error {
	a := time.Date(1998, 11, 23, 21, 48, 57, 123456789, time.UTC)
	b := time.Date(2031, 8, 9, 4, 5, 6, 0, time.UTC)
	if l.text != "" && a.Format(l.text) != b.Format(l.text) {
		return nil
	}
	return fault.Hint(fault.Usagef("time format %q holds no part of a time", l.text),
		"use a strftime pattern such as '%%d.%%m.%%Y %%H:%%M:%%S', or one of s, ms, us, ns")
}

func (l *Layout) compile(text string) error {
	for text != "" {
		i := strings.IndexByte(text, '%')
		if i != 0 {
			if i < 0 {
				i = len(text)
			}
			l.parts = append(l.parts, part{literal: text[:i]})
			text = text[i:]
			continue
		}
		text = strings.Replace(text, "%:z", "%z", 1)
		if len(text) == 1 {
			return errors.New("ends with %")
		}
		d := text[1]
		text = text[2:]
		if long, ok := shorthand(d); ok {
			text = long + text
			continue
		}
		switch {
		case d == '%':
			l.parts = append(l.parts, part{literal: "%"})
		case d == 'n' || d == 't':
			l.parts = append(l.parts, part{literal: map[byte]string{'n': "\n", 't': "\t"}[d]})
		case strings.IndexByte(readable, d) >= 0:
			l.parts = append(l.parts, part{directive: d})
		default:
			return fmt.Errorf("%%%c is not known", d)
		}
	}
	return nil
}

// String returns the text that the layout was made of.
func (l *Layout) String() string { return l.text }

// Parse reads b, all of it. A time without zone is in loc, nil is UTC. What the
// layout does not mention is the first of its kind, in 1970.
func (l *Layout) Parse(b []byte, loc *time.Location) (ns int64, ok bool) {
	switch {
	case l.unit != 0:
		return parseCount(b, l.unit)
	case l.parts != nil:
		return l.parseParts(b, loc)
	}
	if loc == nil {
		loc = time.UTC
	}
	t, err := time.ParseInLocation(l.text, string(b), loc)
	if s := t.Unix(); err != nil || s < -maxSeconds || s >= maxSeconds {
		return 0, false
	}
	return t.UnixNano(), true
}

// parseCount reads a decimal count of units since 1970.
func parseCount(b []byte, unit int64) (ns int64, ok bool) {
	neg := len(b) > 0 && b[0] == '-'
	if neg {
		b = b[1:]
	}
	n, i := number(b, 19)
	if i == 0 || n > math.MaxInt64/unit-1 {
		return 0, false
	}
	if ns = n * unit; i < len(b) {
		var c civil
		if b[i] != '.' || c.fraction(b, i+1) != len(b) {
			return 0, false
		}
		ns += int64(c.nano) * unit / second
	}
	if neg {
		ns = -ns
	}
	return ns, true
}

// number reads at most width digits, at most 19; n < 0 never happens: what does
// not fit an int64 counts as no number.
func number(b []byte, width int) (n int64, i int) {
	for i < len(b) && i < width && b[i]-'0' <= 9 {
		d := int64(b[i] - '0')
		if n > (math.MaxInt64-d)/10 {
			return 0, 0
		}
		n = n*10 + d
		i++
	}
	return n, i
}
