package format

import (
	"bytes"
	"fmt"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/record"
)

// csvFormat is RFC 4180: values between commas, in quotes where they hold a
// comma, a quote (written twice) or a newline. A quote inside a value that does
// not begin with one is a plain byte. A value whose quotes are not closed as they
// should be ends its record on the line on which they open. Every record has as many values as there
// are fields. A record that equals the header is no data: files follow each
// other, each with its own.
type csvFormat struct {
	comma  byte
	fields []Field // nil until the header has been read
	header []byte  // the record that named the fields, or nil
	types  []Field
	first  bool // the first record is a header, whatever it says
	zone   *time.Location
}

func newCSV(o Options) (Format, error) {
	f := &csvFormat{comma: ',', fields: o.Fields, types: o.Types, first: o.Header || len(o.Fields) == 0, zone: o.zone()}
	switch {
	case len(o.Comma) > 1:
		return nil, fault.Hint(fault.Usagef("csv: the delimiter %q is more than one byte", o.Comma), "`delimited` takes longer ones, without quoting")
	case o.Comma == `"` || o.Comma == "\n" || o.Comma == "\r":
		return nil, fault.Usagef("csv: %q cannot be a delimiter", o.Comma)
	case o.Comma != "":
		f.comma = o.Comma[0]
	}
	if len(o.Fields) > 0 && len(o.Types) > 0 {
		var err error
		if f.fields, err = typed(fieldNames(o.Fields), o.Types); err != nil {
			return nil, err
		}
	}
	return f, nil
}

func (f *csvFormat) Name() string { return "csv" }

func (f *csvFormat) Fields() []string {
	if f.fields == nil {
		return nil
	}
	return fieldNames(f.fields)
}

// Sample reads the header, the first record that is not blank. Fields that were
// given beforehand keep their names and types, and the header is only left out.
func (f *csvFormat) Sample(head []byte) (Format, error) {
	head = bytes.TrimPrefix(head, []byte("\xef\xbb\xbf"))
	for f.first && len(head) > 0 {
		line, n := f.Next(head)
		if head = head[n:]; len(trimCR(line)) > 0 {
			return f.withHeader(line)
		}
	}
	return f, nil
}

// Settled tells that the header has been read, or that there is none.
func (f *csvFormat) Settled() bool { return !f.first }

func (f *csvFormat) withHeader(line []byte) (*csvFormat, error) {
	c := *f
	c.first, c.header = false, bytes.Clone(trimCR(line))
	if c.fields != nil {
		return &c, nil
	}
	names, err := f.headerNames(c.header)
	if err == nil {
		c.fields, err = typed(names, f.types)
	}
	if err != nil {
		return nil, fmt.Errorf("csv header: %w", err)
	}
	return &c, nil
}

// headerNames reads the names of a header: empty ones are called column1,
// column2 …, and one that was there before gets a number.
func (f *csvFormat) headerNames(line []byte) ([]string, error) {
	var names []string
	taken := map[string]bool{}
	for i, more := 0, true; more; {
		value, _, next, err := f.value(line, i)
		if err != nil {
			return nil, err
		}
		name := string(appendValid(nil, bytes.TrimSpace(bytes.ReplaceAll(value, []byte(`""`), []byte(`"`)))))
		if name == "" {
			name = fmt.Sprintf("column%d", len(names)+1)
		}
		name = free(name, taken)
		taken[name] = true
		names = append(names, name)
		more = next < len(line)
		i = next + 1
	}
	return names, nil
}

// value reads the value at i: its bytes, without the quotes around it, where
// they begin, and the place of the delimiter behind it or the end of the line.
func (f *csvFormat) value(line []byte, i int) (value []byte, off, next int, err error) {
	if i >= len(line) || line[i] != '"' {
		next = len(line)
		if k := bytes.IndexByte(line[i:], f.comma); k >= 0 {
			next = i + k
		}
		return line[i:next], i, next, nil
	}
	for next = i + 1; ; next++ {
		k := bytes.IndexByte(line[next:], '"')
		if k < 0 {
			return nil, i, len(line), f.notClosed(i)
		}
		if next += k + 1; next == len(line) || line[next] != '"' {
			break
		}
	}
	if next < len(line) && line[next] != f.comma {
		return nil, i, next, f.mismatch(next, fmt.Sprintf("%q or the end of the record behind the closing quote", f.comma))
	}
	return line[i+1 : next-1], i + 1, next, nil
}

// notClosed refuses a record that ends within quotes: recordAt ended it there.
func (f *csvFormat) notClosed(at int) error {
	return &Mismatch{Column: at + 1, Want: fmt.Sprintf("a closing quote, with %q or the line end behind it, for the one", f.comma),
		Format: "csv", Note: "the next line begins a record again"}
}

func (f *csvFormat) mismatch(at int, want string) error {
	return &Mismatch{Column: at + 1, Want: want, Format: "csv"}
}

func (f *csvFormat) New() Parser { return f.extended(nil) }

func (f *csvFormat) extended(extra []string) Parser {
	p := &csvParser{csvFormat: f, extra: extra}
	if f.fields != nil {
		p.shape = shapeOf(f.Fields(), extra)
	}
	return p
}

// csvParser is the state of one worker. Where no sample was had it takes the
// first line it sees for the header.
type csvParser struct {
	*csvFormat
	shape *record.Shape
	extra []string
}

func (p *csvParser) Parse(line []byte, r *record.Record, a *record.Arena) error {
	line = trimCR(line)
	if p.first {
		r.Reset(line, a)
		return p.readHeader(line)
	}
	r.Begin(line, p.shape, a)
	switch {
	case len(line) == 0 && len(p.fields) > 1:
		return record.ErrBlank
	case p.header != nil && bytes.Equal(line, p.header):
		return ErrHeader
	}
	i := 0
	for k := range p.fields {
		value, off, next, err := p.value(line, i)
		if err != nil {
			return err
		}
		if err := p.set(r, k, off, value); err != nil {
			return err
		}
		switch last := k == len(p.fields)-1; {
		case last && next < len(line):
			return p.mismatch(next, fmt.Sprintf("the end of the record behind field %s, the last of %d", p.fields[k].Name, len(p.fields)))
		case !last && next == len(line):
			return p.mismatch(next, fmt.Sprintf("%q and field %s", p.comma, p.fields[k+1].Name))
		}
		i = next + 1
	}
	return nil
}

func (p *csvParser) readHeader(line []byte) error {
	if len(line) == 0 {
		return record.ErrBlank
	}
	f, err := p.withHeader(line)
	if err != nil {
		return err
	}
	p.csvFormat, p.shape = f, shapeOf(f.Fields(), p.extra)
	return ErrHeader
}

func (p *csvParser) set(r *record.Record, k, off int, value []byte) error {
	f := &p.fields[k]
	want := ""
	if quoted := off > 0 && r.Line[off-1] == '"'; quoted && bytes.IndexByte(value, '"') >= 0 {
		from := len(r.Arena.Buf)
		for {
			before, after, more := bytes.Cut(value, []byte(`""`))
			r.Arena.Buf = append(r.Arena.Buf, before...)
			if !more {
				break
			}
			r.Arena.Buf = append(r.Arena.Buf, '"')
			value = after
		}
		want = setArenaField(r, k, from, f, p.zone)
	} else {
		want = setField(r, k, off, value, marksOf(value), f, p.zone)
	}
	if want != "" {
		return p.mismatch(off, want)
	}
	return nil
}
