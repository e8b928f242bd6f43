package format

import (
	"bytes"
	"strings"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/record"
)

// w3cNames are the short names of the fields of W3C extended logs, as IIS
// writes them. The others keep their names.
var w3cNames = map[string]string{
	"c-ip": "ip", "cs-username": "user", "cs-method": "method", "cs-uri-stem": "path", "cs-uri-query": "query",
	"cs-version": "proto", "sc-status": "status", "sc-bytes": "bytes", "cs(referer)": "referer", "cs(user-agent)": "agent",
	"cs-host": "host", "s-port": "port", "time-taken": "took",
}

// w3cInts are the fields that are whole numbers.
var w3cInts = map[string]bool{"status": true, "bytes": true, "port": true, "took": true, "sc-substatus": true, "sc-win32-status": true, "cs-bytes": true}

// w3cFormat is the extended log file format of the W3C as IIS writes it: the
// directive #Fields names the columns, date and time are UTC and become one
// field, time-taken is in milliseconds and becomes took in seconds, and the
// blanks that IIS writes as + in a user agent are blanks again.
type w3cFormat struct {
	options Options
	columns []string // as in #Fields
	fields  []string
}

func (f w3cFormat) Name() string     { return "w3c" }
func (f w3cFormat) Fields() []string { return f.fields }

const fieldsDirective = "#Fields:"

// Sample finds the directive #Fields, which only blank lines and other directives
// may precede.
func (f w3cFormat) Sample(head []byte) (Format, error) {
	for line := range bytes.Lines(head) {
		if f.Settled() {
			break
		}
		line = trimCR(bytes.TrimSuffix(line, []byte{'\n'}))
		if rest, ok := strings.CutPrefix(string(line), fieldsDirective); ok {
			return f.withColumns(strings.Fields(rest))
		}
		if len(line) > 0 && line[0] != '#' {
			return nil, f.noColumns()
		}
	}
	return f, nil
}

// Settled tells that the columns are known.
func (f w3cFormat) Settled() bool { return f.columns != nil }

func (f w3cFormat) noColumns() error {
	return fault.Hint(fault.Usagef("w3c: no %s line at the head of the input", fieldsDirective), "it is the line that names the columns; keep it, or use `delimited --delimiter ' ' --fields …`")
}

func (f w3cFormat) withColumns(columns []string) (Format, error) {
	if len(columns) == 0 {
		return nil, fault.Usagef("w3c: %s names no column", fieldsDirective)
	}
	f.columns = columns
	has := map[string]bool{}
	for _, c := range columns {
		has[shortW3C(c)] = true
	}
	for _, n := range accessOrder {
		if has[n] {
			f.fields = append(f.fields, n)
			delete(has, n)
		}
	}
	for _, c := range columns {
		if n := shortW3C(c); has[n] {
			f.fields = append(f.fields, n)
			delete(has, n)
		}
	}
	return f, nil
}

// shortW3C is the field of a column; date and time share one.
func shortW3C(column string) string {
	column = strings.ToLower(strings.ToValidUTF8(column, "\uFFFD"))
	if n := w3cNames[column]; n != "" {
		return n
	}
	if column == "date" {
		return "time"
	}
	return column
}

func (f w3cFormat) New() Parser { return f.extended(nil) }

func (f w3cFormat) extended(extra []string) Parser {
	p := &w3cParser{format: f, extra: extra}
	p.setColumns()
	return p
}

type w3cParser struct {
	format w3cFormat
	extra  []string
	shape  *record.Shape
	index  []int // field of each column
	kinds  []kind
	date   []byte
	buf    []byte
}

func (p *w3cParser) setColumns() {
	f := &p.format
	p.shape = shapeOf(f.fields, p.extra)
	p.index, p.kinds = p.index[:0], p.kinds[:0]
	for _, c := range f.columns {
		name := shortW3C(c)
		k := textKind
		switch {
		case name == "time":
			k = timeKind
		case w3cInts[name]:
			k = intKind
		}
		p.kinds = append(p.kinds, k)
		for i, n := range f.fields {
			if n == name {
				p.index = append(p.index, i)
				break
			}
		}
	}
}

