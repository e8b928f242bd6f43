package stream

import (
	"maps"
	"slices"
	"strings"

	"github.com/logpipe/logpipe/pkg/record"
)

// Projector is a stage that tells which fields of its records it reads, so that
// the stages before it need not make the others.
//
// Before a run the pipeline is walked from its end, where all fields are read,
// to its beginning. Each Projector is told which fields of its output are read
// behind it, and answers with a stage for them, itself where it has nothing to
// leave out, and with the fields of its input that this stage reads or passes on
// to be read. A stage that is no Projector reads all.
//
// Projection changes no result: the stage answered with implements the same
// interfaces of this package as the stage itself, and passes, refuses and reports
// the same records in the same order. In each record it passes, the fields of out
// have the values, or are absent, as they would be; any other field may be
// missing, or stand in another place.
type Projector interface {
	Stage
	Project(out Fields) (Stage, Fields)
}

// Fields is a set of top-level fields of a record, by their names. It is
// immutable; the zero Fields is empty.
type Fields struct {
	all   bool
	names map[string]bool
}

// AllFields are the fields of a record whatever their names.
func AllFields() Fields { return Fields{all: true} }

// FieldsOf are the fields that a record must have for those of list to be there.
func FieldsOf(list ...*record.Field) Fields { return Fields{}.With(list...) }

// All reports whether f has the fields of all names.
func (f Fields) All() bool { return f.all }

// Has reports whether f has the field called name.
func (f Fields) Has(name string) bool { return f.all || f.names[name] }

// With is f and what must be there for list to be read.
func (f Fields) With(list ...*record.Field) Fields {
	if f.all {
		return f
	}
	g := Fields{names: make(map[string]bool, len(f.names)+len(list))}
	maps.Copy(g.names, f.names)
	for _, field := range list {
		for _, n := range field.Top() {
			g.names[n.String()] = true
		}
	}
	return g
}

// Without is f without the field called name, for a stage that sets it in every
// record whatever it was.
func (f Fields) Without(name string) Fields {
	if f.all || !f.names[name] {
		return f
	}
	g := Fields{names: maps.Clone(f.names)}
	delete(g.names, name)
	return g
}

// String lists the names in their order, for tests and messages; * is all.
func (f Fields) String() string {
	if f.all {
		return "*"
	}
	return strings.Join(slices.Sorted(maps.Keys(f.names)), " ")
}

// project returns stages that make no fields but those that are read.
func project(stages []Stage) []Stage {
	list := slices.Clone(stages)
	read := AllFields()
	for i := len(list) - 1; i >= 0; i-- {
		p, ok := list[i].(Projector)
		if !ok {
			read = AllFields()
			continue
		}
		list[i], read = p.Project(read)
	}
	return list
}
