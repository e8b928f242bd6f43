package format

import (
	"bytes"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/record"
)

// logfmt is key=value pairs with blanks between them: level=info msg="a b" took=5.
// A key alone is true. Values are text unless Types says otherwise. Escapes in
// quotes are those of Go and JSON.
type logfmt struct {
	types []Field
	zone  *time.Location
}

func newLogfmt(o Options) (Format, error) {
	if len(o.Fields) > 0 {
		return nil, fault.Hint(fault.Usagef("logfmt lines name their fields themselves"), "--types status:int gives fields a type")
	}
	return &logfmt{o.Types, o.zone()}, nil
}

func (f *logfmt) Name() string     { return "logfmt" }
func (f *logfmt) Fields() []string { return nil }
func (f *logfmt) New() Parser {
	p := &logfmtParser{logfmt: f, root: &keyNode{}, scanner: record.NewScanner()}
	p.types = map[string]*Field{}
	for i := range f.types {
		p.types[f.types[i].Name] = &f.types[i]
	}
	return p
}

// keyNode is a place behind some keys of a line. The tree of all key sequences
// seen tells the shape of a line without looking its keys up by name.
type keyNode struct {
	next   []*keyNode
	key    string
	field  Field
	parent *keyNode
	depth  int
	again  bool          // the key stands further in front too
	shape  *record.Shape // of a line that ends here
}

// maxKeyNodes and maxKeyLen bound the tree; other lines go the way of JSON.
const maxKeyNodes, maxKeyLen = 1 << 12, 1 << 8

type logfmtParser struct {
	*logfmt
	types   map[string]*Field
	root    *keyNode
	nodes   int
	pairs   []pair
	scanner *record.Scanner
}

// pair is where a value lies.
type pair struct {
	off, end int
	alone    bool // a key without value
	quoted   bool
	escaped  bool // has a backslash
}

func (p *logfmtParser) Parse(line []byte, r *record.Record, a *record.Arena) error {
	r.Reset(line, a)
	line = trimCR(line)
	n, pairs, values := p.root, p.pairs[:0], 0
	for i := 0; ; {
		for i < len(line) && (line[i] == ' ' || line[i] == '\t') {
			i++
		}
		if i == len(line) {
			break
		}
		key, v, next, err := p.pair(line, i)
		if err != nil {
			return err
		}
		if !v.alone {
			values++
		}
		pairs = append(pairs, v)
		if n != nil {
			n = p.step(n, key)
		}
		i = next
	}
	p.pairs = pairs
	switch {
	case len(pairs) == 0:
		return record.ErrBlank
	case values == 0:
		return p.mismatch(len(line), "key=value")
	case n == nil:
		return p.viaJSON(line, r, a)
	}
	if n.shape == nil {
		n.shape = shapeOfKeys(n)
	}
	r.Begin(r.Line, n.shape, a)
	return p.fill(r, n)
}

// pair reads the pair at i and returns where the next one can begin.
func (p *logfmtParser) pair(line []byte, i int) (key []byte, v pair, next int, err error) {
	k := i
	for k < len(line) && line[k] > ' ' && line[k] != '=' && line[k] != '"' {
		k++
	}
	if k == i {
		return nil, v, i, p.mismatch(i, "a key")
	}
	key = line[i:k]
	if k == len(line) || line[k] != '=' {
		if k < len(line) && line[k] != ' ' && line[k] != '\t' {
			return nil, v, k, p.mismatch(k, "= or a blank behind the key")
		}
		return key, pair{off: k, end: k, alone: true}, k, nil
	}
	k++
	if k < len(line) && line[k] == '"' {
		end, closed := stringEnd(line, k+1)
		if !closed {
			return nil, v, k, p.mismatch(end, "a closing quote")
		}
		if end < len(line) && line[end] != ' ' && line[end] != '\t' {
			return nil, v, end, p.mismatch(end, "a blank behind the closing quote")
		}
		v = pair{off: k + 1, end: end - 1, quoted: true}
		v.escaped = bytes.IndexByte(line[v.off:v.end], '\\') >= 0
		return key, v, end, nil
	}
	end := k
	for end < len(line) && line[end] != ' ' && line[end] != '\t' {
		end++
	}
	return key, pair{off: k, end: end}, end, nil
}

func (p *logfmtParser) mismatch(at int, want string) error {
	return &Mismatch{Column: at + 1, Want: want, Format: "logfmt"}
}

