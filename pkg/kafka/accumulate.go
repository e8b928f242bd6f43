package kafka

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/IBM/sarama"
	"github.com/logpipe/logpipe/pkg/fault"
)

// Sizes of what is sent.
const (
	batchBytes   = 1000 << 10  // of a full batch, unless the topic takes less; below what brokers take by default
	batchLeast   = 128 << 10   // of a full batch where many partitions share the buffer
	requestBytes = 1 << 20     // of the batches of one request, where it has several
	mostRecords  = 1 << 16     // of a batch
	orderStep    = mostRecords // between the places of two batches: their parts stand in between
)

// topic is one that is sent to.
type topic struct {
	name   string
	parts  []*partition
	width  int32       // how many partitions there are; parts behind them are of an older topic of this name
	made   sarama.Uuid // its id; zero = not known
	choose *partitioner
	gone   absence
}

// partition is where batches of one partition wait.
type partition struct {
	topic   *topic
	id      int32
	leader  int32 // -1 = not known
	lane    int32 // of the connections to it
	led     int32 // who was the leader that the lane was chosen for
	filling *batch
	queue   []*batch // full, or to be sent again, in their order
	hole    *hole    // numbers that the broker has not taken; nil = none
	flying  []*batch // sent and not answered
	hold    bool     // one that was flying failed: nothing goes before all are answered
	renew   bool     // the numbers begin anew when nothing is flying
	joined  bool     // is part of the open transaction
	knownBy int32    // the broker that has acknowledged a batch of these numbers, noLeader without one
	refusal error    // why its leader took the last batch not, which is sent again; nil = it did, or was silent

	identity identity
	sequence int32 // of the next record
}

func (t *topic) led(i int32) bool { return int(i) < len(t.parts) && t.parts[i].leader >= 0 }

// put appends a record to the batch of its partition and returns that, nil where
// there is no such partition. p.mu is held.
func (p *Producer) put(t *topic, r *Record, size int, ms int64, to *delivery) *partition {
	n := t.width
	at, moved := r.Partition, false
	if at >= n {
		if !p.cfg.Elsewhere {
			p.refuse(r, to, noPartition(t.name, at, n))
			return nil
		}
		at, moved = -1, true
	}
	if at < 0 {
		at = t.choose.choose(r.Key, size, n, t.led)
	}
	part := t.parts[at]
	b := part.filling
	if b != nil && (len(b.records)+size > p.batchLimit(t) || b.count >= mostRecords) {
		part.full()
		b = nil
	}
	if b == nil {
		b = p.newBatch(part)
		part.filling = b
	}
	if p.open == 0 {
		p.moving = time.Now()
	}
	before := b.memory()
	if p.cfg.OnAck != nil {
		b.kept = append(b.kept, *r)
	}
	b.add(r, ms, to, p.number(to))
	if moved {
		b.moved++
	}
	to.begin()
	p.open++
	p.bytes += b.memory() - before
	return part
}

// putLines puts the lines as the values of records like r.
func (p *Producer) putLines(ctx context.Context, t *topic, r *Record, lines []byte, bare int, ms int64, to *delivery) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for last := (*partition)(nil); len(lines) > 0; {
		end := bytes.IndexByte(lines, '\n')
		r.Value, lines = lines[:end:end], lines[end+1:]
		size := bare + end + 8 // the lengths grow with the value: at most by so much
		if size > p.cfg.MaxMessageBytes {
			if size = r.Size(); size > p.cfg.MaxMessageBytes {
				return &TooLargeError{size, p.cfg.MaxMessageBytes}
			}
		}
		if p.bytes+int64(size) > p.cfg.BufferBytes || p.lost != nil || p.closed || p.halted {
			p.signal(last)
			if err := p.admit(ctx, int64(size)); err != nil {
				return err
			}
		}
		part := p.put(t, r, size, ms, to)
		if part == nil { // refused: what came before it has to leave all the same
			p.signal(last)
			last = nil
			continue
		}
		if part != last || len(lines) == 0 || len(part.queue) > 0 && part.filling.count == 1 {
			p.signal(last)
			p.signal(part)
			last = part
		}
	}
	return nil
}

