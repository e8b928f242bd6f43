package format

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/record"
)

// extender is a Format with fields of its own whose parsers can leave room for
// more behind them.
type extender interface {
	Format
	extended(extra []string) Parser
}

// Extract is a template for the text of one field, such as
// path=/course/{course:int}.html. It is immutable.
type Extract struct {
	text   string
	source string // field it reads
	head   []byte
	begin  ending // head
	end    ending // the literal behind the last hole
	parts  []hole
	plain  bool // all of its fields are texts, of different names
}

// hole is a value in a template with the literal behind it.
type hole struct {
	Field        // an empty name, written *, matches and is forgotten
	lit   []byte // empty for the last one: up to the end
}

// ParseExtract reads the text of --extract: a field, =, and a template that the
// whole text of the field must match. {name} takes what lies before the next
// literal (the shortest such text, not empty), {name:int}, {name:float} and the
// other types of Field take only values of that type, {*} takes anything and
// forgets it. {{ and }} are braces. The error is one of usage.
func ParseExtract(text string) (*Extract, error) {
	source, template, ok := strings.Cut(text, "=")
	e := &Extract{text: text, source: strings.TrimSpace(source)}
	err := errors.New("want FIELD=TEMPLATE")
	if ok && e.source != "" {
		err = e.compile(template)
	}
	if err != nil {
		return nil, fault.Hint(fault.Usagef("extract %q: %w", text, err), "as in --extract 'path=/course/{course:int}.html'")
	}
	return e, nil
}

func (e *Extract) compile(template string) error {
	lit := &e.head
	for i := 0; i < len(template); i++ {
		c := template[i]
		if (c == '{' || c == '}') && strings.HasPrefix(template[i+1:], string(c)) {
			i++
		} else if c == '}' {
			return errors.New("a } without {")
		} else if c == '{' {
			end := strings.IndexByte(template[i:], '}')
			if end < 0 {
				return errors.New("a { without }")
			}
			h, err := parseHole(template[i+1 : i+end])
			if err != nil {
				return err
			}
			if len(e.parts) > 0 && len(*lit) == 0 {
				return fmt.Errorf("nothing stands before {%s}", template[i+1:i+end])
			}
			e.parts = append(e.parts, h)
			lit = &e.parts[len(e.parts)-1].lit
			i += end
			continue
		}
		*lit = append(*lit, c)
	}
	if len(e.names()) == 0 {
		return errors.New("the template names no field")
	}
	e.begin, e.end = endingOf(e.head, false), endingOf(e.parts[len(e.parts)-1].lit, true)
	e.plain = len(e.names()) == len(e.parts) &&
		!slices.ContainsFunc(e.parts, func(h hole) bool { return h.Type != String })
	return nil
}

func parseHole(text string) (hole, error) {
	if text == "*" {
		return hole{}, nil
	}
	fields, err := ParseFields(text)
	switch {
	case err != nil:
		return hole{}, err
	case len(fields) != 1:
		return hole{}, fmt.Errorf("want one name in {%s}", text)
	}
	return hole{Field: fields[0]}, nil
}

// String returns the text that e was made of.
func (e *Extract) String() string { return e.text }

// names are the fields that e sets.
func (e *Extract) names() (names []string) {
	for _, h := range e.parts {
		if h.Name != "" && !slices.Contains(names, h.Name) {
			names = append(names, h.Name)
		}
	}
	return names
}

// ending is up to eight bytes with which a text must begin or end.
type ending struct{ word, mask uint64 }

// endingOf returns those of lit: its first ones, or its last ones, which are the
// high bytes of the word.
func endingOf(lit []byte, last bool) (e ending) {
	var word [8]byte
	n := min(len(lit), 8)
	if last {
		copy(word[8-n:], lit[len(lit)-n:])
		e.mask = ^(^uint64(0) >> (8 * n))
	} else {
		copy(word[:], lit)
		e.mask = ^(^uint64(0) << (8 * n))
	}
	e.word = le64(word[:], 0)
	return e
}