// directive reads a line that begins with #. Without a sample the first #Fields
// counts; a later one must name the same columns.
func (p *w3cParser) directive(line []byte) error {
	rest, ok := strings.CutPrefix(string(line), fieldsDirective)
	if !ok {
		return ErrHeader
	}
	columns := strings.Fields(rest)
	if p.format.columns == nil {
		f, err := p.format.withColumns(columns)
		if err != nil {
			return err
		}
		p.format = f.(w3cFormat)
		p.setColumns()
		return ErrHeader
	}
	if strings.Join(columns, " ") != strings.Join(p.format.columns, " ") {
		return p.mismatch(min(len(fieldsDirective)+1, len(line)), "the columns of the first "+fieldsDirective+" line")
	}
	return ErrHeader
}

func (p *w3cParser) Parse(line []byte, r *record.Record, a *record.Arena) error {
	r.Begin(line, p.shape, a)
	n := len(trimCR(line))
	switch {
	case n == 0:
		return record.ErrBlank
	case line[0] == '#':
		return p.directive(line[:n])
	case len(p.index) == 0:
		return p.mismatch(0, "a "+fieldsDirective+" line before the data")
	}
	b := padded(&p.buf, line[:n])
	p.date = p.date[:0]
	sep := byte(' ')
	if bytes.IndexByte(b[:n], '\t') >= 0 {
		sep = '\t'
	}
	i := 0
	for k, kind := range p.kinds {
		end := n
		if j := bytes.IndexByte(b[i:n], sep); j >= 0 {
			end = i + j
		}
		switch last := k == len(p.kinds)-1; {
		case last && end < n:
			return p.mismatch(end, "the end of the line behind "+p.format.columns[k])
		case !last && end == n:
			return p.mismatch(end, "a separator and "+p.format.columns[k+1])
		}
		if want := p.set(r, k, kind, b, i, end); want != "" {
			return p.mismatch(i, want)
		}
		i = end + 1
	}
	return p.setDate(r)
}

func (p *w3cParser) set(r *record.Record, k int, kind kind, b []byte, i, end int) (want string) {
	f, text := p.index[k], b[i:end]
	switch {
	case isDash(text):
	case kind == timeKind:
		if strings.EqualFold(p.format.columns[k], "date") {
			p.date = append(append([]byte{}, text...), append([]byte(" "), p.date...)...)
		} else {
			p.date = append(p.date, text...)
		}
	case kind == intKind:
		if !setInt(r, f, i, text) {
			return "a whole number for " + p.format.columns[k]
		}
		if s := &r.Spans[f]; p.format.fields[f] == "took" && s.Enc == record.JSONInt {
			*s = r.Encode(record.FloatValue(float64(s.Mant) / 1000))
		}
	case p.format.fields[f] == "agent":
		arenaText(r, f, bytes.ReplaceAll(text, []byte{'+'}, []byte{' '}))
	default:
		setText(r, f, i, end, marksOf(text))
	}
	return ""
}

// setDate makes the field time of the columns date and time.
func (p *w3cParser) setDate(r *record.Record) error {
	text := bytes.TrimSpace(p.date)
	for k, kind := range p.kinds {
		if kind != timeKind || len(text) == 0 {
			continue
		}
		f := p.index[k]
		off := len(r.Arena.Buf)
		r.Arena.Buf = append(r.Arena.Buf, text...)
		text = r.Arena.Buf[off:]
		if !setTime(r, f, off, text, nil) {
			return p.mismatch(0, "date and time as 2015-05-17 10:05:03")
		}
		r.Spans[f].Arena = true
		return nil
	}
	return nil
}

func (p *w3cParser) mismatch(at int, want string) error {
	return &Mismatch{Column: at + 1, Want: want, Format: "w3c"}
}
