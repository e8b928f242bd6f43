package format

import (
	"bytes"
	"fmt"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/record"
)

// delimited are values with a separator between them and no quoting.
type delimited struct {
	name   string
	comma  string
	fields []Field
	zone   *time.Location
}

func newDelimited(o Options) (Format, error) {
	d := &delimited{name: "delimited", comma: o.Comma, fields: o.Fields, zone: o.zone()}
	if d.comma == "" {
		d.comma = "|"
	}
	if len(d.fields) == 0 {
		return nil, fault.Hint(fault.Usagef("delimited lines do not name their fields"), "name them: --fields page,clicks:int,minutes:float,like:int")
	}
	return d, nil
}

func (d *delimited) Name() string     { return d.name }
func (d *delimited) Fields() []string { return fieldNames(d.fields) }
func (d *delimited) New() Parser      { return d.extended(nil) }

func (d *delimited) extended(extra []string) Parser {
	return &delimitedParser{delimited: d, shape: shapeOf(d.Fields(), extra)}
}

type delimitedParser struct {
	*delimited
	shape *record.Shape
	buf   []byte
}

func (p *delimitedParser) Parse(line []byte, r *record.Record, a *record.Arena) error {
	r.Begin(line, p.shape, a)
	n := len(trimCR(line))
	if n == 0 && len(p.fields) > 1 {
		return record.ErrBlank
	}
	b := padded(&p.buf, line[:n])
	i := 0
	for k := range p.fields {
		f := &p.fields[k]
		end, m := p.end(b, i, n)
		switch last := k == len(p.fields)-1; {
		case last && end < n:
			return p.mismatch(end, fmt.Sprintf("the end of the line behind field %s", f.Name))
		case !last && end == n:
			return p.mismatch(end, fmt.Sprintf("'%s' and field %s", p.comma, p.fields[k+1].Name))
		}
		if want := setField(r, k, i, b[i:end], m, f, p.zone); want != "" {
			return p.mismatch(i, want)
		}
		i = end + len(p.comma)
	}
	return nil
}

// end finds the end of the value at i.
func (p *delimitedParser) end(b []byte, i, n int) (end int, m marks) {
	if len(p.comma) == 1 && p.comma[0] > ' ' {
		return untilByte(b, i, n, p.comma[0])
	}
	end = n
	if k := bytes.Index(b[i:n], []byte(p.comma)); k >= 0 {
		end = i + k
	}
	return end, marksOf(b[i:end])
}

func (d *delimited) mismatch(at int, want string) error {
	return &Mismatch{Column: at + 1, Want: want, Format: d.name}
}
