package op

import (
	"fmt"

	"github.com/logpipe/logpipe/pkg/expr"
	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/option"
	"github.com/logpipe/logpipe/pkg/record"
	"github.com/logpipe/logpipe/pkg/stream"
)

// Set is the operator that adds and changes fields.
var Set = Definition{
	Name:  "set",
	Usage: "set <NAME>=<EXPR>...",
	Short: "add or change fields by expressions",
	Long: `Assignments are done in order: a later one sees the values of those before it. A
new field goes to the end of the record, a changed one keeps its place, all others
keep their bytes. Where an expression has no value the field is null.

NAME is a top-level field: a.b=1 writes the flat key "a.b", an odd name is written
['Task Info']=1. The help topic "expressions" lists operators and functions.`,
	Examples: []Example{{
		Command: `printf '{"page":"a","clicks":3,"minutes":1.5}\n' | logpipe set 'heat=clicks+2*minutes' 'hot=heat>5'`,
		Output: `{"page":"a","clicks":3,"minutes":1.5,"heat":6,"hot":true}
`,
	}},
	New: func() Builder { return new(setting) },
}

// setting is the stage: assignments in order.
type setting struct{ list []assignment }

type assignment struct {
	name *record.Name
	expr *expr.Expr
}

func (s *setting) Options(*option.Set) {}

func (s *setting) Build(args []string) (stream.Stage, error) {
	if len(args) == 0 {
		return nil, fault.Usagef("set: want NAME=EXPR")
	}
	s.list = nil
	for _, arg := range args {
		name, e, err := expr.ParseAssign(arg)
		if err != nil {
			return nil, fmt.Errorf("set: %w", err)
		}
		s.list = append(s.list, assignment{record.Intern(name), e})
	}
	return s, nil
}

// Name is "set".
func (s *setting) Name() string { return "set" }

// Input is objects.
func (s *setting) Input() stream.Input { return stream.Objects }

// UsesClock reports whether the result depends on the time of day.
func (s *setting) UsesClock() bool {
	for _, a := range s.list {
		if a.expr.UsesClock() {
			return true
		}
	}
	return false
}

// Parallel sets on all cores.
func (s *setting) Parallel(env *stream.Env) (stream.Operator, error) {
	programs := make([]*expr.Program, len(s.list))
	for i, a := range s.list {
		programs[i] = a.expr.Compile(exprEnv(env))
	}
	return stream.Map(func(r *record.Record) (bool, error) {
		for i, p := range programs {
			r.Set(s.list[i].name, p.Eval(r))
		}
		return true, nil
	}), nil
}
