package op

import (
	"encoding/binary"

	"github.com/logpipe/logpipe/pkg/record"
)

// The bounds of a worker's memory of answers. When one is reached it forgets
// them all, which costs less than keeping account of their age.
const (
	maxAnswers     = 1 << 16
	maxAnswerBytes = 16 << 20
	maxAnswerKey   = 4 << 10 // longer texts are looked up anew
)

// answers remembers what is known of texts.
type answers struct {
	known  map[string]knownAnswer
	size   int
	recent [256]knownAnswer // by sample: a log repeats a few user agents most of the time
}

type knownAnswer struct {
	text   string
	answer *answer // nil for none
}

// find returns the answer for text, or nil. It does not allocate.
func (c *answers) find(text []byte) *answer {
	r := &c.recent[sample(text)%uint64(len(c.recent))]
	if r.answer != nil && r.text == string(text) {
		return r.answer
	}
	k := c.known[string(text)]
	if k.answer != nil {
		*r = k
	}
	return k.answer
}

// sample is a hash of some bytes of text, which tells most texts apart.
func sample(text []byte) uint64 {
	n := len(text)
	if n < 16 {
		return uint64(n)
	}
	const odd = 0x9E3779B97F4A7C15
	x := binary.LittleEndian.Uint64(text[n-8:])
	x = x*odd + binary.LittleEndian.Uint64(text[n/4:])
	x = x*odd + binary.LittleEndian.Uint64(text[n/2:])
	x = x*odd + binary.LittleEndian.Uint64(text[(n-8)/4*3:])
	return (x*odd + uint64(n)) >> 40
}

func (c *answers) add(text []byte, a *answer) {
	if len(text) > maxAnswerKey {
		return
	}
	size := len(text) + a.size()
	if c.known == nil {
		c.known = make(map[string]knownAnswer)
	} else if len(c.known) >= maxAnswers || c.size+size > maxAnswerBytes {
		clear(c.known)
		clear(c.recent[:])
		c.size = 0
	}
	key := string(text)
	c.known[key] = knownAnswer{key, a}
	c.size += size
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
