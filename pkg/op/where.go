package op

import (
	"fmt"

	"github.com/logpipe/logpipe/pkg/expr"
	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/option"
	"github.com/logpipe/logpipe/pkg/stream"
)

// Where is the operator that keeps the records for which an expression is true.
var Where = Definition{
	Name:  "where",
	Usage: "where <EXPR>",
	Short: "keep the records for which an expression is true",
	Long: `A record passes as it is, byte for byte, or not at all. Where the expression is
false or null (a field is absent, types do not fit) the record is left out: so
status>=400 and its opposite not status>=400 both leave out records without a
status.

Quote the expression: < and > mean files to a shell. The help topic "expressions"
lists operators and functions.`,
	Examples: []Example{{
		Command: `printf '{"path":"/a","status":200}\n{"path":"/b","status":404}\n' | logpipe where 'status >= 400'`,
		Output: `{"path":"/b","status":404}
`,
	}, {
		Note:    "A field alone means that it is there, neither null nor false",
		Command: `printf '{"path":"/a","course":123}\n{"path":"/b"}\n' | logpipe where course`,
		Output: `{"path":"/a","course":123}
`,
	}},
	New: func() Builder { return new(where) },
}

type where struct{ cond *expr.Expr }

func (w *where) Options(*option.Set) {}

func (w *where) Build(args []string) (stream.Stage, error) {
	if len(args) != 1 {
		return nil, fault.Hint(fault.Usagef("where takes one expression, not %d words", len(args)),
			"quote it: where 'status >= 400'")
	}
	var err error
	if w.cond, err = expr.Parse(args[0]); err != nil {
		return nil, fmt.Errorf("where: %w", err)
	}
	return w, nil
}

// Name is "where".
func (w *where) Name() string { return "where" }

// Input is objects.
func (w *where) Input() stream.Input { return stream.Objects }

// UsesClock reports whether the result depends on the time of day.
func (w *where) UsesClock() bool { return w.cond.UsesClock() }

// Parallel filters on all cores.
func (w *where) Parallel(env *stream.Env) (stream.Operator, error) {
	return &filter{cond: w.cond.Compile(exprEnv(env))}, nil
}

// exprEnv is what expressions may ask of the run.
func exprEnv(env *stream.Env) expr.Env {
	if env == nil {
		return expr.Env{}
	}
	return expr.Env{Now: env.Now, Location: env.Location}
}

type filter struct{ cond *expr.Program }

func (f *filter) Process(b *stream.Batch, emit stream.Emit) error {
	kept, left := f.cond.Keep(b.Records)
	b.Records = kept
	b.Dropped += int64(left)
	return emit(b)
}

func (f *filter) Flush(stream.Emit) error { return nil }
