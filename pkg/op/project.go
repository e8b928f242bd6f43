package op

import (
	"strings"

	"github.com/logpipe/logpipe/pkg/record"
	"github.com/logpipe/logpipe/pkg/stream"
)

// Here the stages that are stream.Projectors tell which fields they read; parse
// and enrich, which leave out most, do so in files of their own. All other
// stages print records, or look at all of their fields.

// Project says that a folded record is its groups, its arguments and its time. A
// late one that goes to a file is printed whole.
func (a *aggregate) Project(stream.Fields) (stream.Stage, stream.Fields) {
	if strings.HasPrefix(a.late, "file=") {
		return a, stream.AllFields()
	}
	in := stream.FieldsOf(a.keys...)
	for _, e := range a.plan.inputs {
		in = in.With(e.Fields()...)
	}
	if a.window == 0 && !a.plan.needTime {
		return a, in
	}
	return a, in.With(a.timeFields()...)
}

// timeFields are the fields that the event time may be read from.
func (a *aggregate) timeFields() (list []*record.Field) {
	if a.time != "" && a.time != "now" {
		return []*record.Field{record.MustField(a.time)}
	}
	for _, name := range timeNames {
		list = append(list, record.FlatField(name))
	}
	return list
}

// Project says that nothing but the selected fields is left of a record.
func (s *selecting) Project(stream.Fields) (stream.Stage, stream.Fields) {
	var in stream.Fields
	for _, sel := range s.list {
		if sel.expr != nil {
			in = in.With(sel.expr.Fields()...)
		} else {
			in = in.With(sel.field)
		}
	}
	return s, in
}

// Project adds the fields of the condition.
func (w *where) Project(out stream.Fields) (stream.Stage, stream.Fields) {
	return w, out.With(w.cond.Fields()...)
}

// Project leaves out the assignments that nobody reads, neither behind the stage
// nor in a later assignment.
func (s *setting) Project(out stream.Fields) (stream.Stage, stream.Fields) {
	if out.All() {
		return s, out
	}
	kept := make([]assignment, len(s.list))
	from := len(kept)
	for i := len(s.list) - 1; i >= 0; i-- {
		a := s.list[i]
		if !out.Has(a.name.String()) {
			continue
		}
		from--
		kept[from] = a
		out = out.Without(a.name.String()).With(a.expr.Fields()...)
	}
	return &setting{kept[from:]}, out
}

// Project adds the fields of the list, which says how many records there are
// even where nobody reads its elements.
func (e *each) Project(out stream.Fields) (stream.Stage, stream.Fields) {
	return e, out.Without(e.name.String()).With(e.list.Fields()...)
}

// Project takes the dropped fields out.
func (d *dropping) Project(out stream.Fields) (stream.Stage, stream.Fields) {
	for _, f := range d.fields {
		out = out.Without(f.String())
	}
	return d, out
}

// Project adds the old names of fields that are read by their new ones. The new
// ones stay: a field that is not there renames nothing.
func (s *renaming) Project(out stream.Fields) (stream.Stage, stream.Fields) {
	in := out
	for _, p := range s.pairs {
		if out.Has(p.to.String()) {
			in = in.With(p.field)
		}
	}
	return s, in
}

// Project passes on what is read: it looks at no field.
func (h *head) Project(out stream.Fields) (stream.Stage, stream.Fields) { return h, out }
