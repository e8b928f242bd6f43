package record

import "sync/atomic"

// Shape is the list of field names of an object, in order, duplicates
// included. Records of one shape share it, so that a field is resolved once.
type Shape struct {
	Names []*Name
	Keys  [][]byte // Names as `"name":`, the first one as `{"name":`, the others as `,"name":`
	last  []int    // for each name, the index of its last occurrence
	dup   bool
	json  bool // spans refer to a JSON line that can be printed as it is
	index map[*Name]int

	route *route        // how to scan a line of this shape; for the scanner that made it
	used  []atomic.Bool // fields that somebody has asked for
	stale atomic.Bool   // used has changed since route was made
}

// use notes that somebody reads field i.
func (s *Shape) use(i int) {
	if s.used != nil && !s.used[i].Load() {
		s.used[i].Store(true)
		s.stale.Store(true)
	}
}

// mapAbove is the number of names from which a map beats a linear search.
const mapAbove = 12

// NewShape makes the shape of a parsed format: fields in the order of output.
func NewShape(names []string) *Shape {
	list := make([]*Name, len(names))
	for i, n := range names {
		list[i] = Intern(n)
	}
	return newShape(list)
}

func newShape(list []*Name) *Shape {
	s := &Shape{Names: list, last: make([]int, len(list)), Keys: make([][]byte, len(list))}
	for i, n := range list {
		mark := byte(',')
		if i == 0 {
			mark = '{'
		}
		s.Keys[i] = append(append(append(make([]byte, 0, len(n.quoted)+2), mark), n.quoted...), ':')
	}
	if len(list) > mapAbove {
		s.index = make(map[*Name]int, len(list))
	}
	for i := len(list) - 1; i >= 0; i-- {
		s.last[i] = i
		if j := s.indexAfter(i, list[i]); j >= 0 {
			s.last[i], s.dup = j, true
		} else if s.index != nil {
			s.index[list[i]] = i
		}
	}
	return s
}

func (s *Shape) indexAfter(i int, n *Name) int {
	if s.index != nil {
		if j, ok := s.index[n]; ok {
			return j
		}
		return -1
	}
	for j := len(s.Names) - 1; j > i; j-- {
		if s.Names[j] == n {
			return j
		}
	}
	return -1
}

// Index returns the index of the last field called name, or -1.
func (s *Shape) Index(name *Name) int { return s.indexOf(name) }

func (s *Shape) indexOf(n *Name) int {
	if s == nil {
		return -1
	}
	if i := s.indexAfter(-1, n); i >= 0 || !namesFull.Load() {
		return i
	}
	return s.byText(n)
}

// byText finds a name that the full table of interned names did not take.
func (s *Shape) byText(n *Name) int {
	for i := len(s.Names) - 1; i >= 0; i-- {
		if s.Names[i].text == n.text && n.text != "" {
			return i
		}
	}
	return -1
}

// A node is a place between two values of a line, an edge the literal bytes
// that led from it to the next value: `{"page":`, `,"clicks":`, or the end `}`.
// The tree of all lines seen is what the scanner has learned.
type node struct {
	edges  []*edge
	parent *node
	name   *Name  // of the value before this node
	in     *edge  // the edge that leads here
	route  *route // one that goes through here, or nil
	depth  int
}

type edge struct {
	lit   []byte
	word  uint64 // the first 8 bytes of lit, zero padded
	mask  uint64 // which bits of word count
	to    *node  // after the value
	shape *Shape // set on the edge that ends an object
	brace int    // offset of the closing brace in lit
	start int    // offset of the opening brace in lit
}

func newEdge(lit []byte) *edge {
	e := &edge{lit: append([]byte(nil), lit...)}
	var word [8]byte
	n := copy(word[:], lit)
	e.word = le64(word[:], 0)
	e.mask = ^uint64(0)
	if n < 8 {
		e.mask = 1<<(8*n) - 1
	}
	return e
}

// matches reports whether b continues at i with the literal of e; first holds
// the 8 bytes at i.
func (e *edge) matches(b []byte, i int, first uint64) bool {
	if (first^e.word)&e.mask != 0 {
		return false
	}
	n := len(e.lit)
	return n <= 8 || i+n <= len(b) && string(b[i+8:i+n]) == string(e.lit[8:])
}

// next returns the edge of n that matches at i, or nil, and moves it forward.
func (n *node) next(b []byte, i int) *edge {
	first := le64(b, i)
	for k, e := range n.edges {
		if e.matches(b, i, first) {
			if k > 0 {
				n.edges[k], n.edges[k-1] = n.edges[k-1], e
			}
			return e
		}
	}
	return nil
}

// shapeOf builds the shape of an object that ends after the value of n.
func shapeOf(n *node) *Shape {
	list := make([]*Name, n.depth)
	for ; n.parent != nil; n = n.parent {
		list[n.depth-1] = n.name
	}
	s := newShape(list)
	s.json = true
	s.used = make([]atomic.Bool, len(list))
	return s
}
