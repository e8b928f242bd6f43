package state

const (
	pageBits = 10
	pageSize = 1 << pageBits // elements
	written  = 256           // elements, of 16 bytes a page of the system
)

// paged is a list that grows by pages, so that growing neither copies what is
// there nor leaves memory behind to be collected. Only the first page is
// smaller and moves, for the many lists that stay short.
type paged[T any] struct {
	pages [][]T
	room  int
}

// at returns element i, which must be within the room.
func (p *paged[T]) at(i uint32) *T { return &p.pages[i>>pageBits][i%pageSize] }

// grow makes room for n elements; new ones are zero.
func (p *paged[T]) grow(n int) {
	if n > p.room {
		p.more(n)
	}
}

func (p *paged[T]) more(n int) {
	if p.room < pageSize {
		first := make([]T, min(pageSize, max(n, 2*p.room, 16)))
		if len(p.pages) > 0 {
			copy(first, p.pages[0])
		}
		p.pages, p.room = append(p.pages[:0], first), len(first)
	}
	for p.room < n {
		page := make([]T, pageSize)
		// Accumulators are read before they are written, and the system would
		// first map a page of zeros, then in its place one to write to.
		for i := 0; i < pageSize; i += written {
			var zero T
			page[i] = zero
		}
		p.pages, p.room = append(p.pages, page), p.room+pageSize
	}
}

// reset zeroes all elements and keeps the room.
func (p *paged[T]) reset() {
	for _, page := range p.pages {
		clear(page)
	}
}
