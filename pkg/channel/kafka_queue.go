package channel

import (
	"slices"
	"sync"
	"time"

	"github.com/logpipe/logpipe/pkg/kafka"
)

// kafkaQueue holds what was fetched and is not committed.
type kafkaQueue struct {
	mu       sync.Mutex
	changed  chan struct{} // closed and replaced when something changes
	started  bool          // somebody takes: the topic is read
	reading  sync.WaitGroup
	consumer *kafka.Consumer // nil while there is none

	waiting  []*stretch // to take, in order; what came back is in its old place
	queued   int        // records in waiting
	open     int        // records in open takes
	sequence int64
	parts    map[int32]*kafkaPart
	joined   bool // the consumer has fetched something
	drained  bool
	quiet    time.Time // when records came last, or the drain began

	committing sync.Mutex
}

// stretch is a run of records of one partition that are taken together.
type stretch struct {
	from     *kafka.Consumer
	batch    kafka.Batch
	sequence int64 // order of fetching
	done     bool
}

func (s *stretch) revoked() bool { return s.batch.Revoked() }

func (s *stretch) first() int64 { return s.batch.Records[0].Offset }

// kafkaPart is a partition: what is not committed of it, by offset. What is done
// and has something before it that is not waits for that.
type kafkaPart struct {
	from        *kafka.Consumer
	uncommitted []*stretch
	reached     int64 // the offset behind what was fetched
	end         int64 // of the partition, as known then
}

func (q *kafkaQueue) init() {
	q.changed = make(chan struct{})
	q.parts = map[int32]*kafkaPart{}
}

// announce wakes everyone who waits; the lock is held.
func (q *kafkaQueue) announce() {
	close(q.changed)
	q.changed = make(chan struct{})
}

// add queues what was fetched; the lock is held.
func (q *kafkaQueue) add(from *kafka.Consumer, b kafka.Batch) {
	q.sequence++
	s := &stretch{from: from, batch: b, sequence: q.sequence}
	p := q.parts[b.Partition]
	if p == nil || p.from != from || s.first() < p.reached || slices.ContainsFunc(p.uncommitted, (*stretch).revoked) {
		// A new generation of the group reads again from the last commit: what
		// was open before it can no longer be committed.
		p = &kafkaPart{from: from}
		q.parts[b.Partition] = p
	}
	p.uncommitted = append(p.uncommitted, s)
	p.reached, p.end = b.Next(), max(b.End, b.Next())
	q.waiting = append(q.waiting, s)
	q.queued += len(b.Records)
	q.joined, q.quiet = true, time.Now()
	q.announce()
}

// split cuts a stretch behind n records; the lock is held.
func (q *kafkaQueue) split(s *stretch, n int) (rest *stretch) {
	rest = &stretch{from: s.from, batch: s.batch, sequence: s.sequence}
	s.batch.Records, rest.batch.Records = s.batch.Records[:n:n], s.batch.Records[n:]
	if p := q.parts[s.batch.Partition]; p != nil {
		if i := slices.Index(p.uncommitted, s); i >= 0 {
			p.uncommitted = slices.Insert(p.uncommitted, i+1, rest)
		}
	}
	return rest
}

// pop takes up to max records; the lock is held. What the group has given to
// others is left out: they read it again.
func (q *kafkaQueue) pop(max int) []*stretch {
	var taken []*stretch
	for n := 0; n < max && len(q.waiting) > 0; {
		s := q.waiting[0]
		q.waiting = q.waiting[1:]
		size := len(s.batch.Records)
		if s.from != q.consumer || s.batch.Revoked() {
			q.queued -= size
			continue
		}
		if size > max-n {
			q.waiting = slices.Insert(q.waiting, 0, q.split(s, max-n))
			size = max - n
		}
		n += size
		q.queued -= size
		q.open += size
		taken = append(taken, s)
	}
	return taken
}

// back puts stretches where they were; the lock is held.
func (q *kafkaQueue) back(list []*stretch) {
	for _, s := range list {
		i, _ := slices.BinarySearchFunc(q.waiting, s, func(a, b *stretch) int {
			if d := a.sequence - b.sequence; d != 0 {
				return int(d)
			}
			return int(a.first() - b.first())
		})
		q.waiting = slices.Insert(q.waiting, i, s)
		q.queued += len(s.batch.Records)
		q.open -= len(s.batch.Records)
	}
	q.announce()
}

// committable takes off what is done at the head of a partition and returns its
// last stretch, or nil; the lock is held.
func (p *kafkaPart) committable() *stretch {
	var last *stretch
	for len(p.uncommitted) > 0 && p.uncommitted[0].done {
		last = p.uncommitted[0]
		p.uncommitted = p.uncommitted[1:]
	}
	return last
}
