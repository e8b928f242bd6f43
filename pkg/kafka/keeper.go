package kafka

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/IBM/sarama"
	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/option"
)

const (
	noLeader    = -1
	metadataAge = 5 * time.Minute // when to ask again although nothing failed: for new partitions
)

// wantMetadata asks for a look at who leads what. p.mu may be held.
func (p *Producer) wantMetadata() {
	select {
	case p.stale <- struct{}{}:
	default:
	}
}

// keepMetadata looks who leads what whenever something failed, at most four times
// a second, until the producer ends.
func (p *Producer) keepMetadata() {
	var last time.Time
	age := time.NewTicker(metadataAge)
	defer age.Stop()
	for {
		select {
		case <-p.stale:
		case <-age.C:
		case <-p.ctx.Done():
			return
		}
		if early := retryPause - time.Since(last); early > 0 {
			if pause(p.ctx, early) != nil {
				return
			}
		}
		last = time.Now()
		p.refresh()
	}
}

// refresh looks who leads what. Where that does not help it is tried again.
func (p *Producer) refresh() {
	p.mu.Lock()
	var names []string
	for name := range p.topics {
		names = append(names, name)
	}
	nameless := p.idempotent && p.txn == nil && p.identity == nobody
	p.mu.Unlock()
	if nameless {
		if err := p.identify(p.ctx); err != nil {
			p.conn.cfg.log().Debug("producer id", "error", err)
			p.wantMetadata()
		}
	}
	if len(names) == 0 {
		return
	}
	resp, err := p.conn.metadata(p.ctx, names, false)
	if err != nil {
		p.conn.cfg.log().Debug("metadata", "error", err)
		p.wantMetadata()
		return
	}
	p.learn(resp)
}

// meet makes the first contact with a topic. The broker may create it.
func (p *Producer) meet(ctx context.Context, name string) error {
	if _, err := p.conn.topic(ctx, name, true); err != nil {
		return err
	}
	resp, err := p.conn.metadata(ctx, []string{name}, false)
	if err != nil {
		return explain(err, name)
	}
	p.mu.Lock()
	if p.topics[name] == nil {
		p.topics[name] = &topic{name: name, choose: newPartitioner(p.cfg.Partitioner)}
	}
	p.mu.Unlock()
	p.learn(resp)
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.topics[name].parts) == 0 {
		delete(p.topics, name)
		return noTopic(name)
	}
	return nil
}

// learn takes over who leads what.
func (p *Producer) learn(resp *sarama.MetadataResponse) {
	var done []settled
	p.mu.Lock()
	for _, b := range resp.Brokers {
		p.learnBroker(b)
	}
	for _, m := range resp.Topics {
		if t := p.topics[m.Name]; t != nil {
			done = append(done, p.learnTopic(t, m)...)
		}
	}
	for _, l := range p.links {
		l.parts = l.parts[:0]
	}
	for _, t := range p.topics {
		for _, part := range t.parts {
			if l := p.links[part.way()]; l != nil {
				l.parts = append(l.parts, part)
			} else if part.waiting() {
				p.wantMetadata()
			}
		}
	}
	for _, l := range p.links {
		l.awake()
	}
	p.mu.Unlock()
	p.settle(done)
}

// learnBroker takes over where a broker is. p.mu is held.
func (p *Producer) learnBroker(b *sarama.Broker) {
	for lane := range int32(lanes) {
		l := p.links[way{b.ID(), lane}]
		if l == nil {
			l = &link{p: p, id: b.ID(), wake: make(chan struct{}, 1)}
			p.links[way{b.ID(), lane}] = l
			if !p.closed {
				p.workers.Go(l.run)
			}
		}
		l.addr = b.Addr()
	}
}

func (part *partition) waiting() bool { return part.filling != nil || len(part.queue) > 0 }

// learnTopic takes over who leads a topic's partitions. A topic that is gone, or
// that may not be written, ends what waits for it. p.mu is held.
func (p *Producer) learnTopic(t *topic, m *sarama.TopicMetadata) []settled {
	switch {
	case m.Err == sarama.ErrUnknownTopicOrPartition:
		if !t.gone.goesOn(time.Now()) {
			t.leaderless()
			return nil
		}
		delete(p.topics, t.name)
		return p.giveUpTopic(t, noTopic(t.name))
	case m.Err != sarama.ErrNoError && !passing(m.Err):
		delete(p.topics, t.name)
		return p.giveUpTopic(t, explain(m.Err, t.name))
	}
	t.gone = absence{}
	if t.made != m.Uuid && t.made != (sarama.Uuid{}) && len(m.Partitions) > 0 {
		p.remade(t)
	}
	if len(m.Partitions) > 0 { // else it is being made
		t.made, t.width = m.Uuid, 0
	}
	for _, pm := range m.Partitions {
		for int(pm.ID) >= len(t.parts) {
			t.parts = append(t.parts, &partition{topic: t, id: int32(len(t.parts)), leader: noLeader, led: noLeader, knownBy: noLeader, identity: nobody})
		}
		t.width = max(t.width, pm.ID+1)
		part := t.parts[pm.ID]
		part.leader = noLeader
		if pm.Leader >= 0 && p.links[way{pm.Leader, 0}] != nil && (pm.Err == sarama.ErrNoError || pm.Err == sarama.ErrReplicaNotAvailable) {
			p.lead(part, pm.Leader)
		}
	}
	var done []settled
	for _, part := range t.parts[t.width:] {
		part.leader = noLeader
		done = append(done, p.giveUpPartition(part, noPartition(t.name, part.id, t.width),
			func(*batch) bool { return true })...)
	}
	return done
}

