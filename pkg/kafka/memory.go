package kafka

import (
	"sync"
	"sync/atomic"
)

// memory is bytes that records are parts of. Each batch of them is a user, and who
// fills it; when the last one has released it, it is used again. What nobody
// releases is left to the collector of garbage.
type memory struct {
	b     []byte
	users atomic.Int32
	pool  *pool // nil = not to be used again
}

func (m *memory) hold() { m.users.Add(1) }

func (m *memory) release() {
	if m.users.Add(-1) == 0 && m.pool != nil {
		m.pool.put(m)
	}
}

// Sizes of what is used again. Records of a partition with little traffic may be
// kept for long: they get memory of their size, not a part of a large one.
const (
	poolLeast = 128 << 10
	poolMost  = 4 << 20
	poolStep  = 256 << 10
	poolKept  = 6 // memories, and lists of records, that wait
)

// pool keeps what batches have released. The zero value is ready.
type pool struct {
	mu     sync.Mutex
	free   []*memory
	leases []*lease
}

// get returns memory of n bytes with one user.
func (p *pool) get(n int) *memory {
	m := p.find(n)
	if m == nil {
		m = &memory{}
		size := n
		if n >= poolLeast && n <= poolMost {
			m.pool, size = p, (n+poolStep-1)/poolStep*poolStep
		}
		m.b = make([]byte, size)
	}
	m.b = m.b[:n]
	m.users.Store(1)
	return m
}

// find takes a memory of at least n bytes out of those that are free.
func (p *pool) find(n int) *memory {
	if n < poolLeast {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, m := range p.free {
		if cap(m.b) >= n {
			last := len(p.free) - 1
			p.free[i] = p.free[last]
			p.free = p.free[:last]
			return m
		}
	}
	return nil
}

// put takes a memory back. The smallest goes where there are enough.
func (p *pool) put(m *memory) {
	if cap(m.b) > poolMost {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.free) < poolKept {
		p.free = append(p.free, m)
		return
	}
	small := 0
	for i := range p.free {
		if cap(p.free[i].b) < cap(p.free[small].b) {
			small = i
		}
	}
	if cap(p.free[small].b) < cap(m.b) {
		p.free[small] = m
	}
}

// lease is what a batch gives back.
type lease struct {
	pool    *pool // of the lists; nil = they are not to be used again
	from    *memory
	records []Record
	headers []Header
	ended   atomic.Bool
}

// lease returns empty lists with room for a batch.
func (p *pool) lease() *lease {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := &lease{pool: p}
	if last := len(p.leases) - 1; last >= 0 {
		old := p.leases[last]
		p.leases = p.leases[:last]
		l.records, l.headers = old.records[:0], old.headers[:0]
		return l
	}
	l.records = make([]Record, 0, batchRecords)
	return l
}

// end gives everything back, once.
func (l *lease) end() {
	if l.ended.Swap(true) {
		return
	}
	l.from.release()
	p := l.pool
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.leases) < poolKept {
		p.leases = append(p.leases, l)
	}
}
