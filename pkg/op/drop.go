package op

import (
	"strings"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/option"
	"github.com/logpipe/logpipe/pkg/record"
	"github.com/logpipe/logpipe/pkg/stream"
)

// Drop is the operator that takes fields out of records.
var Drop = Definition{
	Name:  "drop",
	Usage: "drop <FIELD>...",
	Short: "take fields out of every record",
	Long: `A FIELD is the name of a top-level field: a.b means the flat key "a.b". A field
that a record does not have changes nothing; a record without any of them passes
as it is.`,
	Examples: []Example{{
		Command: `printf '{"page":"a","agent":"curl","clicks":7}\n' | logpipe drop agent referer`,
		Output: `{"page":"a","clicks":7}
`,
	}},
	New: func() Builder { return new(dropping) },
}

type dropping struct{ fields []*record.Field }

func (d *dropping) Options(*option.Set) {}

func (d *dropping) Build(args []string) (stream.Stage, error) {
	if len(args) == 0 {
		return nil, fault.Usagef("drop: no field to drop")
	}
	d.fields = nil
	for _, arg := range args {
		name, err := topLevel(arg)
		if err != nil {
			return nil, fault.Usagef("drop: %w", err)
		}
		d.fields = append(d.fields, record.FlatField(name))
	}
	return d, nil
}

// Name is "drop".
func (d *dropping) Name() string { return "drop" }

// Input is objects.
func (d *dropping) Input() stream.Input { return stream.Objects }

// Parallel drops on all cores.
func (d *dropping) Parallel(*stream.Env) (stream.Operator, error) {
	fields := cloneFields(d.fields)
	return stream.Map(func(r *record.Record) (bool, error) {
		for _, f := range fields {
			if r.Has(f) {
				r.Drop(f.Name())
			}
		}
		return true, nil
	}), nil
}

// cloneFields returns handles of the same fields for another worker.
func cloneFields(list []*record.Field) []*record.Field {
	out := make([]*record.Field, len(list))
	for i, f := range list {
		out[i] = f.Clone()
	}
	return out
}

// topLevel is the name of the top-level field that text stands for: itself, or
// what the bracket form ['odd name'] quotes.
func topLevel(text string) (string, error) {
	if !strings.HasPrefix(text, "['") && !strings.HasPrefix(text, `["`) {
		f, err := record.NewField(text)
		if err != nil || !strings.Contains(text, "[") {
			return text, err
		}
		return "", errNested(f.String())
	}
	f, err := record.NewField(text)
	if err != nil {
		return "", err
	}
	if f.Nested() {
		return "", errNested(text)
	}
	return f.String(), nil
}

type errNested string

func (e errNested) Error() string {
	return "want the name of a top-level field, not the path " + string(e)
}
