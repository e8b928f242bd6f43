package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/IBM/sarama"
	"github.com/logpipe/logpipe/pkg/fault"
)

// A topic that is deleted and made again has its name, and offsets that mean other
// records. Brokers tell the two apart by an id (KIP-516).

// errGone ends a round because the cluster does not know the topics that are read.
var errGone = errors.New("the topic is gone")

// missing notes that the cluster does not know a topic any more. It may be about to
// be made again; where it is not, reading ends.
func (c *Consumer) missing(topic string, open []*reading) error {
	c.conn.outage.worked() // the brokers answer
	for _, r := range open {
		if r.topic != topic {
			continue
		}
		if r.gone.goesOn(time.Now()) {
			return fault.Hint(topicError{fmt.Sprintf("topic %q was deleted while it was read", topic), ErrNoTopic}, "logpipe topic list shows the topics")
		}
	}
	return nil
}

// remade compares a topic with the one that was read so far. Where it is another one
// it is read from its beginning, unless reading is to end at a place of the old one.
func (c *Consumer) remade(ctx context.Context, t *sarama.TopicMetadata, open []*reading, s *session) error {
	other := false
	partitions := map[int32]bool{}
	for _, p := range t.Partitions {
		partitions[p.ID] = true
	}
	begin := map[part]int64{}
	for _, r := range open {
		if r.topic != t.Name {
			continue
		}
		r.gone = absence{}
		if r.made != t.Uuid && r.made != (sarama.Uuid{}) {
			other, r.pos = true, 0
			if partitions[r.id] {
				begin[r.part] = 0
			} else {
				r.last, r.unclear = 0, false // there is nothing to read
			}
		}
		r.made = t.Uuid
	}
	c.ids.learn(t.Name, t.Uuid)
	if !other {
		return nil
	}
	if s != nil { // also what was read to its end
		for _, p := range s.parts {
			if p.topic == t.Name && partitions[p.id] {
				begin[p] = 0
			}
		}
	}
	return c.another(ctx, t.Name, s, begin)
}

// another goes on with a topic that has the name of one that was read. The group begins
// it at these places: what it has committed, if anything, is of the old one.
func (c *Consumer) another(ctx context.Context, topic string, s *session, begin map[part]int64) error {
	text := fmt.Sprintf("topic %q was deleted and made again while it was read", topic)
	ends := c.bounded() || c.cfg.Same
	if !ends {
		c.conn.cfg.log().Warn(text + "; it is read from its beginning, and what was unread of the old one is gone")
	}
	c.mu.Lock()
	c.remakes[topic]++
	c.mu.Unlock()
	c.progress.forget(topic)
	c.epochs.forget(topic)
	var err error
	if s != nil {
		if err = c.commit(ctx, s, begin); errors.Is(err, ErrRevoked) {
			err = nil
		}
	}
	if !ends {
		return err
	}
	over := fault.Hint(topicError{text, ErrRemade}, "run it again, and it reads the new topic")
	if err != nil {
		return errors.Join(over, err)
	}
	return over
}

// identify learns the ids of the topics of partitions, before it is asked what is
// committed of them. Those that were others before are noted until anew has seen to
// them.
func (c *Consumer) identify(ctx context.Context, parts []part) error {
	var topics []string
	for _, p := range parts {
		if !slices.Contains(topics, p.topic) {
			topics = append(topics, p.topic)
		}
	}
	if len(topics) == 0 {
		return nil
	}
	resp, err := c.conn.metadata(ctx, topics, false)
	if err != nil {
		return explain(err, "")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range resp.Topics {
		if t.Uuid != (sarama.Uuid{}) && c.ids.learn(t.Name, t.Uuid) && !slices.Contains(c.others, t.Name) {
			c.others = append(c.others, t.Name)
		}
	}
	for _, p := range parts {
		if slices.Contains(c.others, p.topic) {
			c.late[p] = true
		}
	}
	return nil
}

// anew puts the places from which a generation reads to the beginning of topics that
// were made anew since the last one, where this member had them: what others had is
// theirs to set back.
func (c *Consumer) anew(ctx context.Context, s *session, from map[part]int64) error {
	for len(c.others) > 0 {
		topic, begin := c.others[0], map[part]int64{}
		for p := range from {
			if p.topic == topic && slices.Contains(c.mine, p) {
				from[p], begin[p] = 0, 0
			}
		}
		if err := c.another(ctx, topic, s, begin); err != nil {
			return err
		}
		c.others = c.others[1:]
	}
	c.keepShort(s)
	c.mine, c.generation = s.parts, s.generation
	return nil
}

// keepShort forgets which partitions have lost records where others may have had them
// since: they have seen to it, and their places count.
func (c *Consumer) keepShort(s *session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	next := s.generation == c.generation+1
	maps.DeleteFunc(c.short, func(p part, _ ending) bool {
		return !next || !slices.Contains(c.mine, p) || !slices.Contains(s.parts, p)
	})
}

// made tells the topics of this name apart, and the logs of a partition of it: how often
// it was made again, and has lost records.
func (c *Consumer) made(p part) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.remakes[p.topic] + c.losses[p]
}

