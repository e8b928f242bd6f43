package kafka

import (
	"fmt"
	"slices"
	"time"

	"github.com/logpipe/logpipe/pkg/codec"
)

// batch is a record batch on its way to one partition.
type batch struct {
	to      *partition
	records []byte // encoded, one after the other; nil once they are packed
	packed  []byte // the same compressed; nil = not yet, or not at all
	count   int32
	first   int64 // time of the first record, ms since 1970
	last    int64 // the latest time
	begun   time.Time
	moved   int32 // records that wanted another partition

	// What identifies it to the broker once it was sent; the same at each
	// attempt, so that no repetition is stored twice.
	numbered bool
	identity identity
	sequence int32
	tries    int
	order    uint64 // among all that were sent

	owed    []share  // who waits for how many of the records, in order
	numbers []run    // of the records, as who waits for them counts them
	kept    []Record // for OnAck; nil without
	alone   bool     // takes no more records
}

// run is n numbers that follow each other.
type run struct {
	first int64
	n     int32
}

// share is a run of records that one delivery waits for; nil = Flush.
type share struct {
	to *delivery
	n  int32
}

// add appends a record, whose time is ms and which is the one with this number of
// all that to waits for, and returns how many bytes it took.
func (b *batch) add(r *Record, ms int64, to *delivery, number int64) int {
	if b.count == 0 {
		b.first, b.last = ms, ms
	}
	b.last = max(b.last, ms)
	before := len(b.records)
	b.records = appendRecord(b.records, r, ms-b.first, int64(b.count))
	b.count++
	if n := len(b.owed); n > 0 && b.owed[n-1].to == to {
		b.owed[n-1].n++
	} else {
		b.owed = append(b.owed, share{to, 1})
	}
	if n := len(b.numbers); n > 0 && b.numbers[n-1].first+int64(b.numbers[n-1].n) == number {
		b.numbers[n-1].n++
	} else {
		b.numbers = append(b.numbers, run{number, 1})
	}
	return len(b.records) - before
}

// memory is what the batch counts for in the producer's limit.
func (b *batch) memory() int64 {
	n := int64(len(b.bytes())) + batchOverhead
	if b.kept != nil {
		n += int64(b.count) * memoryOverhead
	}
	return n
}

// bytes are the records as they are sent.
func (b *batch) bytes() []byte {
	if b.packed != nil {
		return b.packed
	}
	return b.records
}

// halves splits a batch that is too large for the broker. Together they have the
// numbers of the whole.
func (b *batch) halves(kind codec.Kind) (front, back *batch, err error) {
	front, back = b.part(), b.part()
	half := b.count / 2
	err = b.each(kind, func(i int32, m entry) {
		if i < half {
			front.take(m)
		} else {
			back.take(m)
		}
	})
	front.order, back.order = b.order, b.order+uint64(half)
	back.sequence = nextSequence(b.sequence, half)
	front.moved = b.moved
	return front, back, err
}

// entry is a record of a batch.
type entry struct {
	Record
	to     *delivery
	number int64   // of those that to waits for
	kept   *Record // for OnAck; nil without
}

// take appends a record of another batch.
func (b *batch) take(m entry) {
	b.add(&m.Record, m.Time.UnixMilli(), m.to, m.number)
	if m.kept != nil {
		b.kept = append(b.kept, *m.kept)
	}
}

// each reads the records of a batch back, in order. Their bytes are those of the
// batch, or of what it was compressed from.
func (b *batch) each(kind codec.Kind, use func(i int32, m entry)) (err error) {
	rest := b.records
	if b.packed != nil {
		if rest, err = codec.Unpack(kind, b.packed); err != nil {
			return fmt.Errorf("batch to be split: %w", err)
		}
	}
	owed, numbers := slices.Clone(b.owed), slices.Clone(b.numbers)
	for i := range b.count {
		for owed[0].n == 0 {
			owed = owed[1:]
		}
		for numbers[0].n == 0 {
			numbers = numbers[1:]
		}
		m := entry{to: owed[0].to, number: numbers[0].first}
		owed[0].n--
		numbers[0].first++
		numbers[0].n--
		if _, rest, err = readRecord(&m.Record, rest, b.first); err != nil {
			return fmt.Errorf("record %d of a batch: %w", i, err)
		}
		if b.kept != nil {
			m.kept = &b.kept[i]
		}
		use(i, m)
	}
	return nil
}

// part is an empty batch with what b is to the broker.
func (b *batch) part() *batch {
	return &batch{to: b.to, begun: b.begun, numbered: b.numbered, identity: b.identity, sequence: b.sequence, tries: b.tries, order: b.order, alone: true}
}

// nextSequence is n behind s: sequences go from the largest number to zero.
func nextSequence(s, n int32) int32 { return int32((int64(s) + int64(n)) & (1<<31 - 1)) }
