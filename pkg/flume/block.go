package flume

import (
	"math"
	"math/bits"
	"strings"
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
	left atomic.Int32 // events that were not released, and 1 for whoever has got the block
}

// mostBlock is the size up to which a block is used again.
const mostBlock = 1 << 20

// Four sizes of blocks are told apart for each power of two, up to mostBlock.
const (
	sizes    = 4*(20-2) + 1
	wasteful = 4 // with so many sizes more, a block is more than twice as large
)

// Blocks are blocks for the events of one source. The zero Blocks are ready; all
// methods may be called by any number of goroutines.
type Blocks struct {
	// By size, so that a few events do not keep a block that was made for many.
	pools [sizes]sync.Pool
}

// sizeOf is the number of the smallest size that holds so many bytes, and how many
// it does hold.
func sizeOf(bytes int) (number, whole int) {
	if bytes <= 4 {
		return 0, 4
	}
	shift := bits.Len(uint(bytes-1)) - 3 // (bytes-1)>>shift is 4 to 7
	quarters := (bytes-1)>>shift + 1
	return 4*shift + quarters - 4, quarters << shift
}

// Get returns a block whose Bytes have that length and any content.
func (p *Blocks) Get(size int) *Block {
	number, whole := sizeOf(size)
	var b *Block
	for n := number; n < min(number+wasteful, sizes) && b == nil; n++ {
		b, _ = p.pools[n].Get().(*Block)
	}
	if b == nil {
		b = &Block{pool: p}
	}
	if cap(b.Bytes) < size {
		b.Bytes = make([]byte, size, whole)
	}
	b.Bytes = b.Bytes[:size]
	b.left.Store(1)
	return b
}

// Copy returns a block with a copy of data.
func (p *Blocks) Copy(data []byte) *Block {
	b := p.Get(len(data))
	copy(b.Bytes, data)
	return b
}

// Lend says that the events, and no others that come, lie in the block. Whoever has
// got the block does not touch it again when it has handed the events on.
func (b *Block) Lend(events []Event) {
	b.LendPart(events)
	b.Drop()
}

// LendPart says that the events lie in the block, and that others may come.
// Whoever has got the block writes no more where these lie, and calls Drop in the
// end.
func (b *Block) LendPart(events []Event) {
	b.left.Add(int32(len(events)))
	for i := range events {
		events[i].block = b
	}
}

// Drop gives up a block, of which parts may have been lent.
func (b *Block) Drop() { b.release(1) }

// release counts what is over; the block is used again when all is.
func (b *Block) release(n int) {
	if b.left.Add(int32(-n)) != 0 {
		return
	}
	number, whole := sizeOf(cap(b.Bytes))
	if whole > cap(b.Bytes) {
		number-- // what is in a pool has its size at least
	}
	if number >= 0 && cap(b.Bytes) <= mostBlock {
		b.pool.pools[number].Put(b)
	}
}

// Event returns an event whose body is that part of the block. It is lent as all
// others are.
func (b *Block) Event(begin, end int) Event {
	e := Event{Body: b.Bytes[begin:end:end]}
	if begin < math.MaxUint32 {
		e.place = uint32(begin) + 1
	}
	return e
}

// Lines returns the text of the first n events where it is there as one piece: in
// a block, with a line feed behind each body. n is 0 where that is not so, or not
// known. What the events are worth holds for the text too: it is not written to,
// and gone with them.
func Lines(events []Event) (text []byte, n int) {
	if len(events) == 0 || events[0].block == nil || events[0].place == 0 {
		return nil, 0
	}
	b, begin := events[0].block, int(events[0].place)-1
	end := begin
	for n < len(events) {
		e := &events[n]
		behind := end + len(e.Body)
		if e.block != b || int(e.place) != end+1 || behind >= len(b.Bytes) || b.Bytes[behind] != '\n' ||
			len(e.Body) > 0 && &e.Body[0] != &b.Bytes[end] { // it may have got another body
			break
		}
		end = behind + 1
		n++
	}
	return b.Bytes[begin:end:end], n
}

// Keep makes sure that the memory of the events is never used again, whatever is
// released.
func Keep(events []Event) {
	for i := range events {
		events[i].block = nil
	}
}

// Compact gives the events memory of their own. It is called where many others that
// lay beside them are gone: a few events would keep the blocks of all.
func Compact(events []Event) {
	size := 0
	for i := range events {
		size += len(events[i].Body)
	}
	bodies := make([]byte, 0, size)
	for i := range events {
		e := &events[i]
		if e.block == nil {
			continue
		}
		begin := len(bodies)
		bodies = append(bodies, e.Body...)
		e.Body, e.block = bodies[begin:len(bodies):len(bodies)], nil
		e.Headers = e.Headers.Clone()
		for h := range e.Headers {
			e.Headers[h] = Header{strings.Clone(e.Headers[h].Key), strings.Clone(e.Headers[h].Value)}
		}
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
		if b != nil {
			b.release(n)
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
