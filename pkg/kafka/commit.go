package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/IBM/sarama"
)

// Commit tells the group that the records of a batch, and all before them in
// its partition, are done. It returns when the group's coordinator has stored
// it. ErrRevoked says that another member will read them again. Without a group
// there is nothing to commit.
func (c *Consumer) Commit(ctx context.Context, b Batch) error {
	return c.CommitAll(ctx, []Batch{b})
}

// CommitAll is Commit of batches of any partitions, in one request. Where ErrRevoked is
// the error, those that no other member reads again are stored.
func (c *Consumer) CommitAll(ctx context.Context, list []Batch) error {
	if c.cfg.Group == "" {
		return nil
	}
	revoked := false
	bySession := map[*session]map[part]int64{}
	for _, b := range list {
		if len(b.Records) == 0 {
			continue
		}
		c.Done(b)
		if b.session.over() || b.made != c.made(b.part()) {
			revoked = true
			continue
		}
		if bySession[b.session] == nil {
			bySession[b.session] = map[part]int64{}
		}
		bySession[b.session][b.part()] = max(bySession[b.session][b.part()], b.Next())
	}
	for s, offsets := range bySession { // one: the others are over
		err := c.commit(ctx, s, offsets)
		if err != nil && !errors.Is(err, ErrRevoked) {
			return err
		}
		revoked = revoked || err != nil
	}
	if revoked {
		return ErrRevoked
	}
	return nil
}

// commit commits offsets of topics as they are known. ErrRevoked says that one of them
// is another one by now, too.
func (c *Consumer) commit(ctx context.Context, s *session, offsets map[part]int64) error {
	if len(offsets) == 0 {
		return nil
	}
	m := Mark{Group: c.cfg.Group, Member: s.member, Instance: c.cfg.Instance, Generation: s.generation,
		Topics: c.ids.names(slices.Collect(maps.Keys(offsets))), Leaders: c.leadersOf(offsets)}
	done, err := c.conn.commit(ctx, m, offsets)
	if err == nil {
		c.progress.stored(done)
	}
	if err == nil && len(done) < len(offsets) {
		return ErrRevoked
	}
	return err
}

// commit commits offsets in the name of the member that m names, and returns those
// that were: what was read of a topic that is another one now is left out.
func (c *conn) commit(ctx context.Context, m Mark, offsets map[part]int64) (map[part]int64, error) {
	done, err := patient(ctx, c, func() (map[part]int64, error) {
		left, err := c.unchanged(ctx, m.Group, m.Topics, offsets)
		if err != nil || len(left) == 0 {
			return nil, err
		}
		// Version 7 is the last before the flexible ones and knows static members.
		req := &sarama.OffsetCommitRequest{Version: 7, ConsumerGroup: m.Group, ConsumerGroupGeneration: m.Generation, ConsumerID: m.Member}
		if m.Instance != "" {
			req.GroupInstanceId = &m.Instance
		}
		for p, next := range left {
			req.AddBlockWithLeaderEpoch(p.topic, p.id, next, leader(m.Leaders, p.String()), 0, m.Note(p.String()))
		}
		gone, err := c.sendKnown(ctx, req)
		maps.DeleteFunc(left, func(p part, _ int64) bool { return slices.Contains(gone, p) })
		c.tellGone(gone)
		return left, err
	})
	return done, commitError(m.Group, err)
}

// sendKnown is sendCommit; partitions that there are not are asked for again for a while:
// the coordinator may not have heard of new ones that others know.
func (c *conn) sendKnown(ctx context.Context, req *sarama.OffsetCommitRequest) (gone []part, err error) {
	for since := time.Now(); ; {
		gone, err = c.sendCommit(req)
		if err != nil || c.replaced.gone(gone) || time.Since(since) >= lagging {
			return gone, err
		}
		if err := pause(ctx, retryPause); err != nil {
			return nil, err
		}
	}
}

// sendCommit is one attempt; gone are the partitions that there are not.
func (c *conn) sendCommit(req *sarama.OffsetCommitRequest) (gone []part, err error) {
	coordinator, err := c.client.Coordinator(req.ConsumerGroup)
	if err != nil {
		return nil, err
	}
	resp, err := coordinator.CommitOffset(req)
	if err != nil {
		coordinator.Close()
		return nil, errors.Join(err, c.client.RefreshCoordinator(req.ConsumerGroup))
	}
	for topic, partitions := range resp.Errors {
		for id, code := range partitions {
			switch code {
			case sarama.ErrNoError:
			case sarama.ErrUnknownTopicOrPartition:
				gone = append(gone, part{topic, id})
			case sarama.ErrNotCoordinatorForConsumer, sarama.ErrConsumerCoordinatorNotAvailable:
				return nil, errors.Join(code, c.client.RefreshCoordinator(req.ConsumerGroup))
			default:
				return nil, code
			}
		}
	}
	return gone, nil
}