// match finds the values of the holes in text, as pairs of offsets.
func (e *Extract) match(at []int, text []byte) ([]int, bool) {
	// Most texts that do not match are told by their first and last eight bytes.
	if n := len(text); n >= 8 && ((le64(text, 0)^e.begin.word)&e.begin.mask|(le64(text, n-8)^e.end.word)&e.end.mask) != 0 {
		return at, false
	}
	if !bytes.HasPrefix(text, e.head) {
		return at, false
	}
	i := len(e.head)
	for k := range e.parts {
		h := &e.parts[k]
		end := len(text)
		if len(h.lit) > 0 {
			// The last literal ends the text, so that {name}.html takes a.html.html whole.
			if k == len(e.parts)-1 {
				if end -= len(h.lit); end <= i || !bytes.Equal(text[end:], h.lit) {
					return at, false
				}
			} else if j := bytes.Index(text[i:], h.lit); j >= 0 {
				end = i + j
			} else {
				return at, false
			}
		}
		if end == i && h.Name != "" {
			return at, false
		}
		at = append(at, i, end)
		i = end + len(h.lit)
	}
	return at, i == len(text)
}

// withExtracts adds the fields of the extracts to f; own are the fields that they
// may read, nil for any.
func withExtracts(f Format, own []string, extracts []*Extract) (Format, error) {
	if len(extracts) == 0 {
		return f, nil
	}
	x := &extracting{Format: f, extracts: extracts}
	for _, e := range extracts {
		if own != nil && !slices.Contains(own, e.source) {
			return nil, fault.Hint(fault.Usagef("extract %q: %s has no field %s", e.text, f.Name(), e.source), "fields are %s", strings.Join(own, ", "))
		}
		for _, n := range e.names() {
			if slices.Contains(own, n) {
				return nil, fault.Usagef("extract %q: %s is a field of %s already", e.text, n, f.Name())
			}
			if !slices.Contains(x.names, n) {
				x.names = append(x.names, n)
			}
		}
	}
	return x, nil
}

// extracting is a Format with extracts. Their fields follow the format's own in
// the shape of its records; where lines have shapes of their own, they are
// added as edits.
type extracting struct {
	Format
	extracts []*Extract
	names    []string
}

func (x *extracting) Fields() []string {
	own := x.Format.Fields()
	if own == nil {
		return nil
	}
	return append(slices.Clip(own), x.names...)
}

func (x *extracting) New() Parser {
	p := &extractParser{extracting: x, base: -1}
	p.indexes = make([]int, len(x.extracts))
	for _, e := range x.extracts {
		p.sources = append(p.sources, record.FlatField(e.source))
		var slots []int
		for _, h := range e.parts {
			slots = append(slots, slices.Index(x.names, h.Name))
		}
		p.slots = append(p.slots, slots)
	}
	if f, ok := x.Format.(extender); ok {
		p.Parser = f.extended(x.names)
		p.base = len(x.names)
	} else {
		p.Parser = x.Format.New()
		p.shape = record.NewShape(x.names)
	}
	return p
}

type extractParser struct {
	Parser
	*extracting
	sources []*record.Field
	seen    *record.Shape // in which indexes holds
	indexes []int         // of sources
	slots   [][]int       // for each hole of each extract its place in names
	base    int           // how many fields the shape has room for; -1 for none
	shape   *record.Shape // of the extracted fields, where they become edits
	at      []int
	one     record.Record
}

// place is where a text begins, in the line or in the arena.
type place struct {
	off   uint32
	arena bool
}

// Parse lets the format read the line. A template that does not match, or a
// value that is not of its type, leaves the template's fields out.
func (p *extractParser) Parse(line []byte, r *record.Record, a *record.Arena) error {
	if err := p.Parser.Parse(line, r, a); err != nil {
		return err
	}
	for k, e := range p.extracts {
		s, text, ok := p.source(k, r)
		if !ok {
			continue
		}
		if p.at, ok = e.match(p.at[:0], text); ok && !p.setPlain(r, k, s, text) {
			p.set(r, k, s, text)
		}
	}
	return nil
}

