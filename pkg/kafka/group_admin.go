package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/IBM/sarama"
	"github.com/logpipe/logpipe/pkg/fault"
)

// ErrNoGroup is in the chain of every error about a group that does not exist.
var ErrNoGroup = errors.New("unknown group")

// TopicPartition is one partition of a topic.
type TopicPartition struct {
	Topic     string
	Partition int32
}

// Group is what a cluster knows about a group of consumers. A listed group has
// no more than its name, state and type.
type Group struct {
	Name        string
	State       string // Stable, Empty, PreparingRebalance, CompletingRebalance, Dead; "" on brokers before 2.6
	Type        string // consumer (KIP-848) or classic; "" on brokers before 3.8
	Assignor    string // the strategy by which partitions are shared out
	Coordinator string // host:port of the broker that looks after it
	Broker      int32  // its id
	Members     []GroupMember
	Offsets     []GroupOffset // by topic and partition
	Leaderless  int           // partitions of which something is committed, and whose end is not known as none leads them
}

// Active tells whether the group has members.
func (g Group) Active() bool { return len(g.Members) > 0 || g.State != "Empty" && g.State != "Dead" }

// Lag is how many records of its partitions the group has not read; partitions
// that are gone do not count. -1 = it is not known: none leads one of them.
func (g Group) Lag() int64 {
	if g.Leaderless > 0 {
		return -1
	}
	var sum int64
	for _, o := range g.Offsets {
		sum += max(o.Lag(), 0)
	}
	return sum
}

// GroupMember is one consumer of a group.
type GroupMember struct {
	ID         string
	Instance   string // of a static member, or ""
	Client     string
	Host       string
	Partitions []TopicPartition // those it reads
}

// GroupOffset is how far a group has read a partition.
type GroupOffset struct {
	TopicPartition
	Committed int64        // the next offset to read; -1 = nothing is committed
	End       int64        // the offset that the next new record gets; -1 = the topic is gone, or has no leader
	Member    *GroupMember // who reads it, or nil
}

// Lag is how many records are to be read yet; -1 = not known.
func (o GroupOffset) Lag() int64 {
	if o.Committed < 0 || o.End < 0 {
		return -1
	}
	return max(o.End-o.Committed, 0)
}

// ListGroups returns the groups by name.
func (a *Admin) ListGroups(ctx context.Context) ([]Group, error) {
	groups, err := retry(ctx, a.conn, a.listGroups)
	if err != nil {
		return nil, explain(err, "")
	}
	return groups, nil
}

// listGroups asks all brokers at once: each knows those that it coordinates.
func (a *Admin) listGroups() ([]Group, error) {
	cluster, err := a.conn.askMetadata(nil, false)
	if err != nil {
		return nil, err
	}
	answers := make([]*sarama.ListGroupsResponse, len(cluster.Brokers))
	failures := make([]error, len(cluster.Brokers))
	var asking sync.WaitGroup
	for i, one := range cluster.Brokers {
		b := a.conn.brokerAt(one.Addr())
		if b == nil {
			return nil, sarama.ErrClosedClient
		}
		asking.Go(func() {
			var err error
			answers[i], err = b.ListGroups(&sarama.ListGroupsRequest{Version: 5})
			if err != nil {
				b.Close() // the next attempt opens it again
			}
			failures[i] = notListed(b.Addr(), err)
			if err == nil && answers[i].Err != sarama.ErrNoError {
				failures[i] = answers[i].Err
			}
		})
	}
	asking.Wait()
	if err := errors.Join(failures...); err != nil {
		return nil, err
	}
	byName := map[string]Group{}
	for _, answer := range answers {
		for name := range answer.Groups {
			byName[name] = Group{Name: name, State: answer.GroupsData[name].GroupState, Type: strings.ToLower(answer.GroupsData[name].GroupType)}
		}
	}
	return slices.SortedFunc(maps.Values(byName), func(a, b Group) int { return cmp.Compare(a.Name, b.Name) }), nil
}