// committed reads what a group has committed; -1 = nothing.
func (c *conn) committed(ctx context.Context, group string, parts []part) (map[part]int64, error) {
	return c.committedEach(ctx, group, parts, func(part, *sarama.OffsetFetchResponseBlock) {})
}

// committedEach is committed; each sees what is stored with each place.
func (c *conn) committedEach(ctx context.Context, group string, parts []part, each func(part, *sarama.OffsetFetchResponseBlock)) (map[part]int64, error) {
	byTopic := map[string][]int32{}
	for _, p := range parts {
		byTopic[p.topic] = append(byTopic[p.topic], p.id)
	}
	out := make(map[part]int64, len(parts))
	if len(parts) == 0 {
		return out, nil
	}
	resp, err := c.stable(ctx, group, byTopic)
	if err != nil {
		return nil, fmt.Errorf("group %q: read committed offsets: %w", group, explain(err, ""))
	}
	for _, p := range parts {
		block := resp.GetBlock(p.topic, p.id)
		if block == nil {
			out[p] = -1
			continue
		}
		if block.Err != sarama.ErrNoError {
			return nil, explain(block.Err, p.topic)
		}
		out[p] = block.Offset
		each(p, block)
	}
	return out, nil
}

// stable reads what a group has committed. Offsets that an open transaction will
// commit, or not, are waited for: reading on from those before would read what the
// transaction has put out already. It ends at its own time at the latest.
func (c *conn) stable(ctx context.Context, group string, byTopic map[string][]int32) (*sarama.OffsetFetchResponse, error) {
	for {
		resp, err := lasting(ctx, c, func() (*sarama.OffsetFetchResponse, error) { return c.fetchCommitted(group, byTopic, true) })
		if err != nil || !unstable(resp) {
			return resp, err
		}
		c.cfg.log().Debug("a transaction holds offsets of the group", "group", group)
		if err := pause(ctx, retryPause/5); err != nil {
			return nil, err
		}
	}
}

func unstable(resp *sarama.OffsetFetchResponse) bool {
	for _, parts := range resp.Blocks {
		for _, block := range parts {
			if block.Err == sarama.ErrUnstableOffsetCommit {
				return true
			}
		}
	}
	return false
}

// coordinator finds the broker that looks after a group. The library tries again
// for seconds where it is not allowed to know.
func (c *conn) coordinator(group string) (*sarama.Broker, error) {
	if b := c.someBroker(); b != nil {
		resp, err := b.FindCoordinator(&sarama.FindCoordinatorRequest{Version: 1, CoordinatorKey: group, CoordinatorType: sarama.CoordinatorGroup})
		if err == nil && resp.Err == sarama.ErrGroupAuthorizationFailed {
			return nil, resp.Err
		}
		if err != nil {
			c.leaveBroker(b)
		}
	}
	return c.client.Coordinator(group)
}

// fetchCommitted asks for what a group has committed, all or of these partitions.
// stable refuses where an open transaction may change it.
func (c *conn) fetchCommitted(group string, parts map[string][]int32, stable bool) (*sarama.OffsetFetchResponse, error) {
	coordinator, err := c.coordinator(group)
	if err != nil {
		return nil, err
	}
	// Up to version 7 a request is about one group.
	req := sarama.NewOffsetFetchRequest(sarama.V2_8_0_0, group, parts)
	req.RequireStable = stable
	resp, err := coordinator.FetchOffset(req)
	if err != nil {
		coordinator.Close()
		return nil, errors.Join(err, c.client.RefreshCoordinator(group))
	}
	switch resp.Err {
	case sarama.ErrNoError:
		return resp, nil
	case sarama.ErrGroupIDNotFound:
		return &sarama.OffsetFetchResponse{}, nil // it has not committed yet
	case sarama.ErrNotCoordinatorForConsumer:
		return nil, errors.Join(resp.Err, c.client.RefreshCoordinator(group))
	}
	return nil, resp.Err
}
