package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/IBM/sarama"
	"github.com/logpipe/logpipe/pkg/fault"
)

// How often a reader looks for what is new.
const (
	rescanPatterns = 5 * time.Second
	rescanTopics   = 30 * time.Second
)

// compile reads the patterns of topics.
func compile(patterns []string) ([]*regexp.Regexp, error) {
	var list []*regexp.Regexp
	for _, text := range patterns {
		re, err := regexp.Compile(text)
		if err != nil {
			return nil, fault.Hint(fault.Usagef("topics %q: %w", text, err), "a word that begins with ^ is a regular expression for names of topics: '^clicks-.*'")
		}
		list = append(list, re)
	}
	return list, nil
}

// matching lists the topics to read: those that are named, and those that match.
// What the brokers keep for themselves does not match, but by a pattern for it.
func (c *Consumer) matching(ctx context.Context) ([]string, error) {
	topics := slices.Clone(c.cfg.Topics)
	if len(c.patterns) == 0 {
		return topics, nil
	}
	resp, err := c.conn.metadata(ctx, nil, false)
	if err != nil {
		return nil, explain(err, "")
	}
	for _, t := range resp.Topics {
		for _, re := range c.patterns {
			if re.MatchString(t.Name) && (!t.IsInternal || strings.HasPrefix(re.String(), "^__")) && !slices.Contains(topics, t.Name) {
				topics = append(topics, t.Name)
			}
		}
	}
	slices.Sort(topics[len(c.cfg.Topics):])
	return topics, nil
}

// watch looks for new topics and partitions for as long as the consumer lives.
func (c *Consumer) watch(known []part) {
	every := c.cfg.Rescan
	if every <= 0 {
		every = rescanTopics
		if len(c.patterns) > 0 {
			every = rescanPatterns
		}
	}
	for pause(c.ctx, every) == nil {
		known = c.back(known)
		topics, err := c.matching(c.ctx)
		if err == nil {
			topics, err = c.existing(topics)
		}
		if err != nil {
			c.conn.cfg.log().Debug("look for new topics", "error", err)
			continue
		}
		parts, err := c.conn.partitionsOf(c.ctx, topics, c.cfg.Partitions)
		if err != nil {
			c.conn.cfg.log().Debug("look for new topics", "error", err)
			continue
		}
		added := slices.DeleteFunc(parts, func(p part) bool { return slices.Contains(known, p) })
		if len(added) == 0 {
			continue
		}
		known = append(known, added...)
		c.readNew(topics, added)
	}
}

// existing are those of topics that are there. One that was deleted is read no
// longer; leaders tell of it.
func (c *Consumer) existing(topics []string) ([]string, error) {
	var list []string
	for _, t := range topics {
		switch _, err := c.conn.topic(c.ctx, t, false); {
		case err == nil:
			list = append(list, t)
		case !errors.Is(err, ErrNoTopic):
			return nil, err
		}
	}
	return list, nil
}

// noteLate notes which partitions have come when the group had begun to read: of
// their topic, or of all that match, it has committed others, which a member does
// with all that it is given. They are read from their first record on.
func (c *Consumer) noteLate(ctx context.Context, parts []part) error {
	committed, err := c.conn.committed(ctx, c.cfg.Group, parts)
	if err != nil {
		return err
	}
	topic := func(p part) string {
		if slices.Contains(c.cfg.Topics, p.topic) {
			return p.topic
		}
		return "" // that match
	}
	read := map[string]bool{}
	for _, p := range parts {
		read[topic(p)] = read[topic(p)] || committed[p] >= 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known = map[part]bool{}
	for _, p := range parts {
		c.known[p] = true
		if committed[p] < 0 && read[topic(p)] {
			c.late[p] = true
		}
	}
	return nil
}

// include notes which partitions a group gives out that were not there when this
// member began.
func (c *Consumer) include(parts []part) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range parts {
		if !c.known[p] {
			c.known[p], c.late[p] = true, true
		}
	}
}

// readNew begins to read what has come: from its first record on, for none was
// there when reading began.
func (c *Consumer) readNew(topics []string, added []part) {
	c.mu.Lock()
	c.topics = topics
	for _, p := range added {
		c.late[p] = true
	}
	rejoin := c.rejoin
	c.mu.Unlock()
	c.conn.cfg.log().Debug("new partitions are read", "partitions", fmt.Sprint(added))
	if c.cfg.Group != "" {
		if rejoin != nil {
			rejoin()
		}
		return
	}
	from, err := c.begins(c.ctx, added)
	if err != nil {
		if c.ctx.Err() == nil {
			c.fail(err)
		}
		return
	}
	c.work.Go(func() { c.readFrom(c.ctx, from, nil) })
}

// begins tells where to start in partitions of which nothing is committed.
func (c *Consumer) begins(ctx context.Context, parts []part) (map[part]int64, error) {
	var first, late []part
	c.mu.Lock()
	for _, p := range parts {
		if c.late[p] {
			late = append(late, p)
		} else {
			first = append(first, p)
		}
	}
	c.mu.Unlock()
	from, err := c.starting(ctx, c.cfg.From, first)
	if err != nil {
		return nil, err
	}
	began, err := c.starting(ctx, Beginning, late)
	maps.Copy(from, began)
	return from, err
}

// begin tells which topics the group's next generation is about; ctx ends when
// there are others.
func (c *Consumer) begin() (topics []string, ctx context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.rejoin != nil {
		c.rejoin()
	}
	ctx, c.rejoin = context.WithCancel(c.ctx)
	return c.topics, ctx
}

// noteLag notes how far a partition is read.
func (c *Consumer) noteLag(b Batch) {
	c.mu.Lock()
	c.behind[part{b.Topic, b.Partition}] = max(b.End-b.Next(), 0)
	c.mu.Unlock()
}

// Lag is how many records are still to be read in the partitions of which some
// were; they are counted when records arrive.
func (c *Consumer) Lag() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	var sum int64
	for _, n := range c.behind {
		sum += n
	}
	return sum
}

// forget ends the reading of a topic that was deleted, where it is read because
// its name matches: the others go on. It comes back when its name does.
func (c *Consumer) forget(topic string, open []*reading, s *session) bool {
	if len(c.patterns) == 0 || slices.Contains(c.cfg.Topics, topic) {
		return false
	}
	c.conn.cfg.log().Warn(fmt.Sprintf("topic %q was deleted; the other topics are read on", topic))
	for _, r := range open {
		if r.topic == topic {
			r.pos, r.unclear = max(r.pos, 0), false
			r.last = r.pos
		}
	}
	if s != nil {
		s.info.lose(topic)
	}
	c.ids.learn(topic, sarama.Uuid{})
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gone = append(c.gone, topic)
	c.remakes[topic]++ // what comes back is another one
	c.progress.forget(topic)
	c.epochs.forget(topic)
	return true
}

// back drops from known what was deleted since the last call.
func (c *Consumer) back(known []part) []part {
	c.mu.Lock()
	defer c.mu.Unlock()
	gone := c.gone
	c.gone = nil
	return slices.DeleteFunc(known, func(p part) bool { return slices.Contains(gone, p.topic) })
}
