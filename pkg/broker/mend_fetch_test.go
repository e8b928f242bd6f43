package broker

import (
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

// TestAbortedIsTold holds that a reader of committed records is told of aborted
// transactions by each answer that has records of them, wherever its limit cuts.
func TestAbortedIsTold(t *testing.T) {
	b := start(t, Config{})
	cl := client(t, b.Addr()[0], kgo.AllowAutoTopicCreation(), kgo.TransactionalID("x"), kgo.ProducerLinger(0), kgo.ProducerBatchCompression(kgo.NoCompression()))
	if err := cl.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		if err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: "t", Value: fmt.Append(nil, strings.Repeat("x", 1000), i)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	if err := cl.EndTransaction(t.Context(), kgo.TryAbort); err != nil {
		t.Fatal(err)
	}
	for most := int32(1); most < 7000; most += 500 {
		req := kmsg.NewPtrFetchRequest()
		req.Version, req.MaxBytes, req.MinBytes, req.IsolationLevel, req.ReplicaID = 11, most, 1, 1, -1
		part := kmsg.NewFetchRequestTopicPartition()
		part.PartitionMaxBytes = 1 << 20
		topic := kmsg.NewFetchRequestTopic()
		topic.Topic, topic.Partitions = "t", []kmsg.FetchRequestTopicPartition{part}
		req.Topics = []kmsg.FetchRequestTopic{topic}
		for _, got := range asked[*kmsg.FetchResponse](t, client(t, b.Addr()[0], kgo.MaxVersions(kversion.V2_4_0())), req).Topics {
			p := got.Partitions[0]
			if len(p.RecordBatches) == 0 || len(p.AbortedTransactions) != 1 || p.AbortedTransactions[0].FirstOffset != 0 {
				t.Errorf("%d bytes at most: %d bytes of records, aborted %+v", most, len(p.RecordBatches), p.AbortedTransactions)
			}
		}
	}
}