// DescribeGroups describes groups in the order given; none = all, by name.
func (a *Admin) DescribeGroups(ctx context.Context, names ...string) ([]Group, error) {
	listed, err := a.ListGroups(ctx)
	if err != nil {
		return nil, err
	}
	types := map[string]string{}
	for _, g := range listed {
		types[g.Name] = g.Type
	}
	if len(names) == 0 {
		for _, g := range listed {
			names = append(names, g.Name)
		}
	}
	var groups []Group
	for _, name := range names {
		g, err := a.describeGroup(ctx, name, types[name])
		if err != nil {
			return nil, err
		}
		groups = append(groups, g)
	}
	return groups, a.addEnds(ctx, groups)
}

func (a *Admin) describeGroup(ctx context.Context, name, kind string) (Group, error) {
	g, err := retry(ctx, a.conn, func() (Group, error) { return a.askGroup(name, kind) })
	if errors.Is(err, sarama.ErrGroupIDNotFound) || err == nil && g.State == "Dead" {
		return g, noGroup(name)
	}
	if err != nil {
		return g, groupFailure(name, err)
	}
	offsets, err := a.committedBy(ctx, name)
	if err != nil {
		return g, err
	}
	owners := map[TopicPartition]*GroupMember{}
	for i := range g.Members {
		for _, p := range g.Members[i].Partitions {
			owners[p] = &g.Members[i]
			if _, ok := offsets[p]; !ok {
				offsets[p] = -1
			}
		}
	}
	for p, n := range offsets {
		g.Offsets = append(g.Offsets, GroupOffset{p, n, -1, owners[p]})
	}
	slices.SortFunc(g.Offsets, func(a, b GroupOffset) int { return comparePartitions(a.TopicPartition, b.TopicPartition) })
	return g, nil
}

func comparePartitions(a, b TopicPartition) int {
	return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
}

func noGroup(name string) error {
	return fault.Hint(topicError{fmt.Sprintf("group %q does not exist", name), ErrNoGroup}, "logpipe group list shows the groups")
}

// groupFailure words what the coordinator of a group refuses.
func groupFailure(name string, err error) error {
	switch {
	case errors.Is(err, sarama.ErrGroupIDNotFound):
		return noGroup(name)
	case errors.Is(err, sarama.ErrNonEmptyGroup), errors.Is(err, sarama.ErrUnknownMemberId), errors.Is(err, sarama.ErrGroupSubscribedToTopic):
		return active(name, "members")
	case fault.HintOf(err) != "":
		return err
	}
	return fmt.Errorf("group %q: %w", name, explain(err, ""))
}

// active is the refusal to change a group with members.
func active(name, who string) error {
	return fault.Hint(fmt.Errorf("group %q is active: it has %s", name, who),
		"end its consumers first; logpipe group describe %s --members shows them", name)
}

// askGroup asks the coordinator of a group about its members.
func (a *Admin) askGroup(name, kind string) (Group, error) {
	g := Group{Name: name, Type: kind}
	b, err := a.conn.coordinator(name)
	if err != nil {
		return g, err
	}
	g.Coordinator, g.Broker = b.Addr(), b.ID()
	if kind == "consumer" {
		err = describeConsumers(b, &g)
	} else {
		err = describeClassic(b, &g)
	}
	var code sarama.KError
	if err != nil && (!errors.As(err, &code) || passing(err)) {
		err = errors.Join(err, a.conn.client.RefreshCoordinator(name))
	}
	slices.SortFunc(g.Members, func(a, b GroupMember) int {
		return cmp.Or(cmp.Compare(a.Client, b.Client), cmp.Compare(a.ID, b.ID))
	})
	return g, err
}

