package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/IBM/sarama"
	"github.com/logpipe/logpipe/pkg/fault"
)

// Admin creates, lists, describes and deletes topics.
type Admin struct {
	conn *conn

	mu         sync.Mutex
	controller sarama.ClusterAdmin // by way of it; nil = nothing has gone there
}

// Topic is what a cluster knows about a topic.
type Topic struct {
	Name        string
	ID          string // as Kafka prints it; "" on brokers before 2.8
	Internal    bool   // kept by the brokers for themselves
	Partitions  []Partition
	Replication int       // replicas of the first partition
	Configs     []Setting // those that differ from Kafka's defaults, in the broker's order
	Settings    int       // how many it has with those that do not
}

// Setting is one setting of a topic, with Kafka's name for it.
type Setting struct{ Name, Value string }

// Partition is one partition of a topic. Brokers are given by id.
type Partition struct {
	ID       int32
	Leader   int32 // -1 = none
	Replicas []int32
	ISR      []int32 // replicas that are in sync
	Offline  []int32 // replicas that do not run

	// The eligible leader replicas of KIP-966. They are empty while enough
	// replicas are in sync; in every other case they are not known here.
	ELR, LastKnownELR []int32
	ELRKnown          bool
}

// NewAdmin connects to a cluster.
func NewAdmin(ctx context.Context, cfg Config) (*Admin, error) {
	c, err := connect(ctx, cfg, func(conf *sarama.Config) {
		conf.Net.Proxy.Enable, conf.Net.Proxy.Dialer = true, newPromptDialer(conf, cfg.Brokers, cfg.log())
	})
	if err != nil {
		return nil, err
	}
	return newAdmin(c), nil
}

func newAdmin(c *conn) *Admin { return &Admin{conn: c} }

// changes is what goes to the controller. It is found once, when something does.
func (a *Admin) changes(ctx context.Context) (sarama.ClusterAdmin, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.controller != nil {
		return a.controller, nil
	}
	if err := a.conn.learn(ctx); err != nil {
		return nil, err
	}
	var err error
	a.controller, err = sarama.NewClusterAdminFromClient(a.conn.client)
	return a.controller, err
}

// change makes a call that goes to the controller, or by way of it.
func change[T any](ctx context.Context, a *Admin, call func(sarama.ClusterAdmin) (T, error)) (T, error) {
	admin, err := a.changes(ctx)
	if err != nil {
		var none T
		return none, err
	}
	return call(admin)
}

// changed is change of a call without a result.
func changed(ctx context.Context, a *Admin, call func(sarama.ClusterAdmin) error) (struct{}, error) {
	return change(ctx, a, func(admin sarama.ClusterAdmin) (struct{}, error) { return struct{}{}, call(admin) })
}

// changeAgain repeats a change while an election is in its way. To whom it goes is found
// out before, with tries of its own.
func (a *Admin) changeAgain(ctx context.Context, call func(sarama.ClusterAdmin) error) error {
	if _, err := await(ctx, func() (sarama.ClusterAdmin, error) { return a.changes(ctx) }); err != nil {
		return err
	}
	_, err := retry(ctx, a.conn, func() (struct{}, error) { return changed(ctx, a, call) })
	return err
}

// Close ends the connections.
func (a *Admin) Close() error { return a.conn.close() }

// CreateTopic makes a topic. partitions and replication of -1 leave the number
// to the cluster.
func (a *Admin) CreateTopic(ctx context.Context, name string, partitions int32, replication int16, configs map[string]string) error {
	if err := checkName(name); err != nil {
		return err
	}
	if partitions == 0 || partitions < -1 {
		return fault.Usagef("topic %q: %d partitions: a topic has at least one", name, partitions)
	}
	if replication == 0 || replication < -1 {
		return fault.Usagef("topic %q: replication factor %d: a topic has at least one replica", name, replication)
	}
	detail := &sarama.TopicDetail{NumPartitions: partitions, ReplicationFactor: replication, ConfigEntries: map[string]*string{}}
	for k, v := range configs {
		detail.ConfigEntries[k] = &v
	}
	_, err := await(ctx, func() (struct{}, error) {
		return changed(ctx, a, func(c sarama.ClusterAdmin) error { return c.CreateTopic(name, detail, false) })
	})
	if errors.Is(err, sarama.ErrInvalidReplicationFactor) {
		if n, countErr := a.brokers(ctx); countErr == nil {
			err := fmt.Errorf("topic %q: replication factor %d is larger than the number of brokers, %d", name, replication, n)
			if n == 1 { // as `logpipe broker` is for who says nothing else
				return fault.Hint(err, "--replication-factor takes at most 1 here; `logpipe broker --nodes %d` starts a broker that takes %[1]d", replication)
			}
			return fault.Hint(err, "--replication-factor takes at most %d here", n)
		}
	}
	if err == nil {
		a.awaitTopic(ctx, name, int(partitions))
		return nil
	}
	return settingRefused(err, name)
}

