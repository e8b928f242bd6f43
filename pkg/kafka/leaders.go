package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/IBM/sarama"
)

// learn has the library learn the brokers and which of them is the controller. It takes
// that from its metadata of any topic, and tries for seconds where one that it asks for
// has a partition without a leader, as any has whose only replica is on a dead broker.
// So it is given one in which all is well.
func (c *conn) learn(ctx context.Context) error {
	resp, err := c.metadata(ctx, nil, false)
	if err != nil {
		return err
	}
	var one []string // none = all
	if i := slices.IndexFunc(resp.Topics, whole); i >= 0 {
		one = []string{resp.Topics[i].Name}
	}
	err = c.client.RefreshMetadata(one...)
	if errors.Is(err, sarama.ErrLeaderNotAvailable) || errors.Is(err, sarama.ErrUnknownTopicOrPartition) {
		return nil // that is of topics; the brokers were in the same answer
	}
	return err
}

// whole tells whether each partition of a topic has a leader.
func whole(t *sarama.TopicMetadata) bool {
	return t.Err == sarama.ErrNoError && len(t.Partitions) > 0 &&
		!slices.ContainsFunc(t.Partitions, func(p *sarama.PartitionMetadata) bool { return p.Leader < 0 || p.Err != sarama.ErrNoError })
}

// leadership is who leads partitions; those that there are not are in none of the two.
type leadership struct {
	brokers map[part]*sarama.Broker
	none    []part // without a leader, in the order of the question
	pending *part  // one of these that may get a leader soon: a replica of it runs
}

// of is the leader of a partition.
func (l leadership) of(p part) (*sarama.Broker, error) {
	if b := l.brokers[p]; b != nil {
		return b, nil
	}
	return nil, sarama.ErrUnknownTopicOrPartition
}

// leaders finds out who leads partitions, in one try.
func (c *conn) leaders(parts []part) (l leadership, err error) {
	var topics []string
	for _, p := range parts {
		topics = append(topics, p.topic)
	}
	slices.Sort(topics)
	resp, err := c.askMetadata(slices.Compact(topics), false)
	if err != nil {
		return l, err
	}
	addrs := map[int32]string{}
	for _, b := range resp.Brokers {
		addrs[b.ID()] = b.Addr()
	}
	l.brokers = map[part]*sarama.Broker{}
	known := map[part]*sarama.PartitionMetadata{}
	for _, t := range resp.Topics {
		if t.Err != sarama.ErrNoError && t.Err != sarama.ErrUnknownTopicOrPartition {
			return l, explain(t.Err, t.Name) // its partitions are not in the answer
		}
		for _, p := range t.Partitions {
			known[part{t.Name, p.ID}] = p
		}
	}
	for _, p := range parts {
		m := known[p]
		if m == nil {
			continue
		}
		if addr, ok := addrs[m.Leader]; ok {
			if l.brokers[p] = c.brokerAt(addr); l.brokers[p] == nil {
				return l, sarama.ErrClosedClient
			}
			continue
		}
		l.none = append(l.none, p)
		if l.pending == nil && mayLead(m) {
			l.pending = &p
		}
	}
	return l, nil
}

// mayLead tells whether a partition without a leader has a replica in sync that runs.
func mayLead(p *sarama.PartitionMetadata) bool {
	candidates := p.Isr
	if len(candidates) == 0 {
		candidates = p.Replicas
	}
	return slices.ContainsFunc(candidates, func(id int32) bool { return !slices.Contains(p.OfflineReplicas, id) })
}

// offsetsAt asks the leaders of partitions, each once, for the first offset at or
// after a time in milliseconds, or at one of the library's special times.
// Partitions that are gone have none; -1 = no record is that young. Those in leaderless
// have no leader to ask, and will have none soon.
func (a *Admin) offsetsAt(ctx context.Context, parts []part, at int64) (found map[part]int64, leaderless []part, err error) {
	if len(parts) == 0 {
		return map[part]int64{}, nil, nil
	}
	type answer struct {
		found      map[part]int64
		leaderless []part
	}
	tries := 0
	got, err := retry(ctx, a.conn, func() (answer, error) {
		l, err := a.conn.leaders(parts)
		if err != nil {
			return answer{}, err
		}
		if tries++; l.pending != nil && tries < metadataRetries {
			a.conn.outage.leaderless(l.pending.topic)
			return answer{}, explain(sarama.ErrLeaderNotAvailable, l.pending.topic)
		}
		led := slices.DeleteFunc(slices.Clone(parts), func(p part) bool { return slices.Contains(l.none, p) })
		found, topic, err := a.conn.tryOffsets(led, at, sarama.ReadUncommitted, l.of)
		if isCode(err) {
			err = explain(err, topic)
		}
		return answer{found, l.none}, err
	})
	if !isCode(err) {
		err = explain(err, "")
	}
	return got.found, got.leaderless, err
}

// allOffsetsAt is offsetsAt where each partition has to have a leader.
func (a *Admin) allOffsetsAt(ctx context.Context, parts []part, at int64) (map[part]int64, error) {
	found, leaderless, err := a.offsetsAt(ctx, parts, at)
	if err == nil && len(leaderless) > 0 {
		err = explain(sarama.ErrLeaderNotAvailable, leaderless[0].topic)
	}
	return found, err
}

// awaitLeaders waits for elections that go on, and fails where a partition will not have
// a leader: who reads would wait for it.
func (a *Admin) awaitLeaders(ctx context.Context, parts []part) error {
	_, err := a.allOffsetsAt(ctx, parts, sarama.OffsetNewest)
	return err
}

// partsText names partitions.
func partsText(parts []part) string {
	var names []string
	for _, p := range parts {
		names = append(names, fmt.Sprintf("%s/%d", p.topic, p.id))
	}
	return few(names)
}
