package broker

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestLimits holds what `broker --help` says that is not as Kafka's: where one of
// these fails, kfake has learned it, and the help is to say so.
func TestLimits(t *testing.T) {
	t.Run("acks=all waits for nobody", func(t *testing.T) {
		b := start(t, Config{Nodes: 2})
		cl := client(t, b.Addr()[0])
		makeTopic(t, cl, "t", 2, 2, map[string]string{"min.insync.replicas": "2"})
		if _, err := b.StopNode(1); err != nil {
			t.Fatal(err)
		}
		put(t, cl, "t", "k", "v", 0)
	})
	t.Run("one replica gets a new leader", func(t *testing.T) {
		b := start(t, Config{Nodes: 2})
		makeTopic(t, client(t, b.Addr()[0]), "t", 8, 1, nil)
		if _, err := b.StopNode(1); err != nil {
			t.Fatal(err)
		}
		for p, leader := range leadersOf(t, b.Addr()[0], "t") {
			if leader != 0 {
				t.Errorf("partition %d is led by %d", p, leader)
			}
		}
	})
	t.Run("what cannot be set", func(t *testing.T) {
		b := start(t, Config{})
		resp, err := kmsg.NewPtrApiVersionsRequest().RequestWith(t.Context(), client(t, b.Addr()[0]))
		if err != nil {
			t.Fatal(err)
		}
		hidden := map[int16]string{keyCreateACLs: "ACLs", keyAlterClientQuotas: "quotas", keyAlterSCRAM: "passwords", keyAlterLogDirs: "folders",
			keyReassign: "reassignments", keyDescribeTopicPartitions: "lists in pieces", 38: "delegation tokens"}
		for _, k := range resp.ApiKeys {
			if what, ok := hidden[k.ApiKey]; ok {
				t.Errorf("there is a request for %s", what)
			}
		}
	})
	t.Run("places of replicas, and settings without effect", func(t *testing.T) {
		b := start(t, Config{Nodes: 3})
		cl := client(t, b.Addr()[0])
		const name, value = "min.compaction.lag.ms", "60000"
		create := kmsg.NewPtrCreateTopicsRequest()
		rt := kmsg.NewCreateTopicsRequestTopic()
		rt.Topic, rt.NumPartitions, rt.ReplicationFactor = "t", -1, -1
		for p := range int32(20) {
			rt.ReplicaAssignment = append(rt.ReplicaAssignment, kmsg.CreateTopicsRequestTopicReplicaAssignment{Partition: p, Replicas: []int32{1, 2}})
		}
		rt.Configs = []kmsg.CreateTopicsRequestTopicConfig{{Name: name, Value: kmsg.StringPtr(value)}}
		create.Topics = append(create.Topics, rt)
		if resp, err := create.RequestWith(t.Context(), cl); err != nil || resp.Topics[0].ErrorCode != 0 {
			t.Fatal(resp, err)
		}
		if !slices.Contains(slices.Collect(maps.Values(leadersOf(t, b.Addr()[0], "t"))), 0) {
			t.Error("replicas are where the client wants them")
		}
		describe := kmsg.NewPtrDescribeConfigsRequest()
		describe.Resources = []kmsg.DescribeConfigsRequestResource{{ResourceType: kmsg.ConfigResourceTypeTopic, ResourceName: "t", ConfigNames: []string{name}}}
		resp, err := describe.RequestWith(t.Context(), cl)
		if err != nil {
			t.Fatal(err)
		}
		if c := resp.Resources[0].Configs; len(c) != 1 || c[0].Value == nil || *c[0].Value != value {
			t.Errorf("shown as %+v", c)
		}
	})
	t.Run("lists of transactions", func(t *testing.T) {
		b := start(t, Config{Nodes: 3})
		cl := client(t, b.Addr()[0], kgo.TransactionalID("tx"))
		makeTopic(t, cl, "t", 1, 1, nil)
		if err := cl.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		if err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: "t", Value: []byte("x")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, shard := range cl.RequestSharded(t.Context(), kmsg.NewPtrListTransactionsRequest()) {
			if shard.Err != nil {
				t.Fatal(shard.Err)
			}
			n += len(shard.Resp.(*kmsg.ListTransactionsResponse).TransactionStates)
		}
		if n != 3 {
			t.Errorf("listed %d times", n)
		}
	})
	t.Run("retention of a compacted topic", func(t *testing.T) {
		b := start(t, Config{Cleanup: time.Hour})
		cl := client(t, b.Addr()[0])
		makeTopic(t, cl, "t", 1, 1, map[string]string{"cleanup.policy": "compact", "retention.ms": "1000"})
		put(t, cl, "t", "k", "v", month) // and it is the newest batch
		if err := b.clean(&upkeep{}); err != nil {
			t.Fatal(err)
		}
		if first, _ := bounds(t, cl, "t"); first != 1 {
			t.Errorf("it begins at %d", first)
		}
	})
	t.Run("compaction leaves the newest batch", func(t *testing.T) {
		b := start(t, Config{Cleanup: time.Hour})
		cl := client(t, b.Addr()[0])
		makeTopic(t, cl, "t", 1, 1, map[string]string{"cleanup.policy": "compact"})
		put(t, cl, "t", "k", "old", 0)
		put(t, cl, "t", "k", "new", 0)
		if err := b.clean(&upkeep{}); err != nil {
			t.Fatal(err)
		}
		if got := all(t, b.Addr()[0], "t"); len(got) != 2 {
			t.Errorf("%d records", len(got))
		}
	})
	t.Run("compaction drops what has no key", func(t *testing.T) {
		b := start(t, Config{Cleanup: time.Hour})
		cl := client(t, b.Addr()[0])
		makeTopic(t, cl, "t", 1, 1, map[string]string{"cleanup.policy": "compact"})
		if err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: "t", Value: []byte("without")}).FirstErr(); err != nil {
			t.Fatalf("it is refused, as Kafka does: %v", err)
		}
		put(t, cl, "t", "k", "v", 0)
		if err := b.clean(&upkeep{}); err != nil {
			t.Fatal(err)
		}
		if got := all(t, b.Addr()[0], "t"); len(got) != 1 || string(got[0].Key) != "k" {
			t.Errorf("%d records", len(got))
		}
	})
	t.Run("after kill -9", func(t *testing.T) {
		dir := t.TempDir()
		addr, cmd := process(t, dir)
		cl := client(t, addr, kgo.TransactionalID("tx"), kgo.ManualFlushing())
		makeTopic(t, cl, "t", 1, 1, nil)
		makeTopic(t, cl, "open", 1, 1, nil)
		if err := cl.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			cl.Produce(t.Context(), &kgo.Record{Topic: "t", Value: fmt.Append(nil, i)}, nil)
		}
		if err := cl.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := cl.EndTransaction(t.Context(), kgo.TryCommit); err != nil {
			t.Fatal(err)
		}
		if err := cl.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		cl.Produce(t.Context(), &kgo.Record{Topic: "open", Value: []byte("x")}, nil)
		if err := cl.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		put(t, client(t, addr), "t", "k", "left", 0)
		const behind = 4 // the records and the marker of the transaction
		req := kmsg.NewPtrDeleteRecordsRequest()
		req.Topics = []kmsg.DeleteRecordsRequestTopic{{Topic: "t", Partitions: []kmsg.DeleteRecordsRequestTopicPartition{{Offset: behind}}}}
		if _, err := req.RequestWith(t.Context(), cl); err != nil {
			t.Fatal(err)
		}
		if first, _ := bounds(t, cl, "t"); first != behind {
			t.Fatalf("it begins at %d", first)
		}
		cmd.Process.Kill()
		cmd.Wait()
		b := start(t, Config{Dir: dir})
		again := client(t, b.Addr()[0], kgo.FetchIsolationLevel(kgo.ReadCommitted()))
		if first, _ := bounds(t, again, "t"); first != 0 {
			t.Errorf("what delete-records took of a segment is not back: it begins at %d", first)
		}
		// Behind an open transaction nobody who reads committed records gets on.
		put(t, client(t, b.Addr()[0]), "open", "k", "behind", 0)
		again.AddConsumePartitions(map[string]map[int32]kgo.Offset{"open": {0: kgo.NewOffset().AtStart()}})
		got := again.PollFetches(t.Context()).Records()
		if len(got) != 1 || string(got[0].Value) != "behind" {
			t.Errorf("the transaction is not aborted: %v", got)
		}
	})
}