// ListTopics returns the names of the topics in order; internal adds those that
// the brokers keep for themselves.
func (a *Admin) ListTopics(ctx context.Context, internal bool) ([]string, error) {
	resp, err := a.conn.metadata(ctx, nil, false)
	if err != nil {
		return nil, explain(err, "")
	}
	var names []string
	for _, t := range resp.Topics {
		if internal || !t.IsInternal {
			names = append(names, t.Name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// DescribeTopics describes topics in the order given; none = all, by name.
func (a *Admin) DescribeTopics(ctx context.Context, names ...string) ([]Topic, error) {
	if len(names) == 0 {
		all, err := a.ListTopics(ctx, true)
		if err != nil || len(all) == 0 {
			return nil, err
		}
		names = all
	}
	for _, name := range names {
		if err := checkName(name); err != nil {
			return nil, err
		}
	}
	configs, err := a.configs(ctx, names)
	if err != nil {
		return nil, err
	}
	return a.topics(ctx, names, configs)
}

// Topics describes topics without their settings.
func (a *Admin) Topics(ctx context.Context, names []string) ([]Topic, error) {
	return a.topics(ctx, names, nil)
}

func (a *Admin) topics(ctx context.Context, names []string, configs map[string][]*sarama.ConfigEntry) ([]Topic, error) {
	resp, err := a.conn.metadata(ctx, names, false)
	if err != nil {
		return nil, explain(err, strings.Join(names, ", "))
	}
	byName := make(map[string]*sarama.TopicMetadata, len(names))
	for _, t := range resp.Topics {
		byName[t.Name] = t
	}
	var topics []Topic
	for _, name := range names {
		t := byName[name]
		if t == nil {
			return nil, noTopic(name)
		}
		if t.Err != sarama.ErrNoError && t.Err != sarama.ErrLeaderNotAvailable {
			return nil, explain(t.Err, name)
		}
		topics = append(topics, a.describe(t, configs[name]))
	}
	return topics, nil
}

// DeleteTopics deletes topics, and stops at the first that cannot be.
func (a *Admin) DeleteTopics(ctx context.Context, names ...string) error {
	for _, name := range names {
		if err := checkName(name); err != nil {
			return err
		}
	}
	if len(names) == 0 {
		return nil
	}
	before, deleted := a.ids(ctx, names), map[string]sarama.Uuid{}
	defer func() { a.awaitGone(ctx, deleted) }()
	for _, name := range names {
		_, err := await(ctx, func() (struct{}, error) {
			return changed(ctx, a, func(c sarama.ClusterAdmin) error { return c.DeleteTopic(name) })
		})
		if errors.Is(err, sarama.ErrUnknownTopicOrPartition) {
			return fault.Hint(topicError{fmt.Sprintf("topic %q does not exist", name), ErrNoTopic}, "logpipe topic list shows the topics")
		}
		if err != nil {
			return explain(err, name)
		}
		if id, ok := before[name]; ok {
			deleted[name] = id
		}
	}
	return nil
}

func (a *Admin) describe(t *sarama.TopicMetadata, entries []*sarama.ConfigEntry) Topic {
	out := Topic{Name: t.Name, Internal: t.IsInternal, Settings: len(entries)}
	if t.Uuid != (sarama.Uuid{}) {
		out.ID = topicID(t.Uuid)
	}
	enough := 1
	for _, e := range entries {
		if e.Name == "min.insync.replicas" {
			if n, err := strconv.Atoi(e.Value); err == nil {
				enough = n
			}
		}
		if !e.Default && e.Source != sarama.SourceDefault {
			out.Configs = append(out.Configs, Setting{e.Name, e.Value})
		}
	}
	_, eligible := a.conn.versions[keyDescribeTopicPartitions]
	for _, p := range t.Partitions {
		q := Partition{ID: p.ID, Leader: p.Leader, Replicas: p.Replicas, ISR: p.Isr, Offline: p.OfflineReplicas}
		q.ELRKnown = eligible && len(p.Isr) >= min(enough, len(p.Replicas))
		out.Partitions = append(out.Partitions, q)
	}
	slices.SortFunc(out.Partitions, func(x, y Partition) int { return int(x.ID) - int(y.ID) })
	if len(out.Partitions) > 0 {
		out.Replication = len(out.Partitions[0].Replicas)
	}
	return out
}

// configs reads the settings of topics. A cluster that does not show them to
// this user is not an error: they are left out.
func (a *Admin) configs(ctx context.Context, names []string) (map[string][]*sarama.ConfigEntry, error) {
	var resources []*sarama.ConfigResource
	for _, n := range names {
		resources = append(resources, &sarama.ConfigResource{Type: sarama.TopicResource, Name: n})
	}
	results, err := a.conn.describeConfigs(ctx, &sarama.DescribeConfigsRequest{Version: 4, Resources: resources})
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		a.conn.cfg.log().Debug("topic settings are not shown", "error", err)
	}
	out := map[string][]*sarama.ConfigEntry{}
	for _, r := range results {
		out[r.Name] = r.Configs
	}
	return out, nil
}

func (a *Admin) brokers(ctx context.Context) (int, error) {
	resp, err := a.conn.metadata(ctx, []string{}, false)
	if err != nil {
		return 0, err
	}
	return len(resp.Brokers), nil
}

// checkName applies Kafka's rules for the names of topics.
func checkName(name string) error {
	bad := func(why string) error {
		return fault.Hint(fault.Usagef("topic name %q %s", name, why), "a name takes letters, digits, '.', '_' and '-', at most 249 of them")
	}
	switch {
	case name == "":
		return bad("is empty")
	case name == "." || name == "..":
		return bad("is not allowed")
	case len(name) > 249:
		return bad(fmt.Sprintf("has %d characters", len(name)))
	}
	for _, c := range name {
		if !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-", c) {
			return bad(fmt.Sprintf("has %q in it", c))
		}
	}
	return nil
}
