package format

import (
	"bytes"
	"fmt"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/record"
)

// The access-log formats that have a name, in nginx's words. Apache writes the
// same lines: %h %l %u [%t] "%r" %>s %b "%{Referer}i" "%{User-agent}i".
const (
	commonText   = `$remote_addr $remote_ident $remote_user [$time_local] "$request" $status $body_bytes_sent`
	combinedText = commonText + ` "$http_referer" "$http_user_agent"`
)

// named are the access-log formats with a name, the more special ones later.
var named = []struct{ name, text string }{
	{"combined", combinedText},
	{"common", commonText},
	{"vhost-combined", `$host:$server_port ` + combinedText},
	{"nginx-main", combinedText + ` "$http_x_forwarded_for"`}, // log_format main of nginx's packages
	{"combined-time", combinedText + ` $request_time`},
	{"common-time", commonText + ` $request_time`},
}

// accessFormat returns the named access-log format.
func accessFormat(name string, o Options) (Format, bool) {
	for _, n := range named {
		if n.name == name {
			t, err := compileTemplate(name, n.text, o)
			return t, err == nil
		}
	}
	return nil, false
}

// sampleLines is how many lines Recognise reads.
const sampleLines = 100

// Recognise returns the access-log format of the lines of sample: the one that
// reads most of its first lines, of equal ones the first of combined, common,
// vhost-combined, nginx-main, combined-time, common-time and w3c. The last line
// may be cut off, and bad lines may be among them. An empty sample is combined.
func Recognise(sample []byte) (Format, error) { return recognise(sample, Options{}) }

func recognise(sample []byte, o Options) (Format, error) {
	if bytes.HasPrefix(sample, []byte("#")) {
		if f, err := (w3cFormat{options: o}).Sample(sample); err == nil {
			return f, nil
		}
	}
	lines := headLines(sample)
	var best Format
	most := 0
	for _, n := range named {
		f, ok := accessFormat(n.name, o)
		if !ok {
			continue
		}
		fit := countFits(f, lines)
		if best == nil || fit > most {
			best, most = f, fit
		}
	}
	if most == 0 && len(lines) > 0 {
		return nil, notRecognised(lines[0])
	}
	return best, nil
}

// headLines cuts the first lines of sample that are not empty. A last line
// without its newline counts only where it is the only one.
func headLines(sample []byte) (lines [][]byte) {
	for len(sample) > 0 && len(lines) < sampleLines {
		line, rest, whole := bytes.Cut(sample, []byte{'\n'})
		if line = trimCR(line); len(line) > 0 && (whole || len(lines) == 0) {
			lines = append(lines, line)
		}
		sample = rest
	}
	return lines
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

func notRecognised(line []byte) error {
	err := fmt.Errorf("no known access-log format fits the first lines, the first of which is %.120q", line)
	if f := otherFit(line, ""); f != "" {
		return fault.Hint(fault.With(fault.Usage, err), "`logpipe parse %s` would read it", f)
	}
	return fault.Hint(fault.With(fault.Usage, err),
		"give the log_format of nginx.conf as nginx='…', or see where the line stops fitting: logpipe parse combined --explain LINE")
}

// autoFormat is `access`: it becomes the format that Recognise finds. A parser
// of its own tries the named formats on each line, the last one that fitted
// first; it is what is left where no sample can be had.
type autoFormat struct{ options Options }

func (f autoFormat) Name() string                       { return "access" }
func (f autoFormat) Sample(head []byte) (Format, error) { return recognise(head, f.options) }
func (f autoFormat) Fields() []string                   { return fieldsOf("combined") }

func (f autoFormat) New() Parser { return f.extended(nil) }

func (f autoFormat) extended(extra []string) Parser {
	p := &autoParser{}
	for _, n := range named {
		if t, ok := accessFormat(n.name, f.options); ok {
			p.parsers = append(p.parsers, t.(extender).extended(extra))
		}
	}
	return p
}

func fieldsOf(name string) []string {
	if f, ok := accessFormat(name, Options{}); ok {
		return f.Fields()
	}
	return nil
}

type autoParser struct {
	parsers []Parser
	last    int
}

func (p *autoParser) Parse(line []byte, r *record.Record, a *record.Arena) error {
	err := p.parsers[p.last].Parse(line, r, a)
	if err == nil {
		return nil
	}
	for i, other := range p.parsers {
		if i != p.last && other.Parse(line, r, a) == nil {
			p.last = i
			return nil
		}
	}
	return err
}
