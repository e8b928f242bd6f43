package source

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/kafka"
)

// A batch that ends with records that a transaction has taken back, and of which a part
// fits into the channel: no more than that is committed.
func TestKafkaCommitsWhatIsStored(t *testing.T) {
	k := newKafkaTest(t, "logs")
	cfg := kafka.Config{Brokers: []string{k.addr}, Wait: time.Minute}
	p, err := kafka.NewProducer(t.Context(), cfg, kafka.ProducerConfig{TransactionalID: "tx"})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for _, commit := range []bool{true, false} {
		err := p.Begin(t.Context())
		for i := range 50 {
			err = errors.Join(err, p.Send(t.Context(), kafka.Record{Topic: "logs", Partition: 0, Value: fmt.Append(nil, i)}))
		}
		if err = errors.Join(err, p.End(t.Context(), commit)); err != nil {
			t.Fatal(err)
		}
	}
	a, err := kafka.NewAdmin(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	r := start(t, k.source("kafka.topics=logs", "batchSize=10", "kafka.consumer.group.id=g", "kafka.consumer.isolation.level=read_committed"),
		"capacity=20", "transactionCapacity=10", "keep-alive=0")
	committed := int64(0)
	(&tailTest{t: t}).awaitThat(func() bool {
		groups, err := a.DescribeGroups(t.Context(), "g")
		if err == nil {
			for _, o := range groups[0].Offsets {
				committed = max(committed, o.Committed)
			}
		}
		return committed >= 20
	}, r.diary.String)
	if size := r.channel.Size(); committed != 20 || size != 20 {
		t.Errorf("offset %d is committed, the channel has %d events: want 20 and 20", committed, size)
	}
	r.stop()
	r.take(t, 20)
	r.rest(t)
}
