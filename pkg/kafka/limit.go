package kafka

import (
	"context"
	"errors"
	"strconv"

	"github.com/IBM/sarama"
	"github.com/logpipe/logpipe/pkg/fault"
)

// RecordLimit is the size of the largest record that a topic takes, as Record.Size
// counts it: the topic's own max.message.bytes, or where there is no such topic yet
// the broker's message.max.bytes. Not being told is no error; a topic that is not
// there and that nobody will make is one.
func RecordLimit(ctx context.Context, cfg Config, topic string) (int, error) {
	a, err := NewAdmin(ctx, cfg)
	if err != nil {
		return 0, err
	}
	defer a.Close()
	topics, err := a.DescribeTopics(ctx, topic)
	if err != nil || len(topics) == 0 {
		if fault.CodeOf(err) == fault.Usage {
			return 0, err // the name
		}
		resp, askErr := a.conn.metadata(ctx, []string{}, false)
		if askErr != nil {
			return DefaultRecordLimit, nil
		}
		if errors.Is(err, ErrNoTopic) && !a.conn.createsOnDemand(ctx, resp) {
			return 0, err
		}
		return bytesOf(a.conn.brokerSetting(ctx, resp, "message.max.bytes")), nil
	}
	for _, c := range topics[0].Configs {
		if c.Name == "max.message.bytes" {
			return bytesOf(c.Value), nil
		}
	}
	return DefaultRecordLimit, nil
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
	req := &sarama.DescribeConfigsRequest{Version: 1, Resources: []*sarama.ConfigResource{{
		Type: sarama.BrokerResource, Name: strconv.Itoa(int(seen.Brokers[0].ID())), ConfigNames: []string{name},
	}}}
	b := seen.Brokers[0]
	if err := b.Open(c.client.Config()); err != nil && !errors.Is(err, sarama.ErrAlreadyConnected) {
		return ""
	}
	defer b.Close()
	resp, err := await(ctx, func() (*sarama.DescribeConfigsResponse, error) { return b.DescribeConfigs(req) })
	if err != nil {
		return ""
	}
	for _, r := range resp.Resources {
		for _, e := range r.Configs {
			if e.Name == name {
				return e.Value
			}
		}
	}
	return ""
}