// lead notes who leads a partition. Those of a broker take its connections in turn; one
// stays with its own, so that its batches are not in order by luck. p.mu is held.
func (p *Producer) lead(part *partition, leader int32) {
	part.leader = leader
	if part.led != leader && len(part.flying) == 0 {
		first := p.links[way{leader, 0}]
		part.led, part.lane = leader, first.chosen%lanes
		first.chosen++
	}
}

func (t *topic) leaderless() {
	for _, part := range t.parts {
		part.leader = noLeader
	}
}

// giveUpTopic gives up what waits for a topic. p.mu is held.
func (p *Producer) giveUpTopic(t *topic, err error) (done []settled) {
	for _, part := range t.parts {
		part.leader = noLeader
		done = append(done, p.giveUpPartition(part, err, func(*batch) bool { return true })...)
	}
	return done
}

// giveUpPartition gives up those batches of a partition that wait and are chosen.
// p.mu is held.
func (p *Producer) giveUpPartition(part *partition, err error, chosen func(*batch) bool) (done []settled) {
	if part.filling != nil && chosen(part.filling) {
		part.full()
	}
	var left []*batch
	for _, b := range part.queue {
		if chosen(b) {
			done = append(done, p.failedWith(b, err))
		} else {
			left = append(left, b)
		}
	}
	part.queue = left
	return done
}

// watchTime gives up what is too old, until the producer ends.
func (p *Producer) watchTime() {
	tick := time.NewTicker(max(10*time.Millisecond, min(time.Second, p.cfg.Timeout/10)))
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			p.expire(time.Now())
		case <-p.ctx.Done():
			return
		}
	}
}

// expire gives up what has waited for longer than the timeout. Where nothing was
// acknowledged all the while, that is all.
func (p *Producer) expire(now time.Time) {
	p.mu.Lock()
	if p.open == 0 || p.lost != nil || p.closed {
		if now.Sub(p.moving) >= buffersIdle {
			p.spare = buffers{}
		}
		p.mu.Unlock()
		return
	}
	if now.Sub(p.moving) >= p.cfg.Timeout {
		p.mu.Unlock()
		_ = p.giveUp()
		return
	}
	var done []settled
	old := func(b *batch) bool { return now.Sub(b.begun) >= p.cfg.Timeout }
	for _, t := range p.topics {
		for _, part := range t.parts {
			done = append(done, p.expirePartition(part, old)...)
		}
	}
	p.mu.Unlock()
	p.settle(done)
}

// expirePartition gives up what is too old in a partition. p.mu is held.
func (p *Producer) expirePartition(part *partition, old func(*batch) bool) []settled {
	for _, b := range part.flying {
		if old(b) { // the broker is silent: a cut connection is an answer
			if l := p.links[part.way()]; l != nil && l.current != nil {
				l.current.close()
			}
			return nil
		}
	}
	first := part.filling
	if len(part.queue) > 0 {
		first = part.queue[0]
	}
	if first == nil || !old(first) || len(part.flying) > 0 {
		return nil
	}
	err := part.refused(p.cfg.Timeout)
	if err == nil {
		err = fault.Hint(fault.Unreachablef("topic %q partition %d: no acknowledgement for %s", part.topic.name, part.id, option.FormatDuration(p.cfg.Timeout)),
			"--delivery-timeout sets how long to try; %s", testHint)
	}
	// With the first of those that were sent and may be stored, the others cannot
	// be told from repetitions any more.
	sent := first.tries > 0
	return p.giveUpPartition(part, err, func(b *batch) bool { return old(b) || sent && b.tries > 0 })
}

// refused is the error of a partition whose leader has answered, and taken nothing; nil
// where that is not so. p.mu is held.
func (part *partition) refused(timeout time.Duration) error {
	if part.refusal == nil {
		return nil
	}
	why := explain(part.refusal, part.topic.name)
	text := strings.TrimPrefix(why.Error(), fmt.Sprintf("topic %q: ", part.topic.name))
	err := fault.Unreachablef("topic %q partition %d: no acknowledgement for %s: %w",
		part.topic.name, part.id, option.FormatDuration(timeout), topicError{text, why})
	return fault.Hint(err, "%s", cmp.Or(fault.HintOf(why), testHint))
}

// refused is that of the first such partition. p.mu is held.
func (p *Producer) refused() error {
	for _, t := range p.topics {
		for _, part := range t.parts {
			if err := part.refused(p.cfg.Timeout); err != nil {
				return err
			}
		}
	}
	return nil
}

// giveUp ends all attempts because the brokers have been silent for too long. It
// returns why.
func (p *Producer) giveUp() error {
	err := fault.Unreachablef("no acknowledgement for %s", option.FormatDuration(p.cfg.Timeout))
	if since, ok := p.conn.outage.begun(); ok {
		err = fault.Unreachablef("no broker has acknowledged anything since %s", since.Format(time.TimeOnly))
	}
	err = fault.Hint(err, "--delivery-timeout sets how long to try; %s", testHint)
	p.mu.Lock()
	if refused := p.refused(); refused != nil {
		err = refused
	}
	if p.lost == nil {
		p.lost = err
	}
	err = p.lost
	p.mu.Unlock()
	p.abandon(err)
	return err
}

// abandon gives up all that has no answer, and cuts the connections.
func (p *Producer) abandon(why error) {
	var done []settled
	p.mu.Lock()
	if p.lost == nil && !p.closed {
		p.lost = why
	}
	for _, t := range p.topics {
		done = append(done, p.giveUpTopic(t, why)...)
	}
	for _, l := range p.links {
		if l.current != nil {
			l.current.close() // its answers come as errors
		}
	}
	p.mu.Unlock()
	p.settle(done)
}
