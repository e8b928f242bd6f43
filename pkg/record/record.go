// Package record holds one record of a pipeline: the raw line, an index of its
// top-level fields, and a short list of edits that are spliced in on output.
//
// A record is never decoded as a whole. Scanner finds where the values of a
// JSON object lie (RFC 8259, refusing and accepting the same lines as
// encoding/json) and learns the literal bytes between them, so that the next
// line of the same shape costs a few comparisons. A parser of another format
// fills the same index with Text and number spans. Reading a field decodes
// that field; writing one adds an Edit; AppendJSON prints the line again with
// untouched fields as they were.
//
// Bytes handed out belong to the batch of the record: whoever keeps them
// beyond the call that handed the record over must clone them.
package record

// Span says where a value lies and how it is encoded there.
type Span struct {
	Off, End uint32 // bytes in the record's line, or in its arena
	Mant     uint64 // number: decimal digits without the point, at most 19 of them
	Enc      Enc
	Exp      int8 // number: value = ±Mant · 10^Exp
	Neg      bool // number: minus sign
	Arena    bool // the bytes are in the arena, not in the line
}

// Enc is the encoding of a value's bytes.
type Enc uint8

// The encodings. JSON strings exclude their quotes.
const (
	Absent     Enc = iota // no such field
	JSONNull              // null
	JSONTrue              // true
	JSONFalse             // false
	JSONInt               // integer, exact in Mant and Neg, within int64
	JSONFloat             // number, exact in Mant, Exp and Neg
	JSONNumber            // number with more digits or a larger exponent than Mant and Exp hold
	JSONString            // string of ASCII without escapes
	JSONHigh              // string without escapes, with bytes above 0x7F that may be no UTF-8
	JSONEscape            // string with backslash escapes
	JSONObject            // object, as written
	JSONArray             // array, as written
	Text                  // text that a JSON string can hold as it is, valid UTF-8
	TextEscape            // text that needs escapes in a JSON string, valid UTF-8
	Double                // computed number: the bits of a finite float64 in Mant, no bytes
	JSONUnread            // number whose digits have been checked but not read
)

// Arena holds the bytes that edits of a batch add. It is reset with the batch.
type Arena struct{ Buf []byte }

// Add copies b into the arena and returns where it lies.
func (a *Arena) Add(b []byte) (off, end uint32) {
	off = uint32(len(a.Buf))
	a.Buf = append(a.Buf, b...)
	return off, uint32(len(a.Buf))
}

// Edit is a field that an operator has set. Where the record already has the
// field it takes its place, otherwise it goes to the end.
type Edit struct {
	Name *Name
	Span Span
}

// Record is one line on its way through a pipeline. The zero Record is empty;
// records live in the batches of pkg/stream and are reused with them.
type Record struct {
	Line  []byte // the line as read, without line end; for an indexed JSON object from { to }
	Shape *Shape // names of Spans; nil while the line has not been indexed
	Spans []Span // one per field of Shape
	Edits []Edit // in the order of their first setting
	Arena *Arena // of the batch
	Pos   uint32 // number of the line in its block, from 0
	Block uint64 // number of the block in its input, from 0
	Meta  *Meta  // what a transport knows of the record, or nil

	dropped bool // a field or an edit has been dropped; the span of a field is Absent then
}

// Meta is what a transport carries beside the body.
type Meta struct {
	Topic     string
	Partition int32
	Offset    int64
	Key       []byte
	Headers   []Header
	Time      int64 // ns since 1970 UTC
}

// Header is one named value of a transport's metadata.
type Header struct {
	Key   string
	Value []byte
}

// Reset makes r an unindexed record of line.
func (r *Record) Reset(line []byte, a *Arena) {
	r.Line, r.Shape, r.Arena, r.Meta, r.dropped = line, nil, a, nil, false
	r.Spans, r.Edits = r.Spans[:0], r.Edits[:0]
}

// Begin makes r an empty object of shape s whose spans will refer to line and
// the arena; the caller sets the spans that are present.
func (r *Record) Begin(line []byte, s *Shape, a *Arena) {
	r.Line, r.Shape, r.Arena, r.Meta, r.dropped = line, s, a, nil, false
	n := len(s.Names)
	if cap(r.Spans) < n {
		r.Spans = make([]Span, n)
	}
	r.Spans = r.Spans[:n]
	clear(r.Spans)
	r.Edits = r.Edits[:0]
}

// Indexed reports whether the fields of r are known.
func (r *Record) Indexed() bool { return r.Shape != nil }

// bytesOf returns the bytes of s.
func (r *Record) bytesOf(s *Span) []byte {
	if s.Arena {
		return r.Arena.Buf[s.Off:s.End:s.End]
	}
	return r.Line[s.Off:s.End:s.End]
}