func describeClassic(b *sarama.Broker, g *Group) error {
	resp, err := b.DescribeGroups(&sarama.DescribeGroupsRequest{Version: 5, Groups: []string{g.Name}})
	if err != nil {
		return err
	}
	for _, d := range resp.Groups {
		if d.Err != sarama.ErrNoError {
			return d.Err
		}
		g.State, g.Assignor = d.State, d.Protocol
		for _, m := range d.Members {
			member := GroupMember{ID: m.MemberId, Client: m.ClientId, Host: m.ClientHost}
			if m.GroupInstanceId != nil {
				member.Instance = *m.GroupInstanceId
			}
			// A member that has no partitions yet has no assignment.
			if assigned, err := m.GetMemberAssignment(); err == nil && assigned != nil {
				for topic, ids := range assigned.Topics {
					member.add(topic, ids)
				}
			}
			g.Members = append(g.Members, member)
		}
	}
	return nil
}

// describeConsumers asks about a group of the protocol of KIP-848.
func describeConsumers(b *sarama.Broker, g *Group) error {
	resp, err := b.ConsumerGroupDescribe(&sarama.ConsumerGroupDescribeRequest{GroupIDs: []string{g.Name}})
	if err != nil {
		return err
	}
	for _, d := range resp.Groups {
		if d.ErrorCode != sarama.ErrNoError {
			return d.ErrorCode
		}
		g.State, g.Assignor = d.GroupState, d.AssignorName
		for _, m := range d.Members {
			member := GroupMember{ID: m.MemberID, Client: m.ClientID, Host: m.ClientHost}
			if m.InstanceID != nil {
				member.Instance = *m.InstanceID
			}
			for _, t := range m.Assignment.TopicPartitions {
				member.add(t.TopicName, t.Partitions)
			}
			g.Members = append(g.Members, member)
		}
	}
	return nil
}

func (m *GroupMember) add(topic string, ids []int32) {
	for _, id := range ids {
		m.Partitions = append(m.Partitions, TopicPartition{topic, id})
	}
	slices.SortFunc(m.Partitions, comparePartitions)
}

// committedBy reads all that a group has committed.
func (a *Admin) committedBy(ctx context.Context, group string) (map[TopicPartition]int64, error) {
	resp, err := retry(ctx, a.conn, func() (*sarama.OffsetFetchResponse, error) { return a.conn.fetchCommitted(group, nil, false) })
	if err != nil {
		return nil, groupFailure(group, err)
	}
	offsets := map[TopicPartition]int64{}
	for topic, blocks := range resp.Blocks {
		for id, block := range blocks {
			if block.Err == sarama.ErrNoError && block.Offset >= 0 {
				offsets[TopicPartition{topic, id}] = block.Offset
			}
		}
	}
	return offsets, nil
}

// addEnds tells for each partition of the groups where it ends. One without a leader is
// told: the others, and what is committed, are no less true for it.
func (a *Admin) addEnds(ctx context.Context, groups []Group) error {
	var parts []part
	for _, g := range groups {
		for _, o := range g.Offsets {
			parts = append(parts, part{o.Topic, o.Partition})
		}
	}
	ends, leaderless, err := a.offsetsAt(ctx, parts, sarama.OffsetNewest)
	if err != nil {
		return err
	}
	if len(leaderless) > 0 {
		a.conn.cfg.log().Warn("no leader, so that it is not known where they end: " + partsText(leaderless))
	}
	for i := range groups {
		g := &groups[i]
		for j := range g.Offsets {
			o := &g.Offsets[j]
			p := part{o.Topic, o.Partition}
			if n, ok := ends[p]; ok {
				o.End = n
			} else if o.Committed >= 0 && slices.Contains(leaderless, p) {
				g.Leaderless++
			}
		}
	}
	return nil
}

// DeleteGroups deletes groups with what they have committed, and stops at the
// first that cannot be: a group with members stays.
func (a *Admin) DeleteGroups(ctx context.Context, names ...string) error {
	for _, name := range names {
		err := a.changeAgain(ctx, func(c sarama.ClusterAdmin) error { return c.DeleteConsumerGroup(name) })
		if err != nil {
			return groupFailure(name, err)
		}
	}
	return nil
}
