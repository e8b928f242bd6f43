package format

import (
	"bytes"
	"fmt"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/record"
)

// sampleLines is by how many lines an access log is recognised.
const sampleLines = 100

// autoFormat is `access`: it becomes one of the named formats, or w3c. Each of
// the first hundred lines is read by the format that fits it; the one that has
// fitted most of them reads what follows. So no line waits for those behind it,
// and the result does not depend on how the input arrives.
type autoFormat struct {
	options Options
	lines   int                     // of the sample so far; blank ones and directives do not count
	fits    [len(named)]int         // how many of them each format has read
	first   []byte                  // the first of them
	keep    func(field string) bool // nil where all fields are read
}

// trial is the order in which the named formats are tried on a line. A line fits
// one of them at most, but for one with a virtual host and an ident, which
// combined would take for a user with a blank.
var trial = [len(named)]int{2, 0, 1, 3, 4, 5}

func (f autoFormat) Name() string  { return "access" }
func (f autoFormat) Settled() bool { return false }

// Fields are those of all named formats, for lines of all of them may come.
func (f autoFormat) Fields() (list []string) {
	taken := map[string]bool{}
	for _, n := range named {
		for _, name := range fieldsOf(n.name) {
			if !taken[name] {
				taken[name] = true
				list = append(list, name)
			}
		}
	}
	return list
}

func fieldsOf(name string) []string {
	if f, ok := accessFormat(name, Options{}); ok {
		return f.Fields()
	}
	return nil
}

// Sample reads lines until the format is known. Where none of a hundred lines
// fits, the input is refused.
func (f autoFormat) Sample(head []byte) (Format, error) {
	p := f.extended(nil).(*autoParser)
	var r record.Record
	var a record.Arena
	for line := range bytes.Lines(head) {
		a.Buf = a.Buf[:0]
		_ = p.Parse(bytes.TrimSuffix(line, []byte{'\n'}), &r, &a) // bad lines are counted
		if p.become != nil {
			if p.format.lines > 0 && p.format.fitting() == 0 {
				return nil, notRecognised(p.format.lines, p.format.first)
			}
			return p.become, nil
		}
	}
	return p.format, nil
}

// fitting is how many lines of the sample have been read.
func (f *autoFormat) fitting() (n int) {
	for _, k := range f.fits {
		n += k
	}
	return n
}

// likely is the format that has read most lines so far, as an index of named.
func (f *autoFormat) likely() (best int) {
	for i, n := range f.fits {
		if n > f.fits[best] {
			best = i
		}
	}
	return best
}

func (f autoFormat) guess() Format {
	g, _ := accessFormat(named[f.likely()].name, f.options)
	return g
}

// notRecognised is the error where no format fits one of the first n lines; line
// is the first of them.
func notRecognised(n int, line []byte) error {
	err := fault.Usagef("none of the first %d lines fits a known access-log format; the first of them is %.120q", n, line)
	if n == 1 {
		err = fault.Usagef("the first line fits no known access-log format: %.120q", line)
	}
	if f := otherFit(line, ""); f != "" {
		return fault.Hint(err, "%s", wouldRead(f))
	}
	return fault.Hint(err,
		"give the log_format of nginx.conf as nginx='…', or see where the line stops fitting: logpipe parse combined --explain LINE")
}

func wouldRead(name string) string { return fmt.Sprintf("`logpipe parse %s` would read it", name) }

func (f autoFormat) New() Parser { return f.extended(nil) }

func (f autoFormat) extended(extra []string) Parser {
	p := &autoParser{format: f, extra: extra}
	for i, n := range named {
		if t, ok := accessFormat(n.name, f.options); ok {
			p.parsers[i] = f.narrowed(t).(extender).extended(extra)
		}
	}
	return p
}

// autoParser reads lines and finds out on the way what they are.
type autoParser struct {
	format  autoFormat // as far as the lines have told
	extra   []string
	parsers [len(named)]Parser
	become  Format // nil until it is known
	parser  Parser // of become
}

func (p *autoParser) Parse(line []byte, r *record.Record, a *record.Arena) error {
	if p.parser != nil {
		return p.parser.Parse(line, r, a)
	}
	text := trimCR(line)
	switch {
	case len(text) == 0:
		r.Reset(line, a)
		return record.ErrBlank
	case text[0] == '#' && p.format.lines == 0:
		r.Reset(line, a)
		return p.directive(text)
	}
	p.format.lines++
	if p.format.lines == 1 {
		p.format.first = bytes.Clone(text)
	}
	err := p.try(line, r, a)
	if p.format.lines == sampleLines {
		p.settle(p.format.guess())
	}
	return err
}

// directive reads a line that begins with # before all others: that which names
// the columns makes the log one of W3C.
func (p *autoParser) directive(text []byte) error {
	f, err := w3cFormat{options: p.format.options}.Sample(text)
	if err == nil && f.(Sampled).Settled() {
		p.settle(f)
	}
	return ErrHeader
}

func (p *autoParser) settle(f Format) {
	p.become, p.parser = f, p.format.narrowed(f).(extender).extended(p.extra)
}

// narrowed is g for the fields that are read.
func (f *autoFormat) narrowed(g Format) Format {
	if f.keep == nil {
		return g
	}
	return Narrow(g, f.keep)
}

// try reads line by the format that fits it. The error is that of the format
// that fits most of the others.
func (p *autoParser) try(line []byte, r *record.Record, a *record.Arena) error {
	for _, i := range trial {
		if p.parsers[i].Parse(line, r, a) == nil {
			p.format.fits[i]++
			return nil
		}
	}
	err := p.parsers[p.format.likely()].Parse(line, r, a)
	if p.format.lines == 1 {
		if other := otherFit(trimCR(line), ""); other != "" {
			err = fault.Hint(err, "%s", wouldRead(other))
		}
	}
	return err
}

func countFits(f Format, lines [][]byte) (n int) {
	p := f.New()
	var r record.Record
	var a record.Arena
	for _, line := range lines {
		if p.Parse(line, &r, &a) == nil {
			n++
		}
	}
	return n
}
