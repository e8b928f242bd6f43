package op

import (
	"strings"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/option"
	"github.com/logpipe/logpipe/pkg/record"
	"github.com/logpipe/logpipe/pkg/stream"
)

// Rename is the operator that gives fields other names.
var Rename = Definition{
	Name:  "rename",
	Usage: "rename <NEW>=<OLD>...",
	Short: "give fields other names",
	Long: `The field keeps its place and the bytes of its value. A field that was called NEW
before makes room for it. All OLD names mean fields of the input, so a=b b=a
exchanges two fields. A field that a record does not have changes nothing.

Names are those of top-level fields: a.b means the flat key "a.b". A name with
= in it is written ['a=b'].`,
	Examples: []Example{{
		Command: `printf '{"client":"10.0.0.1","page":"a"}\n' | logpipe rename ip=client`,
		Output: `{"ip":"10.0.0.1","page":"a"}
`,
	}, {
		Note:    "Exchange two fields",
		Command: `printf '{"from":"a","to":"b"}\n' | logpipe rename from=to to=from`,
		Output: `{"to":"a","from":"b"}
`,
	}},
	New: func() Builder { return new(renaming) },
}

type renaming struct{ pairs []renamePair }

// renamePair renames a field; the record.Name of its field is the old name.
type renamePair struct {
	field *record.Field
	to    *record.Field
}

func (s *renaming) Options(*option.Set) {}

func (s *renaming) Build(args []string) (stream.Stage, error) {
	if len(args) == 0 {
		return nil, fault.Usagef("rename: want NEW=OLD")
	}
	s.pairs = nil
	seen := make(map[string]bool)
	for _, arg := range args {
		to, from, err := splitRename(arg)
		if err != nil {
			return nil, fault.Usagef("rename: %w", err)
		}
		if seen["new "+to] || seen["old "+from] {
			return nil, fault.Usagef("rename: %s uses a name for the second time", arg)
		}
		seen["new "+to], seen["old "+from] = true, true
		s.pairs = append(s.pairs, renamePair{record.FlatField(from), record.FlatField(to)})
	}
	return s, nil
}

// splitRename splits NEW=OLD at the first = that is not in a bracket form.
func splitRename(arg string) (to, from string, err error) {
	at := strings.IndexByte(arg, '=')
	for _, quote := range []string{"'", `"`} {
		if strings.HasPrefix(arg, "["+quote) {
			if i := strings.Index(arg, quote+"]="); i >= 0 {
				at = i + 2
			}
		}
	}
	if at < 1 || at == len(arg)-1 {
		return "", "", fault.Usagef("want NEW=OLD, not %q", arg)
	}
	if to, err = topLevel(arg[:at]); err != nil {
		return "", "", err
	}
	from, err = topLevel(arg[at+1:])
	return to, from, err
}

// Name is "rename".
func (s *renaming) Name() string { return "rename" }

// Input is objects.
func (s *renaming) Input() stream.Input { return stream.Objects }

// Parallel renames on all cores.
func (s *renaming) Parallel(*stream.Env) (stream.Operator, error) {
	n := &renamer{there: make([]bool, len(s.pairs)), shapes: newShapeTree()}
	for _, p := range s.pairs {
		n.pairs = append(n.pairs, renamePair{p.field.Clone(), p.to})
	}
	return stream.Map(n.rename), nil
}

// renamer builds each record's fields anew under a shape with the new names;
// the values stay where they are, in the line or in the arena.
type renamer struct {
	pairs  []renamePair
	there  []bool // which pairs the record has
	names  []*record.Name
	spans  []record.Span
	shapes *shapeTree
}

func (n *renamer) rename(r *record.Record) (bool, error) {
	found := false
	for i := range n.pairs {
		n.there[i] = r.Has(n.pairs[i].field)
		found = found || n.there[i]
	}
	if !found {
		return true, nil
	}
	n.names, n.spans = n.names[:0], n.spans[:0]
	for i, name := range r.Shape.Names {
		n.add(r, name, i)
	}
	for i := range r.Edits {
		if e := &r.Edits[i]; r.Shape.Index(e.Name) < 0 {
			n.take(e.Name, e.Span)
		}
	}
	meta := r.Meta
	r.Begin(r.Line, n.shapes.shape(n.names), r.Arena)
	r.Meta = meta
	copy(r.Spans, n.spans)
	return true, nil
}

// add takes the field at i of the record's line. Duplicate keys stay as they
// are, unless they were edited: then they are one field, as when printed.
func (n *renamer) add(r *record.Record, name *record.Name, i int) {
	for k := range r.Edits {
		if r.Edits[k].Name != name {
			continue
		}
		for _, before := range r.Shape.Names[:i] {
			if before == name {
				return
			}
		}
		n.take(name, r.Edits[k].Span)
		return
	}
	n.take(name, r.Spans[i])
}

// take adds a field under its name in the output.
func (n *renamer) take(name *record.Name, s record.Span) {
	if s.Enc == record.Absent {
		return
	}
	replaced := false
	for i := range n.pairs {
		if !n.there[i] {
			continue
		}
		if sameName(n.pairs[i].field.Name(), name) {
			n.names = append(n.names, n.pairs[i].to.Name())
			n.spans = append(n.spans, s)
			return
		}
		replaced = replaced || sameName(n.pairs[i].to.Name(), name)
	}
	if !replaced {
		n.names = append(n.names, name)
		n.spans = append(n.spans, s)
	}
}

func sameName(a, b *record.Name) bool { return a == b || a.String() == b.String() }

// shapeTree finds the shape of a list of names, so that records with equal
// names share it.
type shapeTree struct {
	root *shapeNode
	size int
}

type shapeNode struct {
	name  *record.Name
	next  []*shapeNode
	shape *record.Shape
}

// maxShapes bounds a shapeTree: records with random keys must not fill memory.
const maxShapes = 1 << 12

func newShapeTree() *shapeTree { return &shapeTree{root: new(shapeNode)} }

func (t *shapeTree) shape(names []*record.Name) *record.Shape {
	if t.size > maxShapes {
		t.root, t.size = new(shapeNode), 0
	}
	n := t.root
	for _, name := range names {
		n = t.step(n, name)
	}
	if n.shape == nil {
		list := make([]string, len(names))
		for i, name := range names {
			list[i] = name.String()
		}
		n.shape = record.NewShape(list)
	}
	return n.shape
}

func (t *shapeTree) step(n *shapeNode, name *record.Name) *shapeNode {
	for _, next := range n.next {
		if next.name == name {
			return next
		}
	}
	next := &shapeNode{name: name}
	n.next = append(n.next, next)
	t.size++
	return next
}