// step goes from n to the node behind key, which it makes while there is room.
func (p *logfmtParser) step(n *keyNode, key []byte) *keyNode {
	for i, c := range n.next {
		if c.key == string(key) {
			if i > 0 {
				n.next[i], n.next[i-1] = n.next[i-1], c
			}
			return c
		}
	}
	if p.nodes == maxKeyNodes || len(key) > maxKeyLen {
		return nil
	}
	p.nodes++
	c := &keyNode{key: string(key), parent: n, depth: n.depth + 1}
	c.field.Name = string(appendValid(nil, key))
	if t := p.types[c.field.Name]; t != nil {
		c.field = *t
	}
	for a := n; a.parent != nil && !c.again; a = a.parent {
		c.again = a.field.Name == c.field.Name
	}
	n.next = append(n.next, c)
	return c
}

func shapeOfKeys(n *keyNode) *record.Shape {
	names := make([]string, n.depth)
	for ; n.parent != nil; n = n.parent {
		names[n.depth-1] = n.field.Name
	}
	return record.NewShape(names)
}

// fill sets the fields of r from the last one, at n, to the first.
func (p *logfmtParser) fill(r *record.Record, n *keyNode) error {
	for ; n.parent != nil; n = n.parent {
		i := n.depth - 1
		v := &p.pairs[i]
		text := r.Line[v.off:v.end]
		want := ""
		switch {
		case v.alone:
			r.Spans[i].Enc = record.JSONTrue
		case v.escaped:
			off := len(r.Arena.Buf)
			r.Arena.Buf = appendUnescaped(r.Arena.Buf, text)
			want = setArenaField(r, i, off, &n.field, p.zone)
		default:
			want = setField(r, i, v.off, text, marksOf(text), &n.field, p.zone)
		}
		if n.again && r.Spans[i].Enc == record.Absent {
			r.Spans[i].Enc = record.JSONNull // else the one in front would be printed and not read
		}
		if want != "" {
			return p.mismatch(v.off, want)
		}
	}
	return nil
}

// appendUnescaped resolves the escapes of JSON; where text has others, only \"
// and \\ are resolved, and the rest stays.
func appendUnescaped(dst, text []byte) []byte {
	quoted := append(append([]byte{'"'}, text...), '"')
	if v := record.DecodeJSON(quoted); v.Kind == record.String {
		return append(dst, v.Bytes...)
	}
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+1 < len(text) && (text[i+1] == '"' || text[i+1] == '\\') {
			i++
		}
		dst = append(dst, text[i])
	}
	return dst
}

// viaJSON makes the record of a line whose keys there is no room to remember:
// it is written as JSON into the arena and indexed as such.
func (p *logfmtParser) viaJSON(line []byte, r *record.Record, a *record.Arena) error {
	text := []byte{'{'}
	pairs := p.pairs
	defer func() { p.pairs = pairs }()
	k := 0
	for i := range pairs {
		for line[k] == ' ' || line[k] == '\t' {
			k++
		}
		key, _, next, err := p.pair(line, k)
		if err != nil {
			return err
		}
		p.pairs = pairs[i : i+1]
		if text, err = p.appendPair(text, key, line); err != nil {
			return err
		}
		k = next
	}
	off := len(a.Buf)
	a.Buf = append(append(a.Buf, text...), '}', '\n')
	end := len(a.Buf)
	a.Buf = append(a.Buf, make([]byte, record.Padding)...)
	r.Reset(line, a)
	if _, err := p.scanner.Scan(a.Buf[off:end:len(a.Buf)], 0, r); err != nil {
		return jsonMismatch("logfmt", err)
	}
	return nil
}

// appendPair appends key and the value of the only pair in p as members.
func (p *logfmtParser) appendPair(text, key, line []byte) ([]byte, error) {
	name := appendValid(nil, key)
	n := &keyNode{depth: 1, parent: p.root, field: Field{Name: string(name)}}
	if t := p.types[n.field.Name]; t != nil {
		n.field = *t
	}
	var one record.Record
	one.Begin(line, singleShape, new(record.Arena))
	if err := p.fill(&one, n); err != nil {
		return nil, err
	}
	body := one.AppendJSON(nil)
	if again := append(record.AppendString(nil, name), ':'); len(body) == 2 && bytes.Contains(text, again) {
		body = []byte(`{"v":null}`)
	}
	if len(body) == 2 {
		return text, nil
	}
	if len(text) > 1 {
		text = append(text, ',')
	}
	return append(record.AppendString(text, name), body[len(`{"v"`):len(body)-1]...), nil
}

var singleShape = record.NewShape([]string{"v"})
