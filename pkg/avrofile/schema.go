package avrofile

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Schema tells the shape of the records of a file.
type Schema struct {
	root      *node
	canonical string
}

type kind int

const (
	kindNull kind = iota
	kindBoolean
	kindVarint // int, long, enum
	kindFixed  // of size bytes
	kindBytes  // bytes, string
	kindRecord
	kindArray
	kindMap
	kindUnion
)

// node is one type. Named types are shared where they are named again.
type node struct {
	kind  kind
	size  int     // of kindFixed
	parts []*node // fields, items, values, branches
}

var primitives = map[string]node{
	"null": {kind: kindNull}, "boolean": {kind: kindFixed, size: 1}, "int": {kind: kindVarint}, "long": {kind: kindVarint},
	"float": {kind: kindFixed, size: 4}, "double": {kind: kindFixed, size: 8}, "bytes": {kind: kindBytes}, "string": {kind: kindBytes},
}

const mostDepth = 200 // of nested types, and of nested values

// ParseSchema reads a schema in JSON.
func ParseSchema(text []byte) (*Schema, error) {
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	p := &schemaParser{named: map[string]*node{}}
	root, err := p.parse(v, "", 0)
	if err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	return &Schema{root, p.out.String()}, nil
}

// Canonical is the Parsing Canonical Form.
func (s *Schema) Canonical() string { return s.canonical }

// Fingerprint is the CRC-64-AVRO of the canonical form, in the order of bytes
// in which Java's Avro gives it.
func (s *Schema) Fingerprint() [8]byte {
	const empty = 0xC15D213AA4D7A795
	var table [256]uint64
	for i := range table {
		fp := uint64(i)
		for range 8 {
			fp = fp>>1 ^ empty&-(fp&1)
		}
		table[i] = fp
	}
	fp := uint64(empty)
	for i := range len(s.canonical) {
		fp = fp>>8 ^ table[byte(fp)^s.canonical[i]]
	}
	var out [8]byte
	binary.LittleEndian.PutUint64(out[:], fp)
	return out
}

// schemaParser writes the canonical form while it reads.
type schemaParser struct {
	named map[string]*node
	out   strings.Builder
}

func (p *schemaParser) parse(v any, space string, depth int) (*node, error) {
	if depth > mostDepth {
		return nil, errors.New("types are nested too deeply")
	}
	switch v := v.(type) {
	case string:
		return p.name(v, space)
	case []any:
		return p.union(v, space, depth)
	case map[string]any:
		return p.object(v, space, depth)
	}
	return nil, fmt.Errorf("%v is no type", v)
}

func (p *schemaParser) name(name, space string) (*node, error) {
	if n, ok := primitives[name]; ok {
		p.quote(name)
		return &n, nil
	}
	full := fullName(name, space)
	n := p.named[full]
	if n == nil {
		return nil, fmt.Errorf("unknown type %q", full)
	}
	p.quote(full)
	return n, nil
}

func fullName(name, space string) string {
	if space == "" || strings.Contains(name, ".") {
		return name
	}
	return space + "." + name
}

func (p *schemaParser) quote(s string) {
	b, _ := json.Marshal(s) // names have no characters to escape
	p.out.Write(b)
}

func (p *schemaParser) union(list []any, space string, depth int) (*node, error) {
	n := &node{kind: kindUnion}
	p.out.WriteByte('[')
	for i, v := range list {
		if i > 0 {
			p.out.WriteByte(',')
		}
		branch, err := p.parse(v, space, depth+1)
		if err != nil {
			return nil, err
		}
		n.parts = append(n.parts, branch)
	}
	p.out.WriteByte(']')
	return n, nil
}

func (p *schemaParser) object(o map[string]any, space string, depth int) (*node, error) {
	typ, ok := o["type"].(string)
	if !ok {
		return p.parse(o["type"], space, depth+1) // {"type": {"type": …}}
	}
	switch typ {
	case "array", "map":
		return p.collection(typ, o, space, depth)
	case "record", "error", "enum", "fixed":
		return p.define(typ, o, space, depth)
	}
	return p.name(typ, space)
}

func (p *schemaParser) collection(typ string, o map[string]any, space string, depth int) (*node, error) {
	n, key := &node{kind: kindArray}, "items"
	if typ == "map" {
		n.kind, key = kindMap, "values"
	}
	fmt.Fprintf(&p.out, `{"type":"%s","%s":`, typ, key)
	item, err := p.parse(o[key], space, depth+1)
	if err != nil {
		return nil, err
	}
	p.out.WriteByte('}')
	n.parts = []*node{item}
	return n, nil
}

