package kafka

import (
	"errors"
	"io"
	"net"
	"time"

	"github.com/IBM/sarama"
)

// noOffset is the offset of a record whose place is not known.
const noOffset = -1

// settled is a batch whose records have their answer.
type settled struct {
	b      *batch
	offset int64 // of its first record, or noOffset
	time   time.Time
	err    error
	each   []refusal // where err is about each record by itself; else nil
}

// answered takes the answer to a request. w may be nil where there was no
// connection.
func (l *link) answered(w *wire, list []*batch, blocks map[part]*sarama.ProduceResponseBlock, err error) {
	p := l.p
	if err != nil && w != nil {
		w.close()
	}
	var done []settled
	p.mu.Lock()
	l.flying--
	for _, b := range list {
		b.to.landed(b)
		block := &sarama.ProduceResponseBlock{Offset: noOffset}
		if blocks != nil {
			block = blocks[part{b.to.topic.name, b.to.id}]
		}
		why := err
		switch {
		case block == nil:
			why = sarama.ErrIncompleteResponse
		case why == nil && block.Err != sarama.ErrNoError:
			why = block.Err
		}
		if why == nil && b.identity == b.to.identity {
			b.to.knownBy = l.id
		}
		done = append(done, p.judge(b, block, why)...)
		p.signal(b.to) // its leader may be another one by now
		if why != nil {
			p.conn.cfg.log().Debug("batch", "topic", b.to.topic.name, "partition", b.to.id, "broker", l.id, "sequence", b.sequence,
				"epoch", b.identity.epoch, "attempt", b.tries, "error", why)
		}
	}
	p.mu.Unlock()
	if err != nil {
		p.conn.outage.failed(err)
	}
	p.settle(done)
	l.awake()
}

// landed takes a batch off those in flight. p.mu is held.
func (part *partition) landed(b *batch) {
	for i, f := range part.flying {
		if f == b {
			part.flying = append(part.flying[:i], part.flying[i+1:]...)
			break
		}
	}
	if len(part.flying) == 0 {
		part.hold = false
	}
}

// judge decides what becomes of a batch: it is done, or goes again. p.mu is held.
func (p *Producer) judge(b *batch, block *sarama.ProduceResponseBlock, why error) []settled {
	part := b.to
	part.refusal = nil
	switch {
	case why == nil:
		return []settled{{b: b, offset: block.Offset, time: block.Timestamp}}
	case errors.Is(why, sarama.ErrDuplicateSequenceNumber):
		return []settled{{b: b, offset: noOffset}} // it is there since an earlier attempt
	case p.lost != nil || p.closed:
		return []settled{p.failedWith(b, p.endedBy())}
	case p.txn != nil && p.txn.broken(why):
		return []settled{p.failedWith(b, p.txn.fail(p, why))}
	case p.idempotent && (errors.Is(why, sarama.ErrOutOfOrderSequenceNumber) || errors.Is(why, sarama.ErrUnknownProducerID) ||
		errors.Is(why, sarama.ErrInvalidProducerEpoch)):
		// Behind a batch that failed this follows by itself. The first one tells
		// that the broker has lost the numbers.
		if !part.waitsFor(b) {
			if p.txn != nil {
				return []settled{p.failedWith(b, p.txn.fail(p, why))}
			}
			part.renew = true
		}
		p.again(b)
		return nil
	case refusesRecords(why):
		return p.withoutRefused(b, block, why)
	case retriable(why):
		part.leader, part.knownBy = noLeader, noLeader
		if block != nil && block.Err == why {
			part.refusal = reasonOf(why, block)
		}
		p.again(b)
		p.wantMetadata()
		return nil
	}
	return []settled{p.failedWith(b, explain(reasonOf(why, block), part.topic.name))}
}

// divide sends a batch again in halves. p.mu is held.
func (p *Producer) divide(b *batch) []settled {
	front, back, err := b.halves(p.codec)
	if err != nil {
		return []settled{p.failedWith(b, err)}
	}
	p.bytes += front.memory() + back.memory() - b.memory()
	p.again(back)
	p.again(front)
	return nil
}

