package format

import (
	"math"
	"net/netip"
	"strings"

	"github.com/logpipe/logpipe/pkg/record"
)

// withSchema renames the fields of f.
func withSchema(f Format, s *Schema) Format {
	if s == nil || s.name == "short" {
		return f
	}
	return &renaming{f, s}
}

// renaming is a Format with other names. The fields at its top level are those
// of the format, or objects whose text is built in the arena.
type renaming struct {
	Format
	schema *Schema
}

func (f *renaming) Fields() []string {
	own := f.Format.Fields()
	if own == nil {
		return nil
	}
	top := []string{}
	for _, m := range planOf(own, f.schema).members {
		top = append(top, m.key)
	}
	return top
}

func (f *renaming) New() Parser {
	base := f.Format
	if x, ok := base.(*extracting); ok {
		base = x.Format
	}
	if _, ok := base.(extender); !ok {
		return newEditParser(f.Format.New(), f.schema)
	}
	return &renamingParser{Parser: f.Format.New(), schema: f.schema}
}

// plan says where the fields of records of one shape go.
type plan struct {
	shape   *record.Shape
	fields  []*record.Field
	members []*member
}

// member is a field of an object: an object of its own, or a leaf.
type member struct {
	key     string
	quoted  []byte
	members []*member
	field   int // of a leaf
	convert conversion
}

// planOf makes the plan of names. Where a field would be hidden by another one of
// the same name, its own name gets a _ behind it.
func planOf(names []string, s *Schema) *plan {
	root := &member{}
	p := &plan{}
	for i, n := range names {
		p.fields = append(p.fields, record.FlatField(n))
		for _, to := range s.rename(n) {
			if !root.add(to.path, i, to.convert) {
				root.add([]string{strings.Join(to.path, ".") + "_"}, i, to.convert)
			}
		}
	}
	p.members = root.members
	top := make([]string, len(p.members))
	for i, m := range p.members {
		top[i] = m.key
	}
	p.shape = record.NewShape(top)
	return p
}

// add gives the field a place in m; false where the place is taken.
func (m *member) add(path []string, field int, convert conversion) bool {
	var child *member
	for _, c := range m.members {
		if c.key == path[0] {
			child = c
		}
	}
	switch {
	case child == nil:
		child = &member{key: path[0], quoted: record.Intern(path[0]).Quoted(), field: -1}
		m.members = append(m.members, child)
		if len(path) == 1 {
			child.field, child.convert = field, convert
			return true
		}
	case len(path) == 1 || child.field >= 0:
		return false
	}
	return child.add(path[1:], field, convert)
}

// renamingParser renames the fields of a format whose shape is known.
type renamingParser struct {
	Parser
	schema *Schema
	known  *record.Shape // for which plan was made
	plan   *plan
	leaves
}

func (p *renamingParser) Parse(line []byte, r *record.Record, a *record.Arena) error {
	if err := p.Parser.Parse(line, &p.one, a); err != nil {
		r.Reset(line, a)
		return err
	}
	if p.one.Shape != p.known {
		names := make([]string, len(p.one.Shape.Names))
		for i, n := range p.one.Shape.Names {
			names[i] = n.String()
		}
		p.known, p.plan = p.one.Shape, planOf(names, p.schema)
	}
	r.Begin(p.one.Line, p.plan.shape, a)
	p.from = &p.one
	for i, m := range p.plan.members {
		if m.field >= 0 && m.convert == asIs {
			r.Spans[i], _ = p.one.Span(p.plan.fields[m.field])
			continue
		}
		var ok bool
		if p.buf, ok = p.appendMember(p.buf[:0], p.plan, m); ok {
			r.Spans[i] = r.Encode(objectOrValue(p.buf))
		}
	}
	return nil
}

// editParser renames the fields of lines that name them themselves, by edits. A
// name of the schema that the line has already stays what it is.
type editParser struct {
	Parser
	plan  *plan
	top   []*record.Field // of plan.members
	names map[string]bool // short names that are renamed
	leaves
}

func newEditParser(base Parser, s *Schema) *editParser {
	p := &editParser{Parser: base, names: map[string]bool{}}
	var names []string
	for _, row := range schemaTable {
		if s.Rename(row[0]) != row[0] {
			names = append(names, row[0])
			p.names[row[0]] = true
		}
	}
	p.plan = planOf(names, s)
	for _, m := range p.plan.members {
		p.top = append(p.top, record.FlatField(m.key))
	}
	return p
}

func (p *editParser) Parse(line []byte, r *record.Record, a *record.Arena) error {
	if err := p.Parser.Parse(line, r, a); err != nil {
		return err
	}
	p.from = r
	for i, m := range p.plan.members {
		if !p.names[m.key] && r.Has(p.top[i]) {
			continue
		}
		var ok bool
		if p.buf, ok = p.appendMember(p.buf[:0], p.plan, m); ok {
			p.drop(r, m)
			r.SetSpan(p.top[i].Name(), r.Encode(objectOrValue(p.buf)))
		}
	}
	return nil
}

// drop takes the fields that went into m out of r.
func (p *editParser) drop(r *record.Record, m *member) {
	if m.field >= 0 {
		if f := p.plan.fields[m.field]; r.Has(f) {
			r.Drop(f.Name())
		}
	}
	for _, c := range m.members {
		p.drop(r, c)
	}
}

func objectOrValue(text []byte) record.Value {
	if text[0] == '{' {
		return record.Value{Kind: record.Object, Bytes: text}
	}
	return record.DecodeJSON(text)
}

// leaves writes values of a record in the schema's form.
type leaves struct {
	from *record.Record
	one  record.Record
	buf  []byte
}

// appendMember appends the value of m; false where it has none.
func (p *leaves) appendMember(dst []byte, plan *plan, m *member) ([]byte, bool) {
	if m.field >= 0 {
		return p.appendLeaf(dst, plan.fields[m.field], m.convert)
	}
	from := len(dst)
	for _, c := range m.members {
		mark := len(dst)
		sep := byte(',')
		if mark == from {
			sep = '{'
		}
		dst = append(append(append(dst, sep), c.quoted...), ':')
		var ok bool
		if dst, ok = p.appendMember(dst, plan, c); !ok {
			dst = dst[:mark]
		}
	}
	if len(dst) == from {
		return dst, false
	}
	return append(dst, '}'), true
}

func (p *leaves) appendLeaf(dst []byte, f *record.Field, convert conversion) ([]byte, bool) {
	s, text := p.from.Span(f)
	v := p.from.Get(f)
	switch {
	case s.Enc == record.Absent:
		return dst, false
	case v.Kind == record.String:
		return appendConverted(dst, v, convert)
	case convert == nanoseconds && v.IsNumber():
		return record.AppendValue(dst, record.FloatValue(math.Round(v.Float()*1e9))), true
	case v.IsNumber() && len(text) > 0:
		return append(dst, text...), true // as written
	}
	return record.AppendValue(dst, v), true
}

func appendConverted(dst []byte, v record.Value, convert conversion) ([]byte, bool) {
	switch convert {
	case versionOnly:
		v.Bytes = withoutHTTP(v.Bytes)
	case listOf:
		return append(record.AppendString(append(dst, '['), v.Bytes), ']'), true
	case knownMethod:
		if !knownMethodName(v.Bytes) {
			v.Bytes = []byte("_OTHER")
		}
	case unknownMethod:
		if knownMethodName(v.Bytes) {
			return dst, false
		}
	case addressOnly:
		if _, err := netip.ParseAddr(string(v.Bytes)); err != nil {
			return dst, false
		}
	}
	return record.AppendString(dst, v.Bytes), true
}