// ending is where a partition ended that has lost records: before the offset that it was
// asked for.
type ending struct {
	asked, next int64
	fork        fork // not known = it is read from its beginning
}

// setBack reads partitions from their beginning, or from where it is known that other
// records begin, that have lost records of which some were read: neither what was done of
// those nor what the group has committed counts any more. A group that others commit for
// ends reading: their marks would still name the old places.
func (c *Consumer) setBack(ctx context.Context, open []*reading, s *session) error {
	for _, r := range open {
		c.mu.Lock()
		was, short := c.short[r.part]
		c.mu.Unlock()
		if !short {
			continue
		}
		there, err := c.conn.span(ctx, r.part)
		if err != nil {
			return err
		}
		pos, read := was.backTo(there.first, r.pos), r.pos
		if was.fork.epoch == 0 || pos < read { // else nothing that was read is gone
			err = c.setBackTo(ctx, r, was, there.first, pos, s)
		}
		if fault.CodeOf(err) == fault.Unreachable { // the coordinator is waited for, as leaders are
			return fmt.Errorf("%w: %w", errMoved, err)
		}
		if err != nil {
			return err
		}
		c.mu.Lock()
		delete(c.short, r.part)
		rejoin := c.rejoin
		c.mu.Unlock()
		if s == nil || !c.cfg.Same || r.pos == read {
			continue
		}
		if read == s.info.Start[r.part.String()] { // marks name nothing behind it: the next generation begins where it is
			rejoin()
			<-ctx.Done()
			return ctx.Err()
		}
		text := fmt.Sprintf("topic %q partition %d has lost records that were read: the next ones have their offsets", r.topic, r.id)
		return fault.Hint(topicError{text, ErrRemade}, "run it again, and it reads the partition from offset %d", r.pos)
	}
	return nil
}

// setBackTo reads a partition, which begins at first, from pos.
func (c *Consumer) setBackTo(ctx context.Context, r *reading, was ending, first, pos int64, s *session) error {
	commit := pos
	if was.fork.epoch == 0 || pos == first {
		c.epochs.learn(r.part, 0, 0)
	} else {
		var err error
		c.epochs.cut(r.part, pos, was.fork.epoch, was.asked)
		if commit, err = c.undone(ctx, r.part, pos, s); err != nil {
			return err
		}
	}
	if err := c.goBack(ctx, map[part]int64{r.part: commit}, s); err != nil {
		return err
	}
	if was.fork.epoch == 0 {
		c.tellJump(r.part, was.asked, span{first, was.next})
	} else {
		c.tellFork(r.part, was.next, r.pos, pos)
	}
	r.pos = pos
	return nil
}

// goBack notes places of partitions that lie before what was done of them.
func (c *Consumer) goBack(ctx context.Context, places map[part]int64, s *session) error {
	c.mu.Lock()
	for p := range places {
		c.losses[p]++
	}
	c.mu.Unlock()
	c.progress.set(places)
	if s == nil {
		return nil
	}
	if err := c.commit(ctx, s, places); !errors.Is(err, ErrRevoked) {
		return err
	}
	return nil
}

// inside moves places that lie behind the end of their partition to its beginning,
// and tells of it: the topic was made anew, or a broker has lost records.
func (c *Consumer) inside(ctx context.Context, from, ends map[part]int64, s *session) error {
	var beyond []part
	for p, end := range ends {
		if from[p] > end { // or only behind what is decided
			beyond = append(beyond, p)
		}
	}
	first, err := c.conn.offsetsAt(ctx, beyond, sarama.OffsetOldest)
	if err != nil {
		return err
	}
	next, err := c.conn.logEnds(ctx, beyond)
	if err != nil {
		return err
	}
	back := map[part]int64{}
	for _, p := range beyond {
		if !c.bounded() && c.epochs.at(p, from[p]) != 0 {
			continue // its leader tells where the log was cut
		}
		if n := from[p]; n > next[p] {
			c.tellJump(p, n, span{first[p], next[p]})
			from[p] = first[p]
			back[p] = first[p]
		}
	}
	return c.goBack(ctx, back, s)
}

// tellJump tells that reading goes on at the beginning of what there is.
func (c *Consumer) tellJump(p part, pos int64, s span) {
	text := fmt.Sprintf("%d records were deleted before they were read", s.first-pos)
	switch {
	case pos > s.next:
		text = fmt.Sprintf("it ends at %d: the topic was made anew, or has lost records", s.next)
	case pos >= s.first:
		text = "what has its number is another one: the topic was made anew, or has lost records"
	}
	c.conn.cfg.log().Warn(fmt.Sprintf("topic %q partition %d: there is no offset %d, the next one to read; %s; reading goes on at its beginning, offset %d",
		p.topic, p.id, pos, text, s.first))
}

// remade tells that records go to another topic than those before, and begins the
// numbers of its partitions anew. p.mu is held.
func (p *Producer) remade(t *topic) {
	p.conn.cfg.log().Warn(fmt.Sprintf("topic %q was deleted and made again: what was acknowledged before is gone with the old one", t.name))
	for _, part := range t.parts {
		part.renew, part.knownBy = p.idempotent && p.txn == nil, noLeader
	}
}