// batchLimit is how large a batch of t gets. A broker works off the requests of a
// connection one by one, and each costs it the same: few large ones are best. But
// all partitions are filled at once, and as much has to be on its way.
func (p *Producer) batchLimit(t *topic) int {
	share := int(p.cfg.BufferBytes) / 2 / max(len(t.parts), 1)
	return min(max(share, batchLeast), batchBytes, p.cfg.MaxMessageBytes)
}

// noPartition is the refusal of a record for a partition that there is not.
func noPartition(topic string, id, n int32) error {
	has := fmt.Sprintf("0 to %d", n-1)
	if n == 1 {
		has = "partition 0 alone"
	}
	return fault.Hint(topicError{fmt.Sprintf("topic %q has no partition %d", topic, id), sarama.ErrInvalidPartition}, "it has %s", has)
}

// full moves the batch that is being filled behind those that wait.
func (part *partition) full() {
	part.queue = append(part.queue, part.filling)
	part.filling = nil
}

func (p *Producer) newBatch(part *partition) *batch {
	b := &batch{to: part, begun: time.Now(), identity: nobody}
	limit := p.batchLimit(part.topic)
	b.records = p.spare.get(limit)
	if b.records == nil && p.bytes >= int64(limit)/4 { // much is on its way: it will be full
		b.records = make([]byte, 0, limit)
	}
	p.bytes += batchOverhead
	return b
}

// refuse counts a record that cannot be sent. p.mu is held.
func (p *Producer) refuse(r *Record, to *delivery, err error) {
	p.failed++
	number, tell := p.number(to), to != nil && to.partitions && to.refused != nil
	if !tell && !to.private() {
		p.note(err, 1)
	}
	to.begin()
	kept := *r
	kept.Offset = noOffset
	p.mu.Unlock()
	if p.cfg.OnAck != nil {
		p.telling.Lock()
		p.cfg.OnAck(kept, err)
		p.telling.Unlock()
	}
	if tell {
		p.telling.Lock()
		to.refused(number, kept, err)
		p.telling.Unlock()
		err = nil
	}
	to.end(1, err)
	p.mu.Lock()
}

// note remembers why n records were given up, for Flush. p.mu is held.
func (p *Producer) note(err error, n int64) {
	p.reasons[err.Error()] += n
	if p.first == nil {
		p.first = err
	}
}

// admit waits until there is room for a record. p.mu is held.
func (p *Producer) admit(ctx context.Context, size int64) error {
	for {
		switch {
		case p.closed:
			return errProducerClosed
		case p.lost != nil:
			return p.lost
		case p.halted:
		case p.open == 0 || p.bytes+size <= p.cfg.BufferBytes:
			return nil
		}
		if err := p.await(ctx); err != nil {
			return err
		}
	}
}

