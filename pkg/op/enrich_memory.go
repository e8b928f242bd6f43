package op

import (
	"github.com/logpipe/logpipe/pkg/memo"
	"github.com/logpipe/logpipe/pkg/record"
)

// The bounds of a worker's memory of answers. When one is reached it forgets
// them all, which costs less than keeping account of their age.
const (
	maxAnswers     = 1 << 16
	maxAnswerBytes = 16 << 20
	maxAnswerKey   = 4 << 10 // longer texts are looked up anew
)

// answers remembers what is known of texts; nil is no answer.
type answers struct{ *memo.Memo[*answer] }

func newAnswers() answers { return answers{memo.New[*answer](maxAnswers, maxAnswerBytes)} }

// find returns the answer for text, or nil. It does not allocate.
func (c answers) find(text []byte) *answer {
	a, _ := c.Get(text)
	return a
}

func (c answers) add(text []byte, a *answer) {
	if len(text) <= maxAnswerKey {
		c.Add(text, a, a.size())
	}
}

// textField reads a field that mostly holds plain text.
type textField struct {
	field *record.Field
	name  *record.Name // nil for a path
	shape *record.Shape
	index int // of name in shape
}

func newTextField(f *record.Field) *textField {
	t := &textField{field: f.Clone(), index: -1}
	if !f.Nested() && f.Top()[0] == f.Name() {
		t.name = f.Name()
	}
	return t
}

// of returns the field's text in r; false where it holds none. A plain text that
// no stage has set is found without Record.Get, whose result is long.
func (t *textField) of(r *record.Record) (text []byte, ok bool) {
	if len(r.Edits) == 0 && t.name != nil {
		if r.Shape != t.shape {
			t.shape, t.index = r.Shape, r.Shape.Index(t.name)
		}
		if uint(t.index) < uint(len(r.Spans)) {
			if s := &r.Spans[t.index]; s.Enc == record.Text && !s.Arena {
				return r.Line[s.Off:s.End:s.End], true
			}
		}
	}
	v := r.Get(t.field)
	return v.Bytes, v.Kind == record.String
}
