package format

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/record"
)

// Explanation tells how a format reads one line.
type Explanation struct {
	Format string    // name of the format
	Line   string    // the line
	Fields []Reading // what was read, in the order of output
	Err    error     // why the line does not fit, often a *Mismatch; nil where it does
	Other  string    // a known format that reads the line where this one does not, or ""
}

// Reading is one field that was read.
type Reading struct {
	Name   string // fit to be printed
	Value  string // as JSON
	Column int    // 1-based, in bytes; 0 where the value does not stand in the line as it is
}

// guesser is a Sampled that can say what it is most likely to become.
type guesser interface{ guess() Format }

// Explain reads line with f. Where f needs a sample, the line is it.
func Explain(f Format, line []byte) Explanation {
	e := Explanation{Format: f.Name(), Line: string(line)}
	if s, ok := f.(Sampled); ok {
		if g, err := s.Sample(line); err == nil {
			f = g
			if g, ok := g.(guesser); ok {
				f = g.guess()
			}
			e.Format = f.Name()
		}
	}
	var r record.Record
	var a record.Arena
	e.Err = f.New().Parse(line, &r, &a)
	e.Fields = readings(&r)
	if e.Err != nil {
		e.Other = otherFit(line, e.Format)
	}
	return e
}

// readings lists the fields of r, also of one that was read only in part.
func readings(r *record.Record) (list []Reading) {
	if r.Shape == nil {
		return nil
	}
	r.Each(func(name string, v record.Value) {
		s, _ := r.Span(record.FlatField(name))
		column := 0
		if !s.Arena && s.End > s.Off {
			column = int(s.Off) + 1
		}
		list = append(list, Reading{fault.Visible(name), string(record.AppendValue(nil, v)), column})
	})
	return list
}

// otherFit returns the first known format, other than not, that reads line.
func otherFit(line []byte, not string) string {
	for _, name := range Names() {
		switch name {
		case not, "access", "nginx", "regex", "csv", "delimited", "w3c", "text":
			continue
		}
		if f, err := Lookup(name, Options{}); err == nil && countFits(f, [][]byte{line}) == 1 {
			if name == "json" && strings.Contains(string(line), `"Event":"SparkListener`) && not != "spark-event" {
				return "spark-event"
			}
			return name
		}
	}
	return ""
}

// String shows the fields, one a line with the column of each, and where the
// line does not fit, the line with a caret under that place.
func (e Explanation) String() string {
	var b strings.Builder
	width := 0
	for _, f := range e.Fields {
		width = max(width, utf8.RuneCountInString(f.Name))
	}
	for _, f := range e.Fields {
		column := ""
		if f.Column > 0 {
			column = fmt.Sprint(f.Column)
		}
		fmt.Fprintf(&b, "%5s  %-*s  %s\n", column, width, f.Name, fault.Visible(f.Value))
	}
	var m *Mismatch
	switch {
	case e.Err == nil:
		fmt.Fprintf(&b, "fits %s\n", e.Format)
		return b.String()
	case errors.As(e.Err, &m):
		shown, caret := excerpt(e.Line, m.Column-1)
		fmt.Fprintf(&b, "%s\n%s^ want %s (column %d)\n", shown, strings.Repeat(" ", caret), m.Want, m.Column)
		fmt.Fprintf(&b, "does not fit %s\n", e.Format)
	default:
		fmt.Fprintf(&b, "does not fit %s: %v\n", e.Format, e.Err)
	}
	if e.Other != "" {
		fmt.Fprintf(&b, "fits %s\n", e.Other)
	}
	return b.String()
}

// around is how many bytes of a long line are shown on each side of the caret.
const around = 60

// excerpt returns the part of line around the byte at, printable, and how many
// characters stand before that byte.
func excerpt(line string, at int) (shown string, caret int) {
	at = min(max(at, 0), len(line))
	from, to := 0, len(line)
	lead, tail := "", ""
	if at > around+20 {
		from, lead = at-around, "…"
	}
	if to > at+around+20 {
		to, tail = at+around, "…"
	}
	for from > 0 && from < at && !utf8.RuneStart(line[from]) {
		from++
	}
	before := lead + printable(line[from:at])
	return before + printable(line[at:to]) + tail, utf8.RuneCountInString(before)
}

// printable shows what is no character or none that prints as a dot, so that
// the caret stands where it should.
func printable(text string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7F || c == utf8.RuneError {
			return '.'
		}
		return c
	}, text)
}