// source finds the text that extract number x reads, and where it lies.
func (p *extractParser) source(x int, r *record.Record) (place, []byte, bool) {
	if r.Shape != p.seen {
		p.seen = r.Shape
		for k, f := range p.sources {
			p.indexes[k] = r.Shape.Index(f.Name())
		}
	}
	// As Record.Span, which would copy the whole; there are no edits in the way
	// where records have room.
	if i := p.indexes[x]; i >= 0 && p.base >= 0 {
		switch s := &r.Spans[i]; {
		case s.Enc == record.Absent:
			return place{}, nil, false
		case s.Enc != record.Text && s.Enc != record.TextEscape:
		case s.Arena:
			return place{s.Off, true}, r.Arena.Buf[s.Off:s.End:s.End], true
		default:
			return place{s.Off, false}, r.Line[s.Off:s.End:s.End], true
		}
	}
	s, text := r.Span(p.sources[x])
	if s.Enc == record.Text || s.Enc == record.TextEscape {
		return place{s.Off, s.Arena}, text, true
	}
	v := r.Get(p.sources[x])
	if v.Kind != record.String {
		return place{}, nil, false
	}
	off, _ := r.Arena.Add(v.Bytes)
	return place{off, true}, v.Bytes, true
}

// setPlain is set for texts that need no escapes, which are never of a wrong
// type, in a record that has room for them; false where there is more to do.
func (p *extractParser) setPlain(r *record.Record, x int, s place, text []byte) bool {
	e := p.extracts[x]
	if p.base < 0 || !e.plain {
		return false
	}
	for k := 0; k < len(e.parts) && !plainASCII(text); k++ {
		if marksOf(text[p.at[2*k]:p.at[2*k+1]]) != 0 {
			return false
		}
	}
	base := len(r.Spans) - p.base
	for k, slot := range p.slots[x] {
		if slot >= 0 && r.Spans[base+slot].Enc == record.Absent {
			r.Spans[base+slot] = record.Span{Off: s.off + uint32(p.at[2*k]), End: s.off + uint32(p.at[2*k+1]), Arena: s.arena, Enc: record.Text}
		}
	}
	return true
}

// plainASCII tells of a text of 8 to 16 bytes that it has no marks.
func plainASCII(text []byte) bool {
	n := len(text)
	if n < 8 || n > 16 {
		return false
	}
	x0, x1 := le64(text, 0), le64(text, n-8)
	return (x0|x1)&tops|specials(x0)|specials(x1) == 0
}

// set sets the fields of the extract number x, whose source lies at s; all of
// them or none. Values are read into a record beside r first.
func (p *extractParser) set(r *record.Record, x int, s place, text []byte) {
	e := p.extracts[x]
	base := 0
	if p.base >= 0 {
		base = len(r.Spans) - p.base
		p.one.Begin(r.Line, r.Shape, r.Arena)
	} else {
		p.one.Begin(r.Line, p.shape, r.Arena)
	}
	for k := range e.parts {
		h := &e.parts[k]
		if h.Name == "" {
			continue
		}
		i := base + p.slots[x][k]
		from, end := p.at[2*k], p.at[2*k+1]
		value := text[from:end]
		if h.Type == String {
			span := &p.one.Spans[i]
			*span = record.Span{Off: s.off + uint32(from), End: s.off + uint32(end), Arena: s.arena, Enc: record.Text}
			if marksOf(value) != 0 {
				*span = p.one.Encode(record.StringValue(appendValid(nil, value)))
			}
			continue
		}
		if setField(&p.one, i, int(s.off)+from, value, 0, &h.Field, nil) != "" {
			return
		}
		if s.arena {
			p.one.Spans[i].Arena = true
		}
	}
	for i, span := range p.one.Spans[base:] {
		switch {
		case span.Enc == record.Absent:
		case p.base >= 0 && r.Spans[base+i].Enc == record.Absent:
			r.Spans[base+i] = span
		case p.base < 0:
			r.SetSpan(p.shape.Names[i], span)
		}
	}
}
