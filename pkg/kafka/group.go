package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/IBM/sarama"
	"github.com/logpipe/logpipe/pkg/fault"
)

// session is one generation of a group, as this member sees it.
type session struct {
	member     string
	generation int32
	ctx        context.Context // ends with the generation
	parts      []part
	info       *Session
}

// over tells whether the group has moved on. Without a group it never does.
func (s *session) over() bool { return s != nil && s.ctx.Err() != nil }

// groupPatience is how long a member tries to (re)join a group that its cluster
// does not let it join.
const groupPatience = time.Minute

// member is this process in one generation of a group; its methods are called
// by the library, which keeps the membership. The records are read by readFrom.
type member struct {
	c    *Consumer
	read sync.WaitGroup
	now  *session
}

// startGroup joins the group and reads what it assigns.
func (c *Consumer) startGroup(ctx context.Context, parts []part) error {
	// The offset is checked and the ends are noted now, before the group gives
	// out the partitions: a mistake in -o is told at once.
	if err := c.noteLate(ctx, parts); err != nil {
		return err
	}
	if _, _, err := c.starts(ctx, parts); err != nil {
		return err
	}
	if err := c.learnEnds(ctx, parts); err != nil {
		return err
	}
	group, err := sarama.NewConsumerGroupFromClient(c.cfg.Group, &groupClient{Client: c.conn.client, conn: c.conn, ids: map[string][]int32{}})
	if err != nil {
		return explain(err, "")
	}
	c.work.Go(func() {
		for err := range group.Errors() {
			c.groupError(err)
		}
	})
	c.work.Go(func() {
		c.fail(c.join(group))
		if err := group.Close(); err != nil {
			c.conn.cfg.log().Debug("leave group", "error", err)
		}
	})
	return nil
}

// join stays in the group, generation after generation, and returns why it left.
func (c *Consumer) join(group sarama.ConsumerGroup) error {
	failing := time.Time{}
	for c.ctx.Err() == nil {
		m := &member{c: c}
		topics, ctx := c.begin()
		if len(topics) == 0 {
			<-ctx.Done() // until a topic matches
			continue
		}
		err := group.Consume(ctx, topics, m)
		if c.ctx.Err() != nil || errors.Is(err, sarama.ErrClosedConsumerGroup) {
			return errClosed
		}
		if err == nil || ctx.Err() != nil { // a new generation, or new topics
			failing = time.Time{}
			continue
		}
		c.conn.cfg.log().Debug("join group", "group", c.cfg.Group, "error", err)
		c.conn.outage.failed(err)
		if fault.CodeOf(explain(err, "")) == fault.Unreachable || c.generation > 0 && passing(err) {
			failing = time.Now() // a cluster that is gone is waited for, and a coordinator that there was
		}
		if failing.IsZero() {
			failing = time.Now()
		}
		if fault.HintOf(err) != "" || errors.Is(err, sarama.ErrGroupAuthorizationFailed) || errors.Is(err, sarama.ErrTopicAuthorizationFailed) ||
			errors.Is(err, sarama.ErrFencedInstancedId) ||
			errors.Is(err, sarama.ErrInvalidSessionTimeout) || time.Since(failing) > groupPatience {
			return fmt.Errorf("group %q: %w", c.cfg.Group, explain(err, ""))
		}
		if pause(c.ctx, retryPause) != nil {
			return errClosed
		}
	}
	return errClosed
}

func (c *Consumer) groupError(err error) {
	c.conn.cfg.log().Debug("group", "group", c.cfg.Group, "error", err)
}

// Setup runs when a generation begins: partitions without a committed offset
// get their start, and keep it even if this member dies before its first
// commit. Without that, a restart from the end would skip what came meanwhile.
func (m *member) Setup(s sarama.ConsumerGroupSession) error {
	var parts []part
	for topic, ids := range s.Claims() {
		for _, id := range ids {
			parts = append(parts, part{topic, id})
		}
	}
	if err := m.c.identify(s.Context(), parts); err != nil {
		return err
	}
	if err := m.c.learnEnds(s.Context(), parts); err != nil {
		return err
	}
	m.c.include(parts)
	from, fresh, err := m.c.starts(s.Context(), parts)
	if err != nil {
		return err
	}
	now := &session{member: s.MemberID(), generation: s.GenerationID(), ctx: s.Context(), parts: parts}
	if err := m.c.anew(s.Context(), now, from); err != nil {
		return err
	}
	if ahead := m.c.progress.ahead(from); !m.c.held.Load() {
		maps.Copy(fresh, ahead)
	}
	if err := m.c.commit(s.Context(), now, fresh); err != nil && !errors.Is(err, ErrRevoked) {
		return err
	}
	if err := m.c.present(s.Context(), from, now); err != nil {
		return err
	}
	m.now = now
	m.read.Go(func() { m.c.readFrom(s.Context(), from, now) })
	return nil
}

// starts tells where to begin in each partition, and which of these places are
// fresh: nothing is committed there.
func (c *Consumer) starts(ctx context.Context, parts []part) (from, fresh map[part]int64, err error) {
	from, err = c.conn.committedEach(ctx, c.cfg.Group, parts, func(p part, b *sarama.OffsetFetchResponseBlock) {
		c.epochs.learn(p, b.Offset, epochOf(b.LeaderEpoch))
	})
	if err != nil {
		return nil, nil, err
	}
	var without []part
	for _, p := range parts {
		if from[p] < 0 {
			without = append(without, p)
		}
	}
	begin, err := c.begins(ctx, without)
	maps.Copy(from, begin)
	return from, placed(begin), err
}

// ConsumeClaim would be called where the library read by itself, which groupClient keeps
// it from. Returning ends the generation, and with it the right to commit what was read.
func (m *member) ConsumeClaim(s sarama.ConsumerGroupSession, _ sarama.ConsumerGroupClaim) error {
	<-s.Context().Done()
	return nil
}

// Cleanup runs when a generation ends. Until all members have joined the next one,
// the group still takes what this one has done: who reads on need not do it again.
func (m *member) Cleanup(sarama.ConsumerGroupSession) error {
	m.read.Wait()
	if m.now == nil || m.c.held.Load() {
		return nil
	}
	err := unstopped(context.Background(), farewellPatience, func(ctx context.Context) error {
		return m.c.commit(ctx, m.now, m.c.progress.open(m.now.parts))
	})
	if err != nil {
		m.c.conn.cfg.log().Debug("not committed at the end of a generation", "group", m.c.cfg.Group, "reason", err)
	}
	return nil
}

// farewellPatience is how long the last commit of a generation may take.
const farewellPatience = time.Second
