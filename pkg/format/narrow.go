package format

import (
	"slices"

	"github.com/logpipe/logpipe/pkg/record"
)

// Narrow returns a format that reads the same lines as f and refuses the same
// ones with the same errors, but whose records hold only the fields that keep
// names, where f can do with fewer; the values of the others are checked and
// forgotten. Only New may be asked of it.
func Narrow(f Format, keep func(field string) bool) Format {
	if n, ok := f.(narrower); ok {
		return n.narrow(keep)
	}
	return f
}

// narrower is a Format that can do with fewer fields.
type narrower interface {
	narrow(keep func(field string) bool) Format
}

func (t *template) narrow(keep func(field string) bool) Format {
	u := *t
	u.fields, u.vars = []string{}, slices.Clone(t.vars)
	place := make([]int, len(t.fields))
	for i, name := range t.fields {
		place[i] = -1
		if keep(name) {
			place[i] = len(u.fields)
			u.fields = append(u.fields, name)
		}
	}
	for k := range u.vars {
		v := &u.vars[k]
		v.fields, v.unread = make([]int, len(v.fields)), true
		for i, f := range t.vars[k].fields {
			v.fields[i] = place[f]
			v.unread = v.unread && place[f] < 0
		}
		if v.unread && len(v.fields) == 1 {
			v.fields[0] = 0 // of the spare record
		}
		v.choose()
	}
	return &u
}

func (f autoFormat) narrow(keep func(field string) bool) Format {
	f.keep = keep
	return f
}

func (d decoratedSampled) narrow(keep func(field string) bool) Format { return Narrow(d.Format, keep) }

// narrow leaves out the templates that nobody reads. One is read as a whole,
// because it sets all of its fields or none.
func (x *extracting) narrow(keep func(field string) bool) Format {
	y := &extracting{}
	sources := map[string]bool{}
	for _, e := range x.extracts {
		if names := e.names(); slices.ContainsFunc(names, keep) {
			y.extracts = append(y.extracts, e)
			sources[e.source] = true
			for _, n := range names {
				if !slices.Contains(y.names, n) {
					y.names = append(y.names, n)
				}
			}
		}
	}
	y.Format = Narrow(x.Format, func(field string) bool { return sources[field] || keep(field) })
	if len(y.extracts) == 0 {
		return y.Format
	}
	return y
}

// newSpare makes the record in which a parser checks values that nobody reads.
func newSpare(a *record.Arena) record.Record {
	return record.Record{Spans: make([]record.Span, 1), Arena: a}
}
