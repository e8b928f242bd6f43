package kafka

import (
	"errors"
	"strings"

	"github.com/IBM/sarama"
	"github.com/logpipe/logpipe/pkg/fault"
)

// A broker that refuses a record for what it is takes none of its batch, and says
// which ones it means (KIP-467). Those are given up and the others go again in their
// order. As the broker has not counted the batch, its numbers are free: the others,
// and what follows them, take them, as in Java's producer (which however gives all
// of the batch up).

// hole is where numbers are free in a partition: what was sent behind that place
// was refused for being out of order, and goes again.
type hole struct {
	order    uint64
	sequence int32
}

// refusal is one record that a broker does not take.
type refusal struct {
	to     *delivery
	number int64
	record Record
	err    error
}

// refusesRecords tells whether err is about single records of a batch, or its size.
func refusesRecords(err error) bool {
	return errors.Is(err, sarama.ErrMessageSizeTooLarge) || errors.Is(err, sarama.ErrInvalidRecord) || errors.Is(err, sarama.ErrInvalidTimestamp)
}

// number is that of the next record of to, or of those that nobody waits for. p.mu
// is held.
func (p *Producer) number(to *delivery) int64 {
	count := &p.sent
	if to != nil {
		count = &to.sent
	}
	*count++
	return *count - 1
}

// withoutRefused gives up the records that a broker refuses, and sends the others
// again. A broker that does not say which ones it means (one before Kafka 2.4, or
// none of Apache's), or that finds the batch too large, is asked with halves of it.
// p.mu is held.
func (p *Producer) withoutRefused(b *batch, block *sarama.ProduceResponseBlock, why error) []settled {
	said := map[int32]*string{}
	for _, e := range block.RecordErrors {
		if e.BatchIndex >= 0 && e.BatchIndex < b.count {
			said[e.BatchIndex] = e.BatchIndexErrorMessage
		}
	}
	if len(said) == 0 {
		if b.count > 1 {
			return p.divide(b)
		}
		said[0] = block.ErrorMessage
	}
	bad, rest := b.part(), b.part()
	var each []refusal
	err := b.each(p.codec, func(i int32, m entry) {
		text, refused := said[i]
		if !refused {
			rest.take(m)
			return
		}
		bad.take(m)
		m.Topic, m.Partition, m.Offset = b.to.topic.name, b.to.id, noOffset
		each = append(each, refusal{m.to, m.number, m.Record, refusedFor(why, text, b.to.topic.name)})
	})
	if err != nil {
		return []settled{p.failedWith(b, err)}
	}
	rest.moved = min(b.moved, rest.count)
	p.bytes += bad.memory() - b.memory()
	if b.numbered {
		b.to.open(b)
	}
	if rest.count > 0 {
		p.bytes += rest.memory()
		p.again(rest)
	}
	return []settled{{b: bad, offset: noOffset, err: each[0].err, each: each}}
}

// refusedFor words why a broker refuses a record; text is what it says, or nil.
func refusedFor(why error, text *string, topic string) error {
	if text == nil {
		return explain(why, topic)
	}
	var code sarama.KError
	errors.As(why, &code)
	err := explain(&sarama.TopicError{Err: code, ErrMsg: text}, topic)
	if strings.Contains(*text, "without key") {
		return fault.Hint(err, "--key-field NAME or --key-delimiter TEXT gives each record a key")
	}
	return err
}

// open notes that the numbers of b are free. p.mu is held.
func (part *partition) open(b *batch) {
	if part.hole == nil || b.order < part.hole.order {
		part.hole = &hole{b.order, b.sequence}
	}
	part.hold = len(part.flying) > 0
}

// fill gives the free numbers to what follows. Nothing is flying. p.mu is held.
func (part *partition) fill() {
	next := part.hole.sequence
	for _, b := range part.queue {
		if b.numbered && b.order >= part.hole.order {
			b.sequence = next
			next = nextSequence(next, b.count)
		}
	}
	part.sequence, part.hole = next, nil
}

// told tells whether somebody is told of each refused record by itself.
func (s *settled) told(to *delivery) bool { return s.each != nil && to != nil && to.refused != nil }

// tellRefused tells of each of them.
func (p *Producer) tellRefused(s settled) {
	if s.each == nil {
		return
	}
	p.telling.Lock()
	defer p.telling.Unlock()
	for _, e := range s.each {
		if s.told(e.to) {
			e.to.refused(e.number, e.record, e.err)
		}
	}
}
