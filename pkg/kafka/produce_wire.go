package kafka

import (
	"cmp"
	"encoding/binary"
	"hash/crc32"
	"net"
	"slices"
	"time"

	"github.com/IBM/sarama"
	"github.com/logpipe/logpipe/pkg/codec"
)

// Produce requests and their answers are written and read here. The library puts a
// request together in memory of its own; here its records go out of the buffers of
// their batches.

// The versions of Produce that are spoken: from the one of Kafka 0.11, whose batches
// are of today's format, to the last one before flexible encoding.
const (
	keyProduce    = 0
	produceOldest = 3
	produceNewest = 8
)

// produceRequest sends batches, at most one for each partition.
type produceRequest struct {
	transaction string // id; "" = none
	acks        sarama.RequiredAcks
	wait        time.Duration // how long the broker may take until the replicas have it
	codec       codec.Kind
	list        []*batch
}

// pieces encodes the request behind head, which is its header with room for the
// length of all: in pieces, so that the records are not copied. It returns head too,
// whose memory some of the pieces are. The batches are put in order by topic.
func (r *produceRequest) pieces(head []byte, pieces net.Buffers) ([]byte, net.Buffers) {
	slices.SortStableFunc(r.list, func(x, y *batch) int { return cmp.Compare(x.to.topic.name, y.to.topic.name) })
	if r.transaction == "" {
		head = append(head, 0xff, 0xff)
	} else {
		head = appendString(head, r.transaction)
	}
	put32 := func(n int) { head = binary.BigEndian.AppendUint32(head, uint32(n)) }
	head = binary.BigEndian.AppendUint16(head, uint16(r.acks))
	put32(int(r.wait / time.Millisecond))
	topics := 0
	for rest := r.list; len(rest) > 0; rest = rest[sameTopic(rest):] {
		topics++
	}
	put32(topics)
	total, ends := 0, make([]int, 0, len(r.list))
	for rest := r.list; len(rest) > 0; {
		n := sameTopic(rest)
		head = appendString(head, rest[0].to.topic.name)
		put32(n)
		for _, b := range rest[:n] {
			records := len(b.bytes())
			put32(int(b.to.id))
			put32(batchOverhead + records)
			head = b.appendHead(head, r.codec, r.transaction != "")
			ends = append(ends, len(head))
			total += records
		}
		rest = rest[n:]
	}
	binary.BigEndian.PutUint32(head, uint32(len(head)+total-4))
	begin := 0
	for i, b := range r.list {
		pieces = append(pieces, head[begin:ends[i]], b.bytes())
		begin = ends[i]
	}
	return head, pieces
}

// sameTopic is how many batches at the beginning of list are of one topic.
func sameTopic(list []*batch) int {
	n := slices.IndexFunc(list, func(b *batch) bool { return b.to.topic.name != list[0].to.topic.name })
	if n < 0 {
		return len(list)
	}
	return n
}

// appendHead encodes what stands before the records of b.
func (b *batch) appendHead(dst []byte, kind codec.Kind, inTransaction bool) []byte {
	begin, records := len(dst), b.bytes()
	put16 := func(n int) { dst = binary.BigEndian.AppendUint16(dst, uint16(n)) }
	put32 := func(n int) { dst = binary.BigEndian.AppendUint32(dst, uint32(n)) }
	put64 := func(n int64) { dst = binary.BigEndian.AppendUint64(dst, uint64(n)) }
	attributes, sequence := int(kind), noField
	if inTransaction {
		attributes |= transactional
	}
	if b.numbered {
		sequence = int(b.sequence)
	}
	put64(0) // the broker gives it its offset
	put32(batchOverhead - behindLength + len(records))
	put32(noEpoch) // of the leader: it gives its own
	dst = append(dst, magic)
	put32(0) // the sum, below
	put16(attributes)
	put32(int(b.count) - 1)
	put64(b.first)
	put64(b.last)
	put64(b.identity.id)
	put16(int(b.identity.epoch))
	put32(sequence)
	put32(int(b.count))
	head := dst[begin:]
	binary.BigEndian.PutUint32(head[atSum:], crc32.Update(crc32.Checksum(head[atAttributes:], castagnoli), castagnoli, records))
	return dst
}

// parseProduce reads an answer without its header: what became of the batch of each
// partition, and how long (ms) the broker wants no request.
func parseProduce(b []byte, version int16) (map[part]*sarama.ProduceResponseBlock, int32, error) {
	r, blocks := answerReader{b: b}, map[part]*sarama.ProduceResponseBlock{}
	for topics := r.count(6); topics > 0 && !r.bad; topics-- {
		name := string(r.bytes(int(uint16(r.int16()))))
		for parts := r.count(22); parts > 0 && !r.bad; parts-- {
			id, block := r.int32(), new(sarama.ProduceResponseBlock)
			block.Err, block.Offset = sarama.KError(r.int16()), r.int64()
			if ms := r.int64(); ms >= 0 {
				block.Timestamp = time.UnixMilli(ms)
			}
			if version >= 5 {
				block.StartOffset = r.int64()
			}
			if version >= 8 {
				for refused := r.count(6); refused > 0 && !r.bad; refused-- {
					block.RecordErrors = append(block.RecordErrors, sarama.ProduceResponseRecordError{BatchIndex: r.int32(), BatchIndexErrorMessage: r.text()})
				}
				block.ErrorMessage = r.text()
			}
			blocks[part{name, id}] = block
		}
	}
	throttle := r.int32()
	if r.bad {
		return nil, 0, errAnswer
	}
	return blocks, throttle, nil
}

// text reads a text, which may be null.
func (r *answerReader) text() *string {
	n := r.int16()
	if n < 0 {
		return nil
	}
	s := string(r.bytes(int(n)))
	return &s
}
