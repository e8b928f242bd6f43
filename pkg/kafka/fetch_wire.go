package kafka

import (
	"encoding/binary"

	"github.com/IBM/sarama"
)

// Fetch requests and their answers are written and read here: the library makes an
// object of each record, with copies and buffers that cost more than all the rest
// of reading.

// The versions of Fetch that are spoken: from the one of Kafka 0.11, whose batches
// are of today's format, to the last one before flexible encoding, and the one with
// topic ids of Kafka 3.1 (KIP-516): a topic that was deleted and made again has
// another. The one between has nothing that is needed here.
const (
	keyFetch    = 1
	fetchOldest = 4
	fetchNamed  = 11 // the last one that is used with topic names
	fetchNewest = 13
	noReplica   = -1
	noSession   = -1 // epoch of a fetch without one
	noLogStart  = -1
	noEpoch     = -1 // of a leader, where it is not known: of the records before, it cannot be told whether the log is another one
)

// fetchRequest asks for records.
type fetchRequest struct {
	wait    int32 // ms that the broker may hold it when it finds nothing
	total   int32 // bytes of the answer; a first batch that is larger comes all the same
	decided bool  // only records of transactions that are committed
	topics  []fetchTopic
}

type fetchTopic struct {
	name  string
	made  sarama.Uuid // its id; zero = not known: fetchNamed is the last version that can be used
	parts []fetchPart
}

type fetchPart struct {
	id, epoch int32
	read      int32 // epoch of the record before pos, in the version with topic ids; noEpoch = not known
	pos       int64
	size      int32 // bytes
}

// append encodes the request without its header.
func (r *fetchRequest) append(b []byte, version int16) []byte {
	if version > fetchNamed {
		return r.appendFlexible(b)
	}
	put32 := func(n int32) { b = binary.BigEndian.AppendUint32(b, uint32(n)) }
	put64 := func(n int64) { b = binary.BigEndian.AppendUint64(b, uint64(n)) }
	b = r.appendLimits(b)
	if version >= 7 {
		put32(0)
		put32(noSession)
	}
	put32(int32(len(r.topics)))
	for _, t := range r.topics {
		b = appendString(b, t.name)
		put32(int32(len(t.parts)))
		for _, p := range t.parts {
			put32(p.id)
			if version >= 9 {
				put32(p.epoch)
			}
			put64(p.pos)
			if version >= 5 {
				put64(noLogStart)
			}
			put32(p.size)
		}
	}
	if version >= 7 {
		put32(0) // topics of the session that are forgotten
	}
	if version >= 11 {
		b = binary.BigEndian.AppendUint16(b, 0) // rack
	}
	return b
}

// appendLimits appends what all versions begin with: who asks, how long and for how much
// it waits, and whether for records of open transactions too.
func (r *fetchRequest) appendLimits(b []byte) []byte {
	for _, n := range [...]int32{noReplica, r.wait, 1, r.total} { // 1 byte at least
		b = binary.BigEndian.AppendUint32(b, uint32(n))
	}
	isolation := sarama.ReadUncommitted
	if r.decided {
		isolation = sarama.ReadCommitted
	}
	return append(b, byte(isolation))
}

// appendFlexible is append for the version with topic ids: lengths are variable and one
// more than what they count, and tagged fields, of which there are none, end each part.
func (r *fetchRequest) appendFlexible(b []byte) []byte {
	put32 := func(n int32) { b = binary.BigEndian.AppendUint32(b, uint32(n)) }
	put64 := func(n int64) { b = binary.BigEndian.AppendUint64(b, uint64(n)) }
	count := func(n int) { b = binary.AppendUvarint(b, uint64(n)+1) }
	const noTags = 0
	b = r.appendLimits(b)
	put32(0)
	put32(noSession)
	count(len(r.topics))
	for _, t := range r.topics {
		b = append(b, t.made[:]...)
		count(len(t.parts))
		for _, p := range t.parts {
			put32(p.id)
			put32(p.epoch)
			put64(p.pos)
			put32(p.read)
			put64(noLogStart)
			put32(p.size)
			b = append(b, noTags)
		}
		b = append(b, noTags)
	}
	count(0) // topics of the session that are forgotten
	count(0) // rack
	return append(b, noTags)
}

// fetchAnswer is what an answer says of all of it.
type fetchAnswer struct {
	throttle int32 // ms to wait before the next request
	code     sarama.KError
}

// fetched is what an answer says of one partition.
type fetched struct {
	topic   []byte // its name, or, in the version with ids, its id
	id      int32
	code    sarama.KError
	end     int64 // the high watermark
	aborted []abortedTransaction
	set     []byte // batches
	fork    fork
}

