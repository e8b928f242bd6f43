package format

import (
	"fmt"
	"regexp"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/record"
)

// regex takes the named groups of a regular expression (RE2 syntax). The
// expression may match anywhere in the line; a group that took no part in the
// match is no field.
type regex struct {
	re     *regexp.Regexp
	groups []int // number of the group of each field
	fields []Field
	zone   *time.Location
}

func newRegex(text string, o Options) (Format, error) {
	re, err := regexp.Compile(text)
	if err != nil {
		return nil, fault.Usagef("regex: %w", err)
	}
	f := &regex{re: re, zone: o.zone()}
	var names []string
	for i, n := range re.SubexpNames() {
		if n != "" {
			f.groups = append(f.groups, i)
			names = append(names, n)
		}
	}
	if len(names) == 0 {
		return nil, fault.Hint(fault.Usagef("regex %q has no named group", text), "name the parts that are to be fields: (?P<status>[0-9]+)")
	}
	if f.fields, err = typed(names, o.Types); err != nil {
		return nil, err
	}
	return f, nil
}

func (f *regex) Name() string     { return "regex" }
func (f *regex) Fields() []string { return fieldNames(f.fields) }
func (f *regex) New() Parser      { return f.extended(nil) }

func (f *regex) extended(extra []string) Parser {
	return &regexParser{f, shapeOf(f.Fields(), extra)}
}

type regexParser struct {
	*regex
	shape *record.Shape
}

func (p *regexParser) Parse(line []byte, r *record.Record, a *record.Arena) error {
	line = trimCR(line)
	r.Begin(line, p.shape, a)
	if len(line) == 0 {
		return record.ErrBlank
	}
	at := p.re.FindSubmatchIndex(line)
	if at == nil {
		return &Mismatch{Column: 1, Want: fmt.Sprintf("a line that matches %s", p.re), Format: "regex"}
	}
	for k, g := range p.groups {
		off, end := at[2*g], at[2*g+1]
		if off < 0 {
			continue
		}
		text := line[off:end]
		if want := setField(r, k, off, text, marksOf(text), &p.fields[k], p.zone); want != "" {
			return &Mismatch{Column: off + 1, Want: want, Format: "regex"}
		}
	}
	return nil
}
