package kafka

import (
	"fmt"
	"reflect"
	"time"
	"unsafe"

	"github.com/IBM/sarama"
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

	owed  []share  // who waits for how many of the records, in order
	kept  []Record // for OnAck; nil without
	alone bool     // takes no more records
}

// share is a run of records that one delivery waits for; nil = Flush.
type share struct {
	to *delivery
	n  int32
}

// add appends a record, whose time is ms, and returns how many bytes it took.
func (b *batch) add(r *Record, ms int64, to *delivery) int {
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
	rest := b.records
	if b.packed != nil {
		if rest, err = codec.Unpack(kind, b.packed); err != nil {
			return nil, nil, fmt.Errorf("batch to be split: %w", err)
		}
	}
	var r Record
	for i := range b.count {
		if _, rest, err = readRecord(&r, rest, b.first); err != nil {
			return nil, nil, fmt.Errorf("record %d of a batch: %w", i, err)
		}
		into := front
		if i >= half {
			into = back
		}
		into.add(&r, r.Time.UnixMilli(), nil)
		if b.kept != nil {
			into.kept = append(into.kept, b.kept[i])
		}
	}
	front.owed, back.owed = cut(b.owed, half)
	back.sequence = nextSequence(b.sequence, half)
	front.moved = b.moved
	return front, back, nil
}

// part is an empty batch with what b is to the broker.
func (b *batch) part() *batch {
	return &batch{to: b.to, begun: b.begun, numbered: b.numbered, identity: b.identity, sequence: b.sequence, tries: b.tries, alone: true}
}

// cut splits shares behind the first n records.
func cut(list []share, n int32) (front, back []share) {
	for _, s := range list {
		k := min(s.n, n)
		if k > 0 {
			front = append(front, share{s.to, k})
		}
		if s.n > k {
			back = append(back, share{s.to, s.n - k})
		}
		n -= k
	}
	return front, back
}

// nextSequence is n behind s: sequences go from the largest number to zero.
func nextSequence(s, n int32) int32 { return int32((int64(s) + int64(n)) & (1<<31 - 1)) }

// frame makes the library's batch of b. Its records are the bytes that are there
// already: nils are as many records as it counts.
func (b *batch) frame(kind codec.Kind, nils []*sarama.Record, transactional bool) *sarama.RecordBatch {
	f := &sarama.RecordBatch{
		Version: 2, Codec: sarama.CompressionCodec(kind), LastOffsetDelta: b.count - 1,
		FirstTimestamp: time.UnixMilli(b.first), MaxTimestamp: time.UnixMilli(b.last),
		ProducerID: b.identity.id, ProducerEpoch: b.identity.epoch, FirstSequence: noField,
		Records: nils[:b.count], IsTransactional: transactional,
	}
	if b.numbered {
		f.FirstSequence = b.sequence
	}
	*(*[]byte)(unsafe.Add(unsafe.Pointer(f), encodedAt)) = b.bytes()
	return f
}

// encodedAt is where the library's batch keeps its records once they are encoded
// and compressed; it sends those, at a repetition for example, and does not look
// at the records any more. It has no other way in for records that never were
// objects, which cost as much as all the rest of sending.
var encodedAt = func() uintptr {
	f, ok := reflect.TypeFor[sarama.RecordBatch]().FieldByName("compressedRecords")
	if !ok || f.Type != reflect.TypeFor[[]byte]() {
		panic("kafka: sarama.RecordBatch has no compressedRecords: this version of the library is not known")
	}
	return f.Offset
}()
