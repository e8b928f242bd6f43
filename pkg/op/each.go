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

// Expands tells that a line may have several records.
func (e *each) Expands() {}

// UsesClock reports whether the result depends on the time of day.
func (e *each) UsesClock() bool { return e.list.UsesClock() }

// Parallel expands on all cores.
func (e *each) Parallel(env *stream.Env) (stream.Operator, error) {
	x := &expander{name: e.name, list: e.list.Compile(exprEnv(env)), out: stream.NewBatch()}
	x.add = x.addElement
	return x, nil
}

// expander makes batches of its own, so that an array of any length passes in
// the memory of one batch.
type expander struct {
	name *record.Name
	list *expr.Program
	in   *stream.Batch
	from *record.Record // of in, the one that is being expanded
	copy record.Record  // of from, with its bytes in the arena of out
	out  *stream.Batch
	size int // bytes that out prints, about
	emit stream.Emit
	err  error
	add  func(raw []byte) bool
}

// expandedSize ends a batch of records that are long.
const expandedSize = 1 << 20

// Process emits a record of every element, and nothing of the records that have
// none.
func (x *expander) Process(b *stream.Batch, emit stream.Emit) error {
	x.in, x.emit, x.err = b, emit, nil
	x.begin()
	for i, r := range b.Records {
		v := x.list.Eval(r)
		if v.Kind == record.Null {
			b.Dropped++
			continue
		}
		x.from = r
		x.take()
		made := b.Made
		if v.Kind == record.Array {
			record.EachElement(v.Bytes, x.add)
		} else {
			x.addValue(v)
		}
		if b.Made > made {
			b.Folded++
		} else {
			b.Dropped++
		}
		if x.err != nil {
			b.Dropped += int64(len(b.Records) - i - 1) // nobody wants them
			return x.err
		}
	}
	if len(x.out.Records) == 0 {
		return nil
	}
	return emit(x.out)
}

func (x *expander) Flush(stream.Emit) error { return nil }

// begin makes room for the next batch.
func (x *expander) begin() {
	x.out.Reset()
	x.out.Block, x.out.Time, x.out.Sniffed = x.in.Block, x.in.Time, x.in.Sniffed
	x.size = 0
}

// take copies what the record that is being expanded has in its arena.
func (x *expander) take() {
	x.from.CopyTo(&x.copy)
	x.copy.Arena = &x.out.Arena
	for i := range x.copy.Spans {
		x.takeSpan(&x.copy.Spans[i])
	}
	for i := range x.copy.Edits {
		x.takeSpan(&x.copy.Edits[i].Span)
	}
}

func (x *expander) takeSpan(s *record.Span) {
	if s.Arena {
		s.Off, s.End = x.out.Arena.Add(x.from.Arena.Buf[s.Off:s.End])
	}
}

// addElement adds a record of one element. It returns false where nobody wants
// more of them.
func (x *expander) addElement(raw []byte) bool {
	if r := x.next(); r != nil {
		r.SetSpan(x.name, elementSpan(r.Arena, raw))
		x.size += len(raw)
	}
	return x.err == nil
}

// addValue adds the record of a value that is no array.
func (x *expander) addValue(v record.Value) {
	if r := x.next(); r != nil {
		r.Set(x.name, v)
	}
}

// next adds a copy of the record that is being expanded, in the next batch where
// this one is full; nil where nobody wants more.
func (x *expander) next() *record.Record {
	if len(x.out.Records) >= stream.BatchSize || x.size >= expandedSize {
		if x.err = x.emit(x.out); x.err != nil {
			return nil
		}
		x.begin()
		x.take()
	}
	r := x.out.New()
	x.in.Made++
	x.copy.CopyTo(r)
	x.size += len(r.Line)
	return r
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