// reasonOf adds what the broker says about its error code.
func reasonOf(why error, block *sarama.ProduceResponseBlock) error {
	if block == nil {
		return why
	}
	var code sarama.KError
	if errors.As(why, &code) && block.ErrorMessage != nil {
		return &sarama.TopicError{Err: code, ErrMsg: block.ErrorMessage}
	}
	return why
}

// failedWith gives a batch up. Its numbers will not come any more: those behind
// it are renewed. p.mu is held.
func (p *Producer) failedWith(b *batch, err error) settled {
	if b.numbered {
		b.to.renew = true
	}
	return settled{b: b, offset: noOffset, err: err}
}

// waitsFor tells whether an earlier batch than b has to be sent or answered.
func (part *partition) waitsFor(b *batch) bool {
	for _, list := range [][]*batch{part.flying, part.queue} {
		for _, o := range list {
			if o.tries > 0 && o.order < b.order {
				return true
			}
		}
	}
	return part.renew || part.hole != nil
}

// retriable tells whether sending again may help: the network, an election, a
// broker that is busy or that has lost what it received.
func retriable(err error) bool {
	for _, code := range []sarama.KError{sarama.ErrUnknownTopicOrPartition, sarama.ErrNotEnoughReplicas,
		sarama.ErrNotEnoughReplicasAfterAppend, sarama.ErrInvalidMessage, sarama.ErrUnknown} {
		if errors.Is(err, code) {
			return true
		}
	}
	var code sarama.KError
	if errors.As(err, &code) {
		return passing(err)
	}
	var network net.Error
	return passing(err) || errors.As(err, &network) || errors.Is(err, io.ErrClosedPipe) || errors.As(err, new(sarama.PacketDecodingError)) || errors.As(err, new(answerError))
}

// settle tells everybody that batches have their answer.
func (p *Producer) settle(done []settled) {
	if len(done) == 0 {
		return
	}
	for _, s := range done {
		if s.err == nil {
			p.conn.outage.worked()
		}
		p.tell(s)
		p.tellRefused(s)
	}
	p.mu.Lock()
	for _, s := range done {
		p.account(s)
	}
	// Senders wait for room: waking them for each batch would cost more than
	// sending it.
	if p.changed != nil && (p.open == 0 || p.bytes <= p.cfg.BufferBytes*3/4) {
		close(p.changed)
		p.changed = nil
	}
	p.mu.Unlock()
	for _, s := range done {
		for _, o := range s.b.owed {
			if s.told(o.to) {
				o.to.end(int(o.n), nil)
			} else {
				o.to.end(int(o.n), s.err)
			}
		}
	}
}

// account counts a batch that has its answer, and gives its memory back.
func (p *Producer) account(s settled) {
	n := int64(s.b.count)
	p.open -= n
	p.bytes -= s.b.memory()
	p.moving = time.Now()
	if s.err == nil {
		p.acked += n
		p.moved += int64(s.b.moved)
	} else {
		p.failed += n
		for _, o := range s.b.owed {
			if !o.to.private() && !s.told(o.to) {
				p.note(s.err, int64(o.n))
			}
		}
	}
	p.spare.put(s.b.bytes(), p.cfg.BufferBytes)
	s.b.records, s.b.packed = nil, nil
}

// tell calls OnAck for the records of a batch.
func (p *Producer) tell(s settled) {
	if p.cfg.OnAck == nil {
		return
	}
	p.telling.Lock()
	defer p.telling.Unlock()
	for i, r := range s.b.kept {
		r.Partition, r.Offset = s.b.to.id, noOffset
		if s.err == nil && s.offset >= 0 && p.acks != sarama.NoResponse {
			r.Offset = s.offset + int64(i)
		}
		if r.Time.IsZero() {
			r.Time = time.UnixMilli(s.b.first)
		}
		if !s.time.IsZero() {
			r.Time = s.time
		}
		p.cfg.OnAck(r, s.err)
	}
}

// endedBy is why nothing is sent any more. p.mu is held.
func (p *Producer) endedBy() error {
	if p.lost != nil {
		return p.lost
	}
	return errProducerClosed
}
