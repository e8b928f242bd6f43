package kafka

import (
	"context"
	"errors"
	"fmt"

	"github.com/IBM/sarama"
)

// Commit tells the group that the records of a batch, and all before them in
// its partition, are done. It returns when the group's coordinator has stored
// it. ErrRevoked says that another member will read them again. Without a group
// there is nothing to commit.
func (c *Consumer) Commit(ctx context.Context, b Batch) error {
	if c.cfg.Group == "" || len(b.Records) == 0 {
		return nil
	}
	if b.session.over() {
		return ErrRevoked
	}
	return c.commit(ctx, b.session, map[part]int64{{b.Topic, b.Partition}: b.Next()})
}

func (c *Consumer) commit(ctx context.Context, s *session, offsets map[part]int64) error {
	if len(offsets) == 0 {
		return nil
	}
	m := Mark{Group: c.cfg.Group, Member: s.member, Instance: c.cfg.Instance, Generation: s.generation}
	return c.conn.commit(ctx, m, offsets, "")
}

// commit commits offsets in the name of the member that m names.
func (c *conn) commit(ctx context.Context, m Mark, offsets map[part]int64, metadata string) error {
	// Version 7 is the last before the flexible ones and knows static members.
	req := &sarama.OffsetCommitRequest{Version: 7, ConsumerGroup: m.Group, ConsumerGroupGeneration: m.Generation, ConsumerID: m.Member}
	if m.Instance != "" {
		req.GroupInstanceId = &m.Instance
	}
	for p, next := range offsets {
		req.AddBlockWithLeaderEpoch(p.topic, p.id, next, -1, 0, metadata)
	}
	_, err := retry(ctx, c, func() (struct{}, error) { return struct{}{}, c.sendCommit(req) })
	return commitError(m.Group, err)
}

func (c *conn) sendCommit(req *sarama.OffsetCommitRequest) error {
	coordinator, err := c.client.Coordinator(req.ConsumerGroup)
	if err != nil {
		return err
	}
	resp, err := coordinator.CommitOffset(req)
	if err != nil {
		coordinator.Close()
		return errors.Join(err, c.client.RefreshCoordinator(req.ConsumerGroup))
	}
	for _, partitions := range resp.Errors {
		for _, code := range partitions {
			if code == sarama.ErrNotCoordinatorForConsumer || code == sarama.ErrConsumerCoordinatorNotAvailable {
				return errors.Join(code, c.client.RefreshCoordinator(req.ConsumerGroup))
			}
			if code != sarama.ErrNoError {
				return code
			}
		}
	}
	return nil
}

// committed reads what a group has committed; -1 = nothing.
func (c *conn) committed(ctx context.Context, group string, parts []part) (map[part]int64, error) {
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
	}
	return out, nil
}

// stable reads what a group has committed. Offsets that an open transaction will
// commit, or not, are waited for: reading on from those before would read what the
// transaction has put out already. It ends at its own time at the latest.
func (c *conn) stable(ctx context.Context, group string, byTopic map[string][]int32) (*sarama.OffsetFetchResponse, error) {
	for {
		resp, err := retry(ctx, c, func() (*sarama.OffsetFetchResponse, error) { return c.fetchCommitted(group, byTopic, true) })
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
	if b := c.client.LeastLoadedBroker(); b != nil {
		resp, err := b.FindCoordinator(&sarama.FindCoordinatorRequest{Version: 1, CoordinatorKey: group, CoordinatorType: sarama.CoordinatorGroup})
		if err == nil && resp.Err == sarama.ErrGroupAuthorizationFailed {
			return nil, resp.Err
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
