package kafka

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/IBM/sarama"
)

// settleWait is how long a change of a topic may take until every broker has heard of
// it: milliseconds, unless a broker is behind.
const settleWait = 3 * time.Second

// settle waits until each broker says of a change that it was made: the controller
// answers when it has decided, the brokers hear of it one after the other, and the next
// command may ask any of them. A broker that does not answer is left out; that it takes
// long is no error here.
func (a *Admin) settle(ctx context.Context, made func(*sarama.Broker) (bool, error)) {
	ctx, cancel := context.WithTimeout(ctx, settleWait)
	defer cancel()
	resp, err := a.conn.metadata(ctx, []string{}, false)
	if err != nil {
		a.conn.cfg.log().Debug("whether all brokers know of the change is not known", "error", err)
		return
	}
	var each sync.WaitGroup
	for _, known := range resp.Brokers {
		each.Go(func() {
			if err := a.settleAt(ctx, known.Addr(), made); err != nil {
				a.conn.cfg.log().Debug("whether a broker knows of the change is not known", "broker", known.Addr(), "error", err)
			}
		})
	}
	each.Wait()
}

// settleAt is settle at one broker, over a connection of its own.
func (a *Admin) settleAt(ctx context.Context, addr string, made func(*sarama.Broker) (bool, error)) error {
	b := sarama.NewBroker(addr)
	if err := b.Open(a.conn.client.Config()); err != nil {
		return err
	}
	// Not waited for: a broker that stands still keeps it for as long as a question.
	defer func() { go b.Close() }()
	for {
		done, err := await(ctx, func() (bool, error) { return made(b) })
		if done || err != nil {
			return err
		}
		if err := pause(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
}

// settleTopics is settle of topics; done is asked about each that a broker names.
func (a *Admin) settleTopics(ctx context.Context, names []string, done func(*sarama.TopicMetadata) bool) {
	a.settle(ctx, func(b *sarama.Broker) (bool, error) {
		resp, err := b.GetMetadata(sarama.NewMetadataRequest(a.conn.client.Config().Version, names))
		if err != nil {
			return false, err
		}
		return !slices.ContainsFunc(resp.Topics, func(t *sarama.TopicMetadata) bool { return !done(t) }), nil
	})
}

// usable tells that a topic has so many partitions, each with a leader, or is not shown
// to this user.
func usable(t *sarama.TopicMetadata, partitions int) bool {
	if t.Err != sarama.ErrNoError {
		return !slices.Contains(unsettled, t.Err)
	}
	return len(t.Partitions) >= partitions &&
		!slices.ContainsFunc(t.Partitions, func(p *sarama.PartitionMetadata) bool { return p.Leader < 0 })
}

// unsettled is what a broker says of a topic that it has not heard of whole.
var unsettled = []sarama.KError{sarama.ErrUnknownTopicOrPartition, sarama.ErrLeaderNotAvailable}

// awaitTopic waits until a new topic, of at least so many partitions, can be used.
func (a *Admin) awaitTopic(ctx context.Context, name string, partitions int) {
	a.settleTopics(ctx, []string{name}, func(t *sarama.TopicMetadata) bool { return usable(t, partitions) })
}

// ids are the ids of those topics that exist, by name; brokers before 2.8 have none.
func (a *Admin) ids(ctx context.Context, names []string) map[string]sarama.Uuid {
	ids := map[string]sarama.Uuid{}
	resp, err := a.conn.metadata(ctx, names, false)
	if err != nil {
		return ids
	}
	for _, t := range resp.Topics {
		ids[t.Name] = t.Uuid
	}
	return ids
}

// awaitGone waits until topics of these ids are gone. One that somebody has made anew
// meanwhile has another id.
func (a *Admin) awaitGone(ctx context.Context, ids map[string]sarama.Uuid) {
	var names []string
	for name := range ids {
		names = append(names, name)
	}
	if len(names) == 0 {
		return // no names ask for all topics
	}
	a.settleTopics(ctx, names, func(t *sarama.TopicMetadata) bool {
		return errors.Is(t.Err, sarama.ErrUnknownTopicOrPartition) || t.Uuid != ids[t.Name]
	})
}

// plainValue is a setting's value without what a broker may write in another way.
func plainValue(s string) string { return strings.ToLower(strings.ReplaceAll(s, " ", "")) }

// awaitSettings waits until a topic's settings have these values, and those that were
// unset are none of the topic's own.
func (a *Admin) awaitSettings(ctx context.Context, name string, set map[string]string, unset []string) {
	resource := &sarama.ConfigResource{Type: sarama.TopicResource, Name: name, ConfigNames: slices.Concat(slices.Collect(maps.Keys(set)), unset)}
	a.settle(ctx, func(b *sarama.Broker) (bool, error) {
		resp, err := b.DescribeConfigs(&sarama.DescribeConfigsRequest{Version: 4, Resources: []*sarama.ConfigResource{resource}})
		if err != nil {
			return false, err
		}
		return !slices.ContainsFunc(resp.Resources, func(r *sarama.ResourceResponse) bool {
			return r.ErrorCode == 0 && slices.ContainsFunc(r.Configs, func(e *sarama.ConfigEntry) bool {
				value, want := set[e.Name]
				return want != (e.Source == sarama.SourceTopic) || want && plainValue(e.Value) != plainValue(value)
			})
		}), nil
	})
}
