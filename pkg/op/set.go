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
	o := &assigner{list: make([]setter, len(s.list))}
	for i, a := range s.list {
		o.list[i] = setter{name: a.name, program: a.expr.Compile(exprEnv(env))}
	}
	return o, nil
}

// assigner is the operator of one worker.
type assigner struct {
	list []setter
	turn uint64 // number of the batch
}

func (o *assigner) Process(b *stream.Batch, emit stream.Emit) error {
	o.turn++
	for _, r := range b.Records {
		for i := range o.list {
			o.list[i].set(r, o.turn)
		}
	}
	return emit(b)
}

func (o *assigner) Flush(stream.Emit) error { return nil }

// setter is an assignment of one worker. Many expressions choose among a few
// texts: it keeps where it has put some of the last ones, so that the records of
// a batch share their bytes.
type setter struct {
	name    *record.Name
	program *expr.Program
	recent  [32]recentText
}

// recentText is a text that lies in an arena.
type recentText struct {
	arena *record.Arena
	turn  uint64 // of the batch that the arena belonged to
	span  record.Span
}

// maxRecent is the length of a text that is worth keeping, in bytes.
const maxRecent = 64

func (s *setter) set(r *record.Record, turn uint64) {
	v := s.program.Eval(r)
	n := len(v.Bytes)
	if v.Kind != record.String || n == 0 || n > maxRecent {
		r.Set(s.name, v)
		return
	}
	t := &s.recent[(n*7+int(v.Bytes[0])+int(v.Bytes[n-1])*3)%len(s.recent)]
	if t.turn != turn || t.arena != r.Arena || string(r.Arena.Buf[t.span.Off:t.span.End]) != string(v.Bytes) {
		t.arena, t.turn, t.span = r.Arena, turn, r.Encode(v)
	}
	r.SetSpan(s.name, t.span)
}
