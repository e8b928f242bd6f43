package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/IBM/sarama"
	"github.com/logpipe/logpipe/pkg/fault"
)

// Reset says where a group is to go on. Exactly one of To, Shift and Exact counts.
type Reset struct {
	Topics     []string // only these; nil = all of which the group has committed anything
	Partitions []int32  // only these of each topic; nil = all
	To         *Offset  // this place
	Shift      int64    // so many records from where the group is
	Exact      []Move   // these offsets
}

// Move is the step of a group in a partition.
type Move struct {
	TopicPartition
	From int64 // committed before; -1 = nothing
	To   int64
}

// PlanReset tells what a reset would commit, in order of topic and partition. A
// group with members is refused: their own commits would undo it. A group that
// does not exist begins to, where Topics are named.
func (a *Admin) PlanReset(ctx context.Context, group string, r Reset) ([]Move, error) {
	if err := a.resting(ctx, group, len(r.Topics) > 0 || len(r.Exact) > 0); err != nil {
		return nil, err
	}
	committed, err := a.committedBy(ctx, group)
	if err != nil {
		return nil, err
	}
	parts, err := a.resetParts(ctx, group, r, committed)
	if err != nil {
		return nil, err
	}
	if len(parts) == 0 {
		return nil, fault.Hint(fmt.Errorf("group %q has committed nothing", group), "--topic names topics that it is to read")
	}
	if err := a.awaitLeaders(ctx, parts); err != nil {
		return nil, err
	}
	to, err := a.resetTo(ctx, r, parts, committed)
	if err != nil {
		return nil, err
	}
	var plan []Move
	for _, p := range parts {
		key := TopicPartition{p.topic, p.id}
		from, ok := committed[key]
		if !ok {
			from = -1
		}
		plan = append(plan, Move{key, from, to[p]})
	}
	return plan, nil
}

// resting finds out that a group has no members. A group that does not exist
// has none.
func (a *Admin) resting(ctx context.Context, group string, mayBegin bool) error {
	listed, err := a.ListGroups(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(listed, func(g Group) bool { return g.Name == group })
	if i < 0 {
		if mayBegin {
			return nil
		}
		return noGroup(group)
	}
	g, err := retry(ctx, a.conn, func() (Group, error) { return a.askGroup(group, listed[i].Type) })
	if err != nil {
		return groupFailure(group, err)
	}
	switch n := len(g.Members); {
	case n == 1:
		return active(group, "1 member")
	case n > 1:
		return active(group, fmt.Sprintf("%d members", n))
	case g.Active():
		return active(group, "members that are joining ("+g.State+")")
	}
	return nil
}

// resetParts lists the partitions that a reset is about, in order.
func (a *Admin) resetParts(ctx context.Context, group string, r Reset, committed map[TopicPartition]int64) ([]part, error) {
	var parts []part
	switch {
	case len(r.Exact) > 0:
		for _, m := range r.Exact {
			parts = append(parts, part{m.Topic, m.Partition})
		}
	case len(r.Topics) > 0:
		var err error
		if parts, err = a.conn.partitionsOf(ctx, r.Topics, r.Partitions); err != nil {
			return nil, err
		}
	default:
		for p := range committed {
			if r.Partitions == nil || slices.Contains(r.Partitions, p.Partition) {
				parts = append(parts, part{p.Topic, p.Partition})
			}
		}
	}
	slices.SortFunc(parts, func(a, b part) int {
		return comparePartitions(TopicPartition{a.topic, a.id}, TopicPartition{b.topic, b.id})
	})
	return parts, nil
}

func (a *Admin) resetTo(ctx context.Context, r Reset, parts []part, committed map[TopicPartition]int64) (map[part]int64, error) {
	if r.To != nil {
		return a.resolve(ctx, *r.To, parts)
	}
	to := map[part]int64{}
	spans, err := a.conn.spans(ctx, parts)
	if err != nil {
		return nil, err
	}
	for _, p := range parts {
		s := spans[p]
		if len(r.Exact) == 0 {
			from, ok := committed[TopicPartition{p.topic, p.id}]
			if !ok {
				return nil, fault.Hint(fmt.Errorf("topic %q partition %d: nothing is committed, so there is nothing to shift", p.topic, p.id),
					"--to beginning or --to end sets it")
			}
			to[p] = min(max(from+r.Shift, s.first), s.next)
			continue
		}
		for _, m := range r.Exact {
			if m.Topic == p.topic && m.Partition == p.id {
				to[p] = min(max(m.To, s.first), s.next)
			}
		}
	}
	return to, nil
}

// CommitReset commits a plan for a group without members. The coordinator refuses
// it where a member has come meanwhile.
func (a *Admin) CommitReset(ctx context.Context, group string, plan []Move) error {
	req := &sarama.OffsetCommitRequest{Version: 7, ConsumerGroup: group, ConsumerGroupGeneration: -1}
	for _, m := range plan {
		req.AddBlockWithLeaderEpoch(m.Topic, m.Partition, m.To, -1, 0, "")
	}
	gone, err := retry(ctx, a.conn, func() ([]part, error) { return a.conn.sendKnown(ctx, req) })
	if err == nil && len(gone) > 0 {
		err = a.notReset(ctx, len(plan), gone)
	}
	if errors.Is(err, sarama.ErrIllegalGeneration) || errors.Is(err, sarama.ErrRebalanceInProgress) {
		return active(group, "members that have come meanwhile")
	}
	if err != nil {
		return groupFailure(group, err)
	}
	return nil
}

// notReset tells of those partitions, among so many, that the coordinator does not know.
func (a *Admin) notReset(ctx context.Context, of int, gone []part) error {
	p := slices.MinFunc(gone, func(x, y part) int { return cmp.Or(cmp.Compare(x.topic, y.topic), cmp.Compare(x.id, y.id)) })
	_, err := a.conn.topic(ctx, p.topic, false)
	if err == nil {
		err = fault.Hint(fmt.Errorf("topic %q partition %d: the group's coordinator does not know it", p.topic, p.id), "run it again")
	}
	if of > len(gone) {
		err = fault.Hint(fmt.Errorf("%d of %d partitions are reset, the others are not: %w", of-len(gone), of, err), "%s", fault.HintOf(err))
	}
	return err
}