// await waits until records were answered. p.mu is held, but not meanwhile.
func (p *Producer) await(ctx context.Context) error {
	if p.changed == nil {
		p.changed = make(chan struct{})
	}
	wake := p.changed
	p.mu.Unlock()
	defer p.mu.Lock()
	select {
	case <-wake:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// signal tells the link of a partition, which may be nil, that there is
// something. p.mu is held.
func (p *Producer) signal(part *partition) {
	if part == nil {
		return
	}
	if l := p.links[part.way()]; l != nil {
		l.awake()
	} else {
		p.wantMetadata()
	}
}

// next is the batch that part sends now, or nil; idle tells that nothing is on
// its way to the broker. wait is when to look again; 0 = when something happens.
// p.mu is held.
func (p *Producer) next(part *partition, idle bool, now time.Time) (b *batch, wait time.Duration) {
	if part.hold || len(part.flying) >= p.inFlight {
		return nil, 0
	}
	if part.renew && !p.begin(part) {
		return nil, 0
	}
	if part.hole != nil {
		if len(part.flying) > 0 {
			return nil, 0
		}
		part.fill()
	}
	// A leader that does not know the producer yet takes any number for the first
	// one: were the first batch refused and the second not, they would change places.
	if p.idempotent && part.knownBy != part.leader && len(part.flying) > 0 {
		return nil, 0
	}
	// What goes again goes alone: the broker tells it from a repetition only while
	// it is among the last five batches.
	if len(part.flying) > 0 && (part.flying[0].tries > 1 || len(part.queue) > 0 && part.queue[0].tries > 0) {
		return nil, 0
	}
	if len(part.queue) > 0 {
		return part.queue[0], 0
	}
	if b = part.filling; b == nil {
		return nil, 0
	}
	if p.cfg.Linger > 0 {
		if left := p.cfg.Linger - now.Sub(b.begun); left > 0 && len(b.records) < p.batchLimit(part.topic) {
			return nil, left
		}
		return b, 0
	}
	// While something is on its way, what comes fills the next batch; a record
	// that comes alone leaves at once.
	if !idle {
		return nil, 0
	}
	return b, 0
}

// take takes b, which next has returned, and gives it its numbers. p.mu is held.
func (p *Producer) take(part *partition, b *batch) {
	if b == part.filling {
		part.filling = nil
	} else {
		part.queue = slices.Delete(part.queue, 0, 1)
	}
	if b.tries == 0 {
		p.order += orderStep
		b.order = p.order
	}
	b.tries++
	if p.idempotent && !b.numbered {
		if part.identity == nobody {
			part.identity = p.identity
		}
		b.numbered, b.identity, b.sequence = true, part.identity, part.sequence
		part.sequence = nextSequence(part.sequence, b.count)
	}
	part.flying = append(part.flying, b)
}

// begin starts the numbers of a partition anew: the broker has lost them, or one
// of them was given up. The new epoch tells the broker (KIP-360). p.mu is held.
func (p *Producer) begin(part *partition) bool {
	if len(part.flying) > 0 {
		return false
	}
	for _, b := range part.queue {
		b.numbered = false
	}
	part.anew()
	switch {
	case p.txn != nil:
		part.identity = p.identity
	case part.identity.epoch < maxEpoch:
		part.identity.epoch++
	default:
		part.identity = nobody // the next one is of another producer
		p.identity = nobody
		p.wantMetadata()
	}
	return p.identity != nobody || part.identity != nobody
}

// anew makes the next number the first one, to a broker that has seen none of them.
func (part *partition) anew() {
	part.renew, part.hole, part.sequence, part.knownBy = false, nil, 0, noLeader
}

const maxEpoch = 1<<15 - 1

// again puts a batch back that has to be sent once more. p.mu is held.
func (p *Producer) again(b *batch) {
	part := b.to
	at, _ := slices.BinarySearchFunc(part.queue, b, func(x, y *batch) int {
		switch {
		case x.tries == 0:
			return 1 // never sent: behind all that were
		case x.order < y.order:
			return -1
		}
		return 1
	})
	part.queue = slices.Insert(part.queue, at, b)
	part.hold = len(part.flying) > 0
}

// topic finds a topic, and makes the first contact with it.
func (p *Producer) topic(ctx context.Context, name string) (*topic, error) {
	if p.txn != nil {
		if err := p.inTransaction(); err != nil {
			return nil, err
		}
	}
	p.mu.Lock()
	t, closed, lost := p.topics[name], p.closed, p.lost
	p.mu.Unlock()
	switch {
	case closed:
		return nil, errProducerClosed
	case lost != nil:
		return nil, lost
	case t != nil:
		return t, nil
	}
	patient, cancel := context.WithTimeout(ctx, p.cfg.Timeout)
	defer cancel()
	for {
		err := p.meet(patient, name)
		if err == nil {
			break
		}
		if ctx.Err() == nil && patient.Err() != nil {
			return nil, p.giveUp()
		}
		if fault.CodeOf(err) != fault.Unreachable || ctx.Err() != nil {
			return nil, err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.topics[name], nil
}
