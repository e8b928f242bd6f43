package op

import (
	"bytes"
	"fmt"
	"math"
	"slices"

	"github.com/logpipe/logpipe/pkg/expr"
	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/option"
	"github.com/logpipe/logpipe/pkg/record"
	"github.com/logpipe/logpipe/pkg/stream"
)

// Each is the operator that makes a record of every element of an array.
var Each = Definition{
	Name:  "each",
	Usage: "each <NAME>=<EXPR>",
	Short: "make one record of every element of an array",
	Long: `Every element of the array becomes a record: the fields of the input, with NAME set
to the element as it is written in the array. Null, an absent field and an empty
array make no record. A value that is no array counts as an array of that one
value, so that a field that holds one value or a list of them needs no special
case.`,
	Examples: []Example{{
		Note:    "Words of a line",
		Command: `printf '{"line":"to be or"}\n' | logpipe each 'word=split(line, " ")' | logpipe select word`,
		Output: `{"word":"to"}
{"word":"be"}
{"word":"or"}
`,
	}, {
		Command: `printf '{"id":1,"tags":["a","b"]}\n{"id":2,"tags":"c"}\n{"id":3,"tags":[]}\n' | logpipe each tags=tags`,
		Output: `{"id":1,"tags":"a"}
{"id":1,"tags":"b"}
{"id":2,"tags":"c"}
`,
	}},
	New: func() Builder { return new(each) },
}

type each struct {
	name *record.Name
	list *expr.Expr
}

func (e *each) Options(*option.Set) {}

func (e *each) Build(args []string) (stream.Stage, error) {
	if len(args) != 1 {
		return nil, fault.Hint(fault.Usagef("each takes one NAME=EXPR, not %d words", len(args)),
			"quote it: each 'word=split(line, \" \")'")
	}
	name, list, err := expr.ParseAssign(args[0])
	if err != nil {
		return nil, fmt.Errorf("each: %w", err)
	}
	e.name, e.list = record.Intern(name), list
	return e, nil
}

// Name is "each".
func (e *each) Name() string { return "each" }

// Input is objects.
func (e *each) Input() stream.Input { return stream.Objects }

// UsesClock reports whether the result depends on the time of day.
func (e *each) UsesClock() bool { return e.list.UsesClock() }

// Parallel expands on all cores.
func (e *each) Parallel(env *stream.Env) (stream.Operator, error) {
	x := &expander{name: e.name, list: e.list.Compile(exprEnv(env))}
	x.add = x.addElement
	return x, nil
}

type expander struct {
	name  *record.Name
	list  *expr.Program
	in    []*record.Record
	batch *stream.Batch
	from  *record.Record
	add   func(raw []byte) bool
}

func (x *expander) Process(b *stream.Batch, emit stream.Emit) error {
	x.in = append(x.in[:0], b.Records...)
	x.batch, b.Records = b, b.Records[:0]
	for _, r := range x.in {
		switch v := x.list.Eval(r); v.Kind {
		case record.Null:
		case record.Array:
			x.from = r
			record.EachElement(v.Bytes, x.add)
		default:
			r.Set(x.name, v)
			b.Records = append(b.Records, r)
		}
	}
	return emit(b)
}

func (x *expander) Flush(stream.Emit) error { return nil }

// addElement adds a copy of the record that is being expanded.
func (x *expander) addElement(raw []byte) bool {
	r := x.batch.New()
	x.from.CopyTo(r)
	r.SetSpan(x.name, elementSpan(r.Arena, raw))
	return true
}

// elementSpan copies raw, a JSON value out of a scanned line or a result of an
// expression, to the arena and describes it. Numbers other than integers are
// left for the reader to decode.
func elementSpan(a *record.Arena, raw []byte) record.Span {
	s := record.Span{Arena: true}
	switch raw[0] {
	case '"':
		raw = raw[1 : len(raw)-1]
		s.Enc = record.JSONString
		if bytes.IndexByte(raw, '\\') >= 0 {
			s.Enc = record.JSONEscape
		} else if slices.ContainsFunc(raw, func(c byte) bool { return c >= 0x80 }) {
			s.Enc = record.JSONHigh
		}
	case '{':
		s.Enc = record.JSONObject
	case '[':
		s.Enc = record.JSONArray
	case 't':
		s.Enc = record.JSONTrue
	case 'f':
		s.Enc = record.JSONFalse
	case 'n':
		s.Enc = record.JSONNull
	default:
		s.Mant, s.Neg, s.Enc = integer(raw)
	}
	s.Off, s.End = a.Add(raw)
	return s
}

// integer reads an integer within int64, as the scanner of whole lines does.
func integer(raw []byte) (mant uint64, neg bool, enc record.Enc) {
	digits := raw
	if neg = raw[0] == '-'; neg {
		digits = raw[1:]
	}
	if len(digits) > 19 {
		return 0, false, record.JSONNumber
	}
	for _, c := range digits {
		if c-'0' > 9 {
			return 0, false, record.JSONNumber
		}
		mant = mant*10 + uint64(c-'0')
	}
	if mant > math.MaxInt64 && !(neg && mant == 1<<63) {
		return 0, false, record.JSONNumber
	}
	return mant, neg, record.JSONInt
}
