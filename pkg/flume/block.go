package flume

import (
	"sync"
	"sync/atomic"
)

// Block is memory that the bodies of several events share, and the texts of
// their headers where a source makes them without a copy. It is used again when
// all its events were released.
//
// Nobody has to release an event: what was not stays until the garbage collector
// finds it. Whoever releases one has to be the only one who has it. So whoever
// makes a second copy of an event calls Keep first.
type Block struct {
	Bytes []byte // what the events share; whoever has got the block may replace it

	pool *Blocks
	left atomic.Int32 // events that were not released
}

// mostBlock is the size up to which a block is used again.
const mostBlock = 1 << 20

// Blocks are blocks for the events of one source. The zero Blocks are ready; all
// methods may be called by any number of goroutines.
type Blocks struct{ pool sync.Pool }

// Get returns a block whose Bytes have that length and any content.
func (p *Blocks) Get(size int) *Block {
	b, _ := p.pool.Get().(*Block)
	if b == nil {
		b = &Block{pool: p}
	}
	if cap(b.Bytes) < size {
		b.Bytes = make([]byte, size, size+size/16) // batches differ a little
	}
	b.Bytes = b.Bytes[:size]
	return b
}

// Copy returns a block with a copy of data.
func (p *Blocks) Copy(data []byte) *Block {
	b := p.Get(len(data))
	copy(b.Bytes, data)
	return b
}

// Lend says that the events, and no others, lie in the block. Whoever has got the
// block does not touch it again when it has handed the events on.
func (b *Block) Lend(events []Event) {
	b.left.Store(int32(len(events)))
	for i := range events {
		events[i].block = b
	}
}

// Keep makes sure that the memory of the events is never used again, whatever is
// released.
func Keep(events []Event) {
	for i := range events {
		events[i].block = nil
	}
}

// Release says that nobody has the events any more, nor a part of them.
func Release(events []Event) {
	for len(events) > 0 {
		b, n := events[0].block, 0
		for n < len(events) && events[n].block == b {
			events[n].block = nil
			n++
		}
		if b != nil && b.left.Add(int32(-n)) == 0 && cap(b.Bytes) <= mostBlock {
			b.pool.pool.Put(b)
		}
		events = events[n:]
	}
}

// Recycler is a Transaction of a channel that can use the memory of its events
// again. Recycle is called behind Commit, by whoever knows that nobody has the
// events any more; they are not valid any more then, and neither is the
// transaction.
type Recycler interface{ Recycle() }

// Borrower is a sink that may say that it keeps nothing of an event, neither its
// body nor a text of its headers, once it has taken it over.
type Borrower interface {
	// Borrows reports whether that is so.
	Borrows() bool
}
