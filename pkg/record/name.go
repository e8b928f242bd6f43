package record

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// Name is an interned field name: two Names are equal when their pointers are.
type Name struct {
	text   string
	quoted []byte // as a JSON string
}

// String returns the field name.
func (n *Name) String() string { return n.text }

// Quoted returns the name as a JSON string. It must not be changed.
func (n *Name) Quoted() []byte { return n.quoted }

var names = struct {
	sync.RWMutex
	m map[string]*Name
}{m: make(map[string]*Name)}

// namesFull tells that the table is full: names must be compared by their text.
var namesFull atomic.Bool

// maxNames bounds the table of interned names: records with random keys must
// not fill the memory. Beyond it a name is its own.
const maxNames = 1 << 16

// Intern returns the Name of text.
func Intern(text string) *Name {
	names.RLock()
	n := names.m[text]
	names.RUnlock()
	if n != nil {
		return n
	}
	names.Lock()
	defer names.Unlock()
	if n = names.m[text]; n == nil {
		n = &Name{text: text, quoted: AppendString(nil, []byte(text))}
		names.m[text] = n
	}
	return n
}

// nameOf interns a name that a line brought, while there is room.
func nameOf(text string) *Name {
	names.RLock()
	n, full := names.m[text], len(names.m) >= maxNames
	names.RUnlock()
	if n != nil {
		return n
	}
	if full {
		namesFull.Store(true)
		return &Name{text: text, quoted: AppendString(nil, []byte(text))}
	}
	return Intern(text)
}

// Field is a handle to a field of records, by flat name or by path. It caches
// where the field lies in the last shape it saw, so each worker has its own.
//
// A name a.b means the flat key "a.b" first, then key "b" of the object "a",
// by the same rule all the way down. ['Task Info']['Task ID'] names each step
// and tries no flat key; [0] is the first element of an array.
type Field struct {
	text  string
	name  *Name // under which the field is written
	flat  *Name // the flat key it matches; matches nothing for a bracket path
	shape *Shape
	index int
	head  *Field   // the top-level field of a path, nil for a flat name
	rest  []string // the steps below head
	exact bool     // bracket form: no flat keys below either
}

// NewField returns a handle for the plain or dotted name or the bracket path.
func NewField(text string) (*Field, error) {
	if text == "" {
		return nil, errors.New("empty field name")
	}
	if strings.Contains(text, "[") {
		steps, err := bracketSteps(text)
		if err != nil {
			return nil, err
		}
		return fieldOf(text, steps, true), nil
	}
	return fieldOf(text, strings.Split(text, "."), false), nil
}

func fieldOf(text string, steps []string, exact bool) *Field {
	f := &Field{text: strings.Join(steps, "."), index: -1, exact: exact}
	if exact && len(steps) == 1 {
		f.text = steps[0]
	}
	f.name = Intern(f.text)
	f.flat = f.name
	if len(steps) > 1 && steps[0] != "" {
		f.head = &Field{text: steps[0], flat: Intern(steps[0]), index: -1}
		f.head.name = f.head.flat
		f.rest = steps[1:]
	}
	if exact && len(steps) > 1 {
		f.flat = new(Name)
	}
	return f
}

// bracketSteps reads a['b c'][0], ['a']['b'] and mixtures with dots.
func bracketSteps(text string) ([]string, error) {
	var steps []string
	rest := text
	for rest != "" {
		if rest[0] != '[' {
			i := strings.IndexAny(rest, "[.")
			if i < 0 {
				i = len(rest)
			}
			if i > 0 {
				steps = append(steps, rest[:i])
			}
			rest = strings.TrimPrefix(rest[i:], ".")
			continue
		}
		step, after, err := bracketStep(rest)
		if err != nil {
			return nil, fmt.Errorf("field %s: %w", text, err)
		}
		steps = append(steps, step)
		rest = strings.TrimPrefix(after, ".")
	}
	return steps, nil
}

func bracketStep(s string) (step, after string, err error) {
	if len(s) > 2 && (s[1] == '\'' || s[1] == '"') {
		end := strings.Index(s[2:], string(s[1])+"]")
		if end < 0 {
			return "", "", fmt.Errorf("no closing %c]", s[1])
		}
		return s[2 : 2+end], s[2+end+2:], nil
	}
	end := strings.IndexByte(s, ']')
	if end < 0 {
		return "", "", errors.New("no closing ]")
	}
	if _, err := strconv.ParseUint(s[1:end], 10, 31); err != nil {
		return "", "", fmt.Errorf("want ['name'] or [number], not %s", s[:end+1])
	}
	return s[1:end], s[end+1:], nil
}

// MustField is NewField for names that are known to be well formed.
func MustField(text string) *Field {
	f, err := NewField(text)
	if err != nil {
		return fieldOf(text, []string{text}, true)
	}
	return f
}

// FlatField returns a handle for the top-level key name, whatever it holds.
func FlatField(name string) *Field { return fieldOf(name, []string{name}, true) }

// String returns the name under which the field is written.
func (f *Field) String() string { return f.text }

// Name returns the interned name under which the field is written.
func (f *Field) Name() *Name { return f.name }

// Clone returns a handle of the same field for another worker.
func (f *Field) Clone() *Field {
	c := *f
	c.shape, c.index = nil, -1
	if f.head != nil {
		c.head = f.head.Clone()
	}
	return &c
}

// Nested reports whether the field may be a path into an object.
func (f *Field) Nested() bool { return f.rest != nil }

// Flat returns the name where the field is a top-level one, whatever it holds,
// and ok is false where it may be a path.
func (f *Field) Flat() (name *Name, ok bool) { return f.flat, f.rest == nil }

// Top returns the top-level names a record must have for the field to be there.
func (f *Field) Top() []*Name {
	if f.head == nil {
		return []*Name{f.flat}
	}
	if f.exact {
		return []*Name{f.head.flat}
	}
	return []*Name{f.flat, f.head.flat}
}

func (f *Field) resolve(s *Shape) int {
	f.shape = s
	f.index = -1
	if s != nil {
		f.index = s.indexOf(f.flat)
	}
	if f.index >= 0 {
		s.use(f.index)
	}
	return f.index
}

// getPath follows a path from its top-level object.
func (r *Record) getPath(f *Field) Value {
	raw, ok := r.nested(f)
	if !ok {
		return Value{}
	}
	return DecodeJSON(raw)
}

func (r *Record) nested(f *Field) (raw []byte, ok bool) {
	s := r.find(f.head)
	if s == nil || s.Enc != JSONObject && s.Enc != JSONArray {
		return nil, false
	}
	return lookup(r.bytesOf(s), f.rest, f.exact)
}