// find returns the span of the top-level field f, or nil.
func (r *Record) find(f *Field) *Span {
	for i := len(r.Edits) - 1; i >= 0; i-- {
		if r.Edits[i].Name == f.flat {
			return &r.Edits[i].Span
		}
	}
	i := f.index
	if r.Shape != f.shape {
		i = f.resolve(r.Shape)
	}
	if i < 0 {
		return nil
	}
	return &r.Spans[i]
}

// Get returns the value of f: Null where the record has no such field.
func (r *Record) Get(f *Field) Value {
	if s := r.find(f); s != nil && s.Enc != Absent {
		return r.decode(s)
	}
	if f.rest == nil {
		return Value{}
	}
	return r.getPath(f)
}

// Span returns where the top-level field f lies, with its bytes; Absent where
// the record has no such field. Nested paths have no span.
func (r *Record) Span(f *Field) (Span, []byte) {
	if s := r.find(f); s != nil && s.Enc != Absent {
		return *s, r.bytesOf(s)
	}
	return Span{}, nil
}

// Plain returns the text of the top-level field f where its bytes are the text:
// a JSON string of ASCII without escapes, or a plain text of a parsed line. It
// answers faster than Span, whose result is long.
func (r *Record) Plain(f *Field) (text []byte, ok bool) {
	s := r.find(f)
	if s == nil || s.Enc != JSONString && s.Enc != Text {
		return nil, false
	}
	if s.Arena {
		return r.Arena.Buf[s.Off:s.End:s.End], true
	}
	return r.Line[s.Off:s.End:s.End], true
}

// Natural returns the top-level field f where it is an integer from 0 on that
// has been read.
func (r *Record) Natural(f *Field) (n uint64, ok bool) {
	s := r.find(f)
	if s == nil || s.Enc != JSONInt || s.Neg {
		return 0, false
	}
	return s.Mant, true
}

// Has reports whether f is there, be it null.
func (r *Record) Has(f *Field) bool {
	if s := r.find(f); s != nil && s.Enc != Absent {
		return true
	}
	if f.rest == nil {
		return false
	}
	_, ok := r.nested(f)
	return ok
}

// Set gives the field called name the value v. The bytes of v are copied.
func (r *Record) Set(name *Name, v Value) {
	r.SetSpan(name, r.Encode(v))
}

// Drop removes the field called name. When it is set again it goes to the end,
// as it would had the record been printed and read in between.
func (r *Record) Drop(name *Name) {
	for i := range r.Edits {
		if r.Edits[i].Name == name {
			r.Edits = append(r.Edits[:i], r.Edits[i+1:]...)
			r.dropped = true
			break
		}
	}
	if r.Shape.indexOf(name) < 0 {
		return
	}
	for i, n := range r.Shape.Names {
		if n == name || n.text == name.text {
			s := &r.Spans[i]
			*s = Span{Off: s.Off, End: s.End, Neg: quoted(s)}
			r.dropped = true
		}
	}
}

// SetSpan gives the field called name the value that s describes.
func (r *Record) SetSpan(name *Name, s Span) {
	if s.Enc == Absent {
		r.Drop(name)
		return
	}
	for i := range r.Edits {
		if r.Edits[i].Name == name {
			r.Edits[i].Span = s
			return
		}
	}
	r.Edits = append(r.Edits, Edit{name, s})
}

// inLine reports whether the record has a field called n beside its edits.
func (r *Record) inLine(n *Name) bool {
	i := r.Shape.indexOf(n)
	return i >= 0 && r.Spans[i].Enc != Absent
}

// Each calls f for every field that is present, in the order of output, with
// duplicate keys of the line reported once.
func (r *Record) Each(f func(name string, v Value)) {
	for i, n := range r.Shape.Names {
		if r.Shape.last[i] != i {
			continue
		}
		s := &r.Spans[i]
		if s.Enc == Absent {
			continue // an edit adds it
		}
		if e := r.edit(n); e != nil {
			s = &e.Span
		}
		f(n.text, r.decode(s))
	}
	for i := range r.Edits {
		e := &r.Edits[i]
		if !r.inLine(e.Name) {
			f(e.Name.text, r.decode(&e.Span))
		}
	}
}

func (r *Record) edit(n *Name) *Edit {
	for i := range r.Edits {
		if r.Edits[i].Name == n {
			return &r.Edits[i]
		}
	}
	return nil
}

// CopyTo makes dst a copy of r whose edits are its own; both share the line and
// the arena.
func (r *Record) CopyTo(dst *Record) {
	spans, edits := dst.Spans[:0], dst.Edits[:0]
	*dst = *r
	dst.Spans = append(spans, r.Spans...)
	dst.Edits = append(edits, r.Edits...)
}
