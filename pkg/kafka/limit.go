package kafka

import (
	"context"
	"errors"
	"strconv"

	"github.com/IBM/sarama"
)

// Target is what is known of a topic before it is sent to.
type Target struct {
	Topic string
	// Limit is the size of the largest record that it takes, as Record.Size counts it:
	// the topic's own max.message.bytes, or where there is no such topic yet the broker's
	// message.max.bytes.
	Limit      int
	Partitions int // 0 = there is no such topic yet
}

// Check tells whether the topic lacks a partition; -1 is none.
func (t Target) Check(partition int) error {
	if t.Partitions == 0 || partition < t.Partitions {
		return nil
	}
	return noPartition(t.Topic, int32(partition), int32(t.Partitions))
}

// NewTarget asks for it. Not being told is no error; a topic that is not there and that
// nobody will make is one.
func NewTarget(ctx context.Context, cfg Config, topic string) (Target, error) {
	t := Target{Topic: topic, Limit: DefaultRecordLimit}
	a, err := NewAdmin(ctx, cfg)
	if err != nil {
		return t, err
	}
	defer a.Close()
	if err := checkName(topic); err != nil {
		return t, err
	}
	topics, err := a.Topics(ctx, []string{topic})
	if err != nil || len(topics) == 0 {
		resp, askErr := a.conn.metadata(ctx, []string{}, false)
		if askErr != nil {
			return t, nil
		}
		if errors.Is(err, ErrNoTopic) && !a.conn.createsOnDemand(ctx, resp) {
			return t, err
		}
		t.Limit = bytesOf(a.conn.brokerSetting(ctx, resp, "message.max.bytes"))
		return t, nil
	}
	t.Limit, t.Partitions = a.conn.batchLimit(ctx, topic), len(topics[0].Partitions)
	return t, nil
}

// BatchLimit is the size of the largest batch of records that a topic takes: its own
// max.message.bytes or the brokers'; the usual one where they do not tell.
func (a *Admin) BatchLimit(ctx context.Context, topic string) (int, error) {
	if _, err := a.conn.topic(ctx, topic, false); err != nil {
		return 0, err
	}
	return a.conn.batchLimit(ctx, topic), nil
}

// batchLimit is the largest batch that a topic takes, by its own setting or the
// brokers'; the usual one where they do not tell.
func (c *conn) batchLimit(ctx context.Context, topic string) int {
	const name = "max.message.bytes"
	resources, err := c.describeConfigs(ctx, oneSetting(sarama.TopicResource, topic, name))
	if err != nil {
		return DefaultRecordLimit
	}
	return bytesOf(settingIn(resources, name))
}

// bytesOf reads a limit; what is none is the usual one.
func bytesOf(text string) int {
	if n, err := strconv.Atoi(text); err == nil && n > 0 {
		return n
	}
	return DefaultRecordLimit
}

// brokerSetting asks a broker for one of its settings; "" = it does not say.
func (c *conn) brokerSetting(ctx context.Context, seen *sarama.MetadataResponse, name string) string {
	if len(seen.Brokers) == 0 {
		return ""
	}
	b := seen.Brokers[0]
	req := oneSetting(sarama.BrokerResource, strconv.Itoa(int(b.ID())), name)
	if err := b.Open(c.client.Config()); err != nil && !errors.Is(err, sarama.ErrAlreadyConnected) {
		return ""
	}
	defer b.Close()
	resp, err := await(ctx, func() (*sarama.DescribeConfigsResponse, error) { return b.DescribeConfigs(req) })
	if err != nil {
		return ""
	}
	return settingIn(resp.Resources, name)
}

// oneSetting asks for one setting of a topic or a broker.
func oneSetting(kind sarama.ConfigResourceType, of, name string) *sarama.DescribeConfigsRequest {
	return &sarama.DescribeConfigsRequest{Version: 1, Resources: []*sarama.ConfigResource{{Type: kind, Name: of, ConfigNames: []string{name}}}}
}

// settingIn is the value of a setting in an answer; "" = it does not say.
func settingIn(resources []*sarama.ResourceResponse, name string) string {
	for _, r := range resources {
		for _, e := range r.Configs {
			if e.Name == name {
				return e.Value
			}
		}
	}
	return ""
}

// describeConfigs asks a broker for settings.
func (c *conn) describeConfigs(ctx context.Context, req *sarama.DescribeConfigsRequest) ([]*sarama.ResourceResponse, error) {
	return retry(ctx, c, func() ([]*sarama.ResourceResponse, error) {
		b := c.someBroker()
		if b == nil {
			return nil, sarama.ErrOutOfBrokers
		}
		own := *req // the library writes the version that the broker knows into it
		resp, err := b.DescribeConfigs(&own)
		if err != nil {
			c.leaveBroker(b)
			return nil, err
		}
		return resp.Resources, nil
	})
}
