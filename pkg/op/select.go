package op

import (
	"fmt"
	"strings"

	"github.com/logpipe/logpipe/pkg/expr"
	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/option"
	"github.com/logpipe/logpipe/pkg/record"
	"github.com/logpipe/logpipe/pkg/stream"
)

// Select is the operator that keeps named fields and computes others.
var Select = Definition{
	Name:  "select",
	Usage: "select {<FIELD>|<NAME>=<EXPR>}...",
	Short: "keep only these fields, in this order",
	Long: `A field that is selected keeps the bytes of its value; one that a record does not
have is left out. Expressions see the fields of the input, not each other; where
one has no value its field is null.

a.b is the flat key "a.b" or else key b of the object a, and is written as "a.b";
a number from inside an object is written in its shortest form.`,
	Examples: []Example{{
		Command: `printf '{"ip":"10.0.0.1","path":"/a","status":200,"bytes":2048}\n' | logpipe select status path 'kb=bytes/1024'`,
		Output: `{"status":200,"path":"/a","kb":2}
`,
	}, {
		Note:    "From inside an object",
		Command: `printf '{"user":{"id":7,"name":"Ann"}}\n' | logpipe select user.name id=user.id`,
		Output: `{"user.name":"Ann","id":7}
`,
	}},
	New: func() Builder { return new(selecting) },
}

// selecting is the stage: the fields of the output in order.
type selecting struct{ list []selection }

// selection is a field of the output: one of the input or an expression.
type selection struct {
	name  string
	field *record.Field
	expr  *expr.Expr
}

func (s *selecting) Options(*option.Set) {}

func (s *selecting) Build(args []string) (stream.Stage, error) {
	if len(args) == 0 {
		return nil, fault.Usagef("select: no field to select")
	}
	s.list = nil
	seen := make(map[string]bool)
	for _, arg := range args {
		sel, err := parseSelection(arg)
		if err != nil {
			return nil, fmt.Errorf("select: %w", err)
		}
		if seen[sel.name] {
			return nil, fault.Usagef("select: %s is selected twice", sel.name)
		}
		seen[sel.name] = true
		s.list = append(s.list, sel)
	}
	return s, nil
}

func parseSelection(arg string) (selection, error) {
	if _, _, ok := expr.SplitAssign(arg); ok {
		name, e, err := expr.ParseAssign(arg)
		return selection{name: name, expr: e}, err
	}
	if !strings.HasPrefix(arg, "[") && strings.ContainsAny(arg, "()<>=!") {
		return selection{}, fault.Hint(fault.Usagef("%s is no field", arg), "an expression needs a name: NAME=%s", arg)
	}
	f, err := record.NewField(arg)
	if err != nil {
		return selection{}, fault.Usagef("%w", err)
	}
	return selection{name: f.String(), field: f}, nil
}

// Name is "select".
func (s *selecting) Name() string { return "select" }

// Input is objects.
func (s *selecting) Input() stream.Input { return stream.Objects }

// UsesClock reports whether the result depends on the time of day.
func (s *selecting) UsesClock() bool {
	for _, sel := range s.list {
		if sel.expr != nil && sel.expr.UsesClock() {
			return true
		}
	}
	return false
}

// Parallel selects on all cores.
func (s *selecting) Parallel(env *stream.Env) (stream.Operator, error) {
	p := &selector{columns: make([]column, len(s.list)), spans: make([]record.Span, len(s.list))}
	names := make([]string, len(s.list))
	for i, sel := range s.list {
		names[i] = sel.name
		if sel.expr != nil {
			p.columns[i].program = sel.expr.Compile(exprEnv(env))
		} else {
			p.columns[i].field = sel.field.Clone()
		}
	}
	p.shape = record.NewShape(names)
	return stream.Map(p.choose), nil
}

// selector makes each record one of its own shape. The values stay where they
// are, in the line or in the arena: only the index is rebuilt.
type selector struct {
	columns []column
	shape   *record.Shape
	spans   []record.Span
}

type column struct {
	field   *record.Field
	program *expr.Program
}

func (s *selector) choose(r *record.Record) (bool, error) {
	for i := range s.columns {
		c := &s.columns[i]
		if c.program != nil {
			s.spans[i] = r.Encode(c.program.Eval(r))
			continue
		}
		s.spans[i], _ = r.Span(c.field)
		if s.spans[i].Enc == record.Absent && c.field.Nested() && r.Has(c.field) {
			s.spans[i] = r.Encode(r.Get(c.field))
		}
	}
	meta := r.Meta
	r.Begin(r.Line, s.shape, r.Arena)
	r.Meta = meta
	copy(r.Spans, s.spans)
	return true, nil
}