// define reads a type with a name.
func (p *schemaParser) define(typ string, o map[string]any, space string, depth int) (*node, error) {
	name, _ := o["name"].(string)
	if name == "" {
		return nil, fmt.Errorf("a type %s has no name", typ)
	}
	if own, ok := o["namespace"].(string); ok {
		space = own
	}
	full := fullName(name, space)
	if i := strings.LastIndexByte(full, '.'); i >= 0 {
		space = full[:i]
	}
	n := new(node)
	p.named[full] = n
	p.out.WriteString(`{"name":`)
	p.quote(full)
	if typ == "error" {
		typ = "record"
	}
	fmt.Fprintf(&p.out, `,"type":"%s",`, typ)
	var err error
	switch typ {
	case "enum":
		n.kind = kindVarint
		err = p.symbols(o)
	case "fixed":
		n.kind = kindFixed
		size, ok := o["size"].(float64)
		if n.size = int(size); !ok || n.size < 0 || size > mostBlock {
			return nil, fmt.Errorf("fixed %s has no size", full)
		}
		p.out.WriteString(`"size":` + strconv.Itoa(n.size))
	default:
		n.kind = kindRecord
		err = p.fields(n, o, space, depth)
	}
	p.out.WriteByte('}')
	return n, err
}

func (p *schemaParser) symbols(o map[string]any) error {
	list, ok := o["symbols"].([]any)
	if !ok {
		return errors.New("an enum has no symbols")
	}
	p.out.WriteString(`"symbols":[`)
	for i, v := range list {
		if i > 0 {
			p.out.WriteByte(',')
		}
		s, ok := v.(string)
		if !ok {
			return fmt.Errorf("%v is no symbol", v)
		}
		p.quote(s)
	}
	p.out.WriteByte(']')
	return nil
}

func (p *schemaParser) fields(n *node, o map[string]any, space string, depth int) error {
	list, ok := o["fields"].([]any)
	if !ok {
		return errors.New("a record has no fields")
	}
	p.out.WriteString(`"fields":[`)
	for i, v := range list {
		if i > 0 {
			p.out.WriteByte(',')
		}
		field, _ := v.(map[string]any)
		name, _ := field["name"].(string)
		if name == "" {
			return errors.New("a field has no name")
		}
		p.out.WriteString(`{"name":`)
		p.quote(name)
		p.out.WriteString(`,"type":`)
		part, err := p.parse(field["type"], space, depth+1)
		if err != nil {
			return fmt.Errorf("field %s: %w", name, err)
		}
		p.out.WriteByte('}')
		n.parts = append(n.parts, part)
	}
	p.out.WriteByte(']')
	return nil
}

// Skip returns how many bytes of data the first record has.
func (s *Schema) Skip(data []byte) (int, error) {
	d := &decoder{buf: data}
	budget := len(data) + 1
	d.skip(s.root, 0, &budget)
	return d.at, d.err
}

// skip reads over one value. Values without bytes are bounded by a budget: a
// list may claim any number of them.
func (d *decoder) skip(n *node, depth int, empty *int) {
	if depth > 10*mostDepth {
		d.err = errors.New("values are nested too deeply")
	}
	if d.err != nil {
		return
	}
	switch n.kind {
	case kindVarint:
		d.long()
	case kindFixed:
		d.take(n.size)
	case kindBytes:
		d.bytes()
	case kindRecord:
		for _, part := range n.parts {
			d.skip(part, depth+1, empty)
		}
	case kindUnion:
		i := d.long()
		if d.err == nil && (i < 0 || i >= int64(len(n.parts))) {
			d.err = fmt.Errorf("a union has no branch %d", i)
		}
		if d.err == nil {
			d.skip(n.parts[i], depth+1, empty)
		}
	case kindArray, kindMap:
		d.skipList(n, depth, empty)
	}
}

func (d *decoder) skipList(n *node, depth int, empty *int) {
	for d.err == nil {
		count := d.count()
		if count == 0 {
			return
		}
		for range count {
			before := d.at
			if n.kind == kindMap {
				d.bytes()
			}
			d.skip(n.parts[0], depth+1, empty)
			if d.err != nil {
				return
			}
			if d.at == before {
				if *empty--; *empty < 0 {
					d.err = errors.New("a list claims more items than there are bytes")
				}
			}
		}
	}
}
