package state

import "encoding/binary"

// Table numbers distinct keys 0, 1, 2, … in the order of their coming: open
// addressing over slots of four bytes, which hold a number and, in the bits
// that no number needs, a piece of the hash. Keys lie in cells of 16 bytes,
// those of more than 15 bytes in chunks beside them. A short key costs about
// 22 bytes.
type Table struct {
	slots []uint32 // number+1 in the bits of mask, piece of the hash above; 0 is free
	mask  uint32   // len(slots)-1
	n     uint32
	cells paged[cell]
	long  chunks
}

const firstSlots = 64

// NewTable returns an empty table.
func NewTable() *Table {
	return &Table{slots: make([]uint32, firstSlots), mask: firstSlots - 1}
}

// Len is the number of keys.
func (t *Table) Len() int { return int(t.n) }

// Key returns key number i. It must not be changed.
func (t *Table) Key(i uint32) []byte {
	c := t.cells.at(i)
	if c[0] == isLong {
		return t.long.at(c.load().b)
	}
	return c[1 : 1+c[0] : 1+c[0]]
}

// Hash returns a hash of key i that Upsert of another table accepts.
func (t *Table) Hash(i uint32) uint64 { return t.cells.at(i).load().hash() }

// Reset empties the table and keeps its memory, but for that of long keys.
func (t *Table) Reset() {
	clear(t.slots)
	t.n, t.long = 0, chunks{}
}

// slot is where a key of that hash is looked for first, piece what its slot
// holds of the hash. The uppermost bits choose shards: neither uses them while
// a table is small.
func (t *Table) slot(hash uint64) uint32  { return uint32(hash>>8) & t.mask }
func (t *Table) piece(hash uint64) uint32 { return uint32(hash>>26) &^ t.mask }

// Upsert returns the number of key, which is new when fresh is true.
func (t *Table) Upsert(hash uint64, key []byte) (number uint32, fresh bool) {
	if len(key) <= maxInline {
		return t.upsert(hash, pack(key))
	}
	return t.upsertLong(hash, key, false)
}

// UpsertText is Upsert for a key of one text without the byte 0x00, given as
// the text alone; hash is its HashText. All keys of one such text must come by
// that hash, in all tables that are merged.
func (t *Table) UpsertText(hash uint64, text []byte) (number uint32, fresh bool) {
	if len(text) <= maxText {
		return t.upsert(hash, packText(text))
	}
	return t.upsertLong(hash, text, true)
}

// Text is UpsertText for callers that have no hash yet.
func (t *Table) Text(text []byte) (number uint32) {
	if len(text) <= maxText {
		p := packText(text)
		number, _ = t.upsert(p.hash(), p)
		return number
	}
	number, _ = t.upsertLong(hashLong(text), text, true)
	return number
}

func (t *Table) upsert(hash uint64, key packed) (number uint32, fresh bool) {
	at, piece, mask := t.slot(hash), t.piece(hash), t.mask
	for {
		s := t.slots[at]
		if s == 0 {
			return t.place(at, piece, key), true
		}
		if x := s ^ piece; x <= mask && t.cells.at(x-1).load() == key {
			return x - 1, false
		}
		at = (at + 1) & mask
	}
}

// upsertLong takes the key, or the text that is the key, of more bytes than a
// cell holds.
func (t *Table) upsertLong(hash uint64, key []byte, text bool) (number uint32, fresh bool) {
	at, piece, mask := t.slot(hash), t.piece(hash), t.mask
	for {
		s := t.slots[at]
		if s == 0 {
			break
		}
		if x := s ^ piece; x <= mask {
			c := t.cells.at(x - 1).load()
			if c.a == hash|isLong && t.holds(c.b, key, text) {
				return x - 1, false
			}
		}
		at = (at + 1) & mask
	}
	c := packed{a: hash | isLong}
	if text {
		c.b = t.long.add(len(key)+2, func(dst []byte) []byte { return AppendTextKey(dst, key) })
	} else {
		c.b = t.long.add(len(key), func(dst []byte) []byte { return append(dst, key...) })
	}
	return t.place(at, piece, c), true
}

// holds reports whether the long key at a place is key, or the key of the text.
func (t *Table) holds(place uint64, key []byte, text bool) bool {
	k := t.long.at(place)
	if !text {
		return string(k) == string(key)
	}
	return len(k) == len(key)+2 && k[0] == tagString && string(k[1:len(k)-1]) == string(key)
}

// place numbers a new key, for which slot at is free.
func (t *Table) place(at, piece uint32, key packed) uint32 {
	n := t.n
	t.n++
	t.cells.grow(int(t.n))
	t.cells.at(n).store(key)
	t.slots[at] = piece | t.n
	if uint64(t.n)*8 > uint64(len(t.slots))*7 {
		t.resize(2 * len(t.slots))
	}
	return n
}

// resize places all keys anew: the slots know too little of their hashes.
func (t *Table) resize(n int) {
	t.slots = make([]uint32, n)
	t.mask = uint32(n - 1)
	for i := range t.n {
		h := t.Hash(i)
		at := t.slot(h)
		for t.slots[at] != 0 {
			at = (at + 1) & t.mask
		}
		t.slots[at] = t.piece(h) | (i + 1)
	}
}

// Touch loads what Upsert of the hashes will read, in passes of loads that do
// not wait for each other, so that their misses overlap. It writes over scratch,
// which is as long as hashes; the sum means nothing.
func (t *Table) Touch(hashes []uint64, scratch []uint32) (sum byte) {
	if t.n == 0 {
		return 0
	}
	for _, h := range hashes {
		sum += byte(t.slots[t.slot(h)])
	}
	for i, h := range hashes {
		scratch[i] = t.likely(h)
	}
	for _, n := range scratch {
		sum += t.cells.at(n)[0]
	}
	return sum
}

// likely is the number of the only key that Upsert of hash will most likely
// compare, 0 where there is none.
func (t *Table) likely(hash uint64) uint32 {
	at, piece, mask := t.slot(hash), t.piece(hash), t.mask
	for {
		s := t.slots[at]
		if s == 0 {
			return 0
		}
		if x := s ^ piece; x <= mask {
			return x - 1
		}
		at = (at + 1) & mask
	}
}

// chunks keeps byte strings, each behind its length. A place is the number of
// the chunk and the offset in it.
type chunks struct {
	list [][]byte
	size int // of the next chunk
}

const (
	firstChunk = 512
	lastChunk  = 32 << 10
)

// add keeps the n bytes that write appends and returns their place.
func (c *chunks) add(n int, write func(dst []byte) []byte) (place uint64) {
	last := len(c.list) - 1
	need := n + binary.MaxVarintLen64
	if last < 0 || cap(c.list[last])-len(c.list[last]) < need {
		c.size = min(max(2*c.size, firstChunk), lastChunk)
		c.list = append(c.list, make([]byte, 0, max(c.size, need)))
		last++
	}
	chunk := c.list[last]
	place = uint64(last)<<32 | uint64(len(chunk))
	c.list[last] = write(binary.AppendUvarint(chunk, uint64(n)))
	return place
}

// at returns the bytes at a place.
func (c *chunks) at(place uint64) []byte {
	b := c.list[place>>32][uint32(place):]
	n, head := binary.Uvarint(b)
	end := head + int(n)
	return b[head:end:end]
}