// parseFetch reads an answer without its header and hands over its partitions,
// whose bytes are parts of b.
func parseFetch(b []byte, version int16, each func(*fetched) error) (a fetchAnswer, err error) {
	r := answerReader{b: b}
	if version > fetchNamed {
		return r.flexible(each)
	}
	a.throttle = r.int32()
	if version >= 7 {
		a.code = sarama.KError(r.int16())
		r.int32() // session
	}
	for topics := r.count(6); topics > 0 && !r.bad; topics-- {
		name := r.bytes(int(uint16(r.int16())))
		for parts := r.count(38); parts > 0 && !r.bad; parts-- {
			p := fetched{topic: name, id: r.int32(), code: sarama.KError(r.int16()), end: r.int64()}
			r.int64() // last stable offset
			if version >= 5 {
				r.int64() // log start
			}
			if n := r.count(16); n > 0 {
				p.aborted = make([]abortedTransaction, n)
				for i := range p.aborted {
					p.aborted[i] = abortedTransaction{r.int64(), r.int64()}
				}
			}
			if version >= 11 {
				r.int32() // a replica that is nearer; they are only told to who has named a rack
			}
			p.set = r.bytes(int(max(r.int32(), 0))) // null is none
			if r.bad {
				break
			}
			if err := each(&p); err != nil {
				return a, err
			}
		}
	}
	if r.bad {
		return a, errAnswer
	}
	return a, nil
}

// flexible is parseFetch for the version with topic ids.
func (r *answerReader) flexible(each func(*fetched) error) (a fetchAnswer, err error) {
	a.throttle = r.int32()
	a.code = sarama.KError(r.int16())
	r.int32() // session
	for topics := r.length(18); topics > 0 && !r.bad; topics-- {
		id := r.bytes(len(sarama.Uuid{}))
		for parts := r.length(37); parts > 0 && !r.bad; parts-- {
			p := fetched{topic: id, id: r.int32(), code: sarama.KError(r.int16()), end: r.int64()}
			r.int64() // last stable offset
			r.int64() // log start
			if n := r.length(17); n > 0 {
				p.aborted = make([]abortedTransaction, n)
				for i := range p.aborted {
					p.aborted[i] = abortedTransaction{r.int64(), r.int64()}
					r.tags()
				}
			}
			r.int32() // a replica that is nearer; they are only told to who has named a rack
			p.set = r.bytes(r.length(1))
			p.fork = r.fork()
			if r.bad {
				break
			}
			if err := each(&p); err != nil {
				return a, err
			}
		}
		r.tags()
	}
	r.tags()
	if r.bad {
		return a, errAnswer
	}
	return a, nil
}

// answerReader reads the numbers of an answer; bad says that one was not there.
type answerReader struct {
	b   []byte
	bad bool
}

func (r *answerReader) bytes(n int) []byte {
	if n > len(r.b) {
		r.bad, r.b = true, nil
		return nil
	}
	v := r.b[:n:n]
	r.b = r.b[n:]
	return v
}

func (r *answerReader) int16() int16 {
	if v := r.bytes(2); v != nil {
		return int16(binary.BigEndian.Uint16(v))
	}
	return 0
}

func (r *answerReader) int32() int32 {
	if v := r.bytes(4); v != nil {
		return int32(binary.BigEndian.Uint32(v))
	}
	return 0
}

func (r *answerReader) int64() int64 {
	if v := r.bytes(8); v != nil {
		return int64(binary.BigEndian.Uint64(v))
	}
	return 0
}

// count reads how many elements follow, each of which takes some bytes; null is
// none.
func (r *answerReader) count(each int) int {
	n := int(r.int32())
	if n > len(r.b)/each {
		r.bad, r.b = true, nil
		return 0
	}
	return max(n, 0)
}

// length is count with a variable length, one more than what it counts.
func (r *answerReader) length(each int) int {
	n := r.uvarint()
	if n == 0 {
		return 0
	}
	if n-1 > uint64(len(r.b)/each) {
		r.bad, r.b = true, nil
		return 0
	}
	return int(n - 1)
}

func (r *answerReader) uvarint() uint64 {
	n, size := binary.Uvarint(r.b)
	if size <= 0 {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[size:]
	return n
}

// fork reads the tagged fields of a partition. Who leads it now the metadata say too.
func (r *answerReader) fork() (at fork) {
	const diverging = 0
	for n := r.uvarint(); n > 0 && !r.bad; n-- {
		tag, size := r.uvarint(), r.uvarint()
		if size > uint64(len(r.b)) {
			r.bad, r.b = true, nil
			break
		}
		field := answerReader{b: r.bytes(int(size))}
		if tag == diverging {
			epoch, end := field.int32(), field.int64()
			if !field.bad && epoch >= 0 && end >= 0 {
				at = fork{epochOf(epoch), end}
			}
		}
	}
	return at
}

// tags reads over tagged fields.
func (r *answerReader) tags() {
	for n := r.uvarint(); n > 0 && !r.bad; n-- {
		r.uvarint() // which
		if size := r.uvarint(); size <= uint64(len(r.b)) {
			r.b = r.b[size:]
		} else {
			r.bad, r.b = true, nil
		}
	}
}
