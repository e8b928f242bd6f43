// Package memo remembers what has been worked out of texts that come again, as
// user agents, paths and addresses do in a log. A Memo is bounded: when it is
// full it forgets everything, which costs less than keeping account of ages.
package memo

import "encoding/binary"

// Memo maps texts to values. It is not safe for concurrent use: each worker has
// its own.
type Memo[V any] struct {
	entries, bytes int // the most that are kept
	known          map[string]*entry[V]
	size           int
	recent         [256]*entry[V] // by sample: most of the time a few texts repeat
}

type entry[V any] struct {
	text  string
	value V
}

// perEntry is about what an entry costs beside its text and its value, in bytes.
const perEntry = 64

// New returns an empty memo of at most so many entries, which with their values
// take at most so many bytes.
func New[V any](entries, bytes int) *Memo[V] {
	return &Memo[V]{entries: entries, bytes: bytes, known: make(map[string]*entry[V])}
}

// Get returns the value of text. It does not allocate.
func (m *Memo[V]) Get(text []byte) (v V, ok bool) {
	r := &m.recent[sample(text)%uint64(len(m.recent))]
	if e := *r; e != nil && e.text == string(text) {
		return e.value, true
	}
	e := m.known[string(text)]
	if e == nil {
		return v, false
	}
	*r = e
	return e.value, true
}

// Add keeps a value, of so many bytes, for a text that Get did not find.
func (m *Memo[V]) Add(text []byte, v V, bytes int) {
	bytes += len(text) + perEntry
	if len(m.known) >= m.entries || m.size+bytes > m.bytes {
		m.Clear()
	}
	key := string(text)
	m.known[key] = &entry[V]{key, v}
	m.size += bytes
}

// Clear forgets everything.
func (m *Memo[V]) Clear() {
	clear(m.known)
	clear(m.recent[:])
	m.size = 0
}

// Len is the number of texts that are known.
func (m *Memo[V]) Len() int { return len(m.known) }

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
