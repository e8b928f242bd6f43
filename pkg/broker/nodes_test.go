package broker

import (
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// makeTopic creates a topic by a request, as clients do.
func makeTopic(t *testing.T, cl *kgo.Client, name string, partitions int32, replicas int16, config map[string]string) {
	t.Helper()
	req := kmsg.NewPtrCreateTopicsRequest()
	rt := kmsg.NewCreateTopicsRequestTopic()
	rt.Topic, rt.NumPartitions, rt.ReplicationFactor = name, partitions, replicas
	for k, v := range config {
		c := kmsg.NewCreateTopicsRequestTopicConfig()
		c.Name, c.Value = k, &v
		rt.Configs = append(rt.Configs, c)
	}
	req.Topics = append(req.Topics, rt)
	resp, err := req.RequestWith(t.Context(), cl)
	if err == nil {
		err = kerr.ErrorForCode(resp.Topics[0].ErrorCode)
	}
	if err != nil {
		t.Fatalf("create %s: %v", name, err)
	}
}

// metadata asks the broker at one address about all topics, or about one.
func metadata(t *testing.T, addr, topic string) *kmsg.MetadataResponse {
	t.Helper()
	req := kmsg.NewPtrMetadataRequest()
	if topic != "" {
		rt := kmsg.NewMetadataRequestTopic()
		rt.Topic = &topic
		req.Topics = append(req.Topics, rt)
	}
	resp, err := req.RequestWith(t.Context(), client(t, addr))
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

// leadersOf maps the partitions of a topic to their leaders, as clients see them.
func leadersOf(t *testing.T, addr, topic string) map[int32]int32 {
	t.Helper()
	found := map[int32]int32{}
	for _, p := range metadata(t, addr, topic).Topics[0].Partitions {
		found[p.Partition] = p.Leader
	}
	return found
}

// TestStopNode holds what clients see of a node that is stopped: connections
// that end, a port that refuses, new leaders of its partitions and of no others,
// replicas out of sync; and that start brings all of it back.
func TestStopNode(t *testing.T) {
	b := start(t, Config{Nodes: 3})
	addrs := b.Addr()
	for stopped := range int32(3) {
		t.Run(fmt.Sprint("node ", stopped), func(t *testing.T) {
			other := addrs[(stopped+1)%3]
			topic := fmt.Sprint("t", stopped)
			makeTopic(t, client(t, addrs[0]), topic, 12, 3, nil)
			before := leadersOf(t, other, topic)
			held, err := net.Dial("tcp", addrs[stopped])
			if err != nil {
				t.Fatal(err)
			}
			defer held.Close()

			moved, err := b.StopNode(stopped)
			if err != nil {
				t.Fatal(err)
			}
			held.SetReadDeadline(time.Now().Add(time.Minute))
			if _, err := held.Read(make([]byte, 1)); err == nil || strings.Contains(err.Error(), "timeout") {
				t.Errorf("its connection does not end: %v", err)
			}
			if c, err := net.Dial("tcp", addrs[stopped]); err == nil {
				c.Close()
				t.Error("its port does not refuse")
			}
			seen := metadata(t, other, topic)
			for _, n := range seen.Brokers {
				if n.NodeID == stopped {
					t.Error("metadata still has the node")
				}
			}
			if seen.ControllerID == stopped || seen.ControllerID < 0 || seen.ControllerID > 2 {
				t.Errorf("controller %d", seen.ControllerID)
			}
			led := 0
			for _, p := range seen.Topics[0].Partitions {
				switch was := before[p.Partition]; {
				case was == stopped:
					led++
					if p.Leader == stopped {
						t.Errorf("partition %d is still led by it", p.Partition)
					}
				case p.Leader != was:
					t.Errorf("partition %d went from %d to %d", p.Partition, was, p.Leader)
				}
				if len(p.Replicas) != 3 || !slices.Contains(p.Replicas, stopped) || len(p.ISR) != 2 || slices.Contains(p.ISR, stopped) ||
					!slices.Equal(p.OfflineReplicas, []int32{stopped}) {
					t.Errorf("replicas %v, in sync %v, offline %v", p.Replicas, p.ISR, p.OfflineReplicas)
				}
			}
			if moved < led {
				t.Errorf("%d partitions said to move, want at least %d", moved, led)
			}
			makeTopic(t, client(t, other), topic+"-made-without", 1, 2, nil) // whoever is the controller

			if back, err := b.StartNode(stopped); err != nil || back != moved {
				t.Errorf("%d partitions said to come back, want %d: %v", back, moved, err)
			}
			after := metadata(t, addrs[stopped], topic)
			for _, p := range after.Topics[0].Partitions {
				if p.Leader != before[p.Partition] || len(p.ISR) != 3 || len(p.OfflineReplicas) > 0 {
					t.Errorf("partition %d: leader %d, in sync %v, offline %v; want leader %d", p.Partition, p.Leader, p.ISR, p.OfflineReplicas, before[p.Partition])
				}
			}
			makeTopic(t, client(t, addrs[stopped]), topic+"-made-again", 1, 3, nil)
		})
	}
}

// TestPortsInARow holds that the nodes take the ports behind the first one, or
// any free ones.
func TestPortsInARow(t *testing.T) {
	for _, c := range []struct {
		listen string
		nodes  int
		want   []string
	}{
		{"", 1, []string{"9092"}},
		{"", 3, []string{"9092", "9093", "9094"}},
		{"127.0.0.1:65533", 3, []string{"65533", "65534", "65535"}},
		{"127.0.0.1:65534", 3, nil},
		{"127.0.0.1:0", 2, []string{"0", "0"}},
	} {
		_, ports, err := Config{Listen: c.listen, Nodes: c.nodes}.addresses()
		if !slices.Equal(ports, c.want) || (err == nil) != (c.want != nil) {
			t.Errorf("%d nodes at %q: %v %v", c.nodes, c.listen, ports, err)
		}
	}
	b := start(t, Config{Nodes: 2})
	before := b.Addr()
	if _, err := b.StopNode(1); err != nil {
		t.Fatal(err)
	}
	if _, err := b.StartNode(1); err != nil {
		t.Fatal(err)
	}
	if after := b.Addr(); !slices.Equal(before, after) || before[0] == before[1] {
		t.Errorf("%v became %v", before, after)
	}
}

// TestStopMistakes holds what is said about nodes that cannot be stopped or
// started.
func TestStopMistakes(t *testing.T) {
	b := start(t, Config{Nodes: 2})
	fails := func(_ int, err error) func(want string, code fault.Code) {
		return func(want string, code fault.Code) {
			t.Helper()
			if err == nil || err.Error() != want || fault.CodeOf(err) != code {
				t.Errorf("got  %v (%d)\nwant %s (%d)", err, fault.CodeOf(err), want, code)
			}
		}
	}
	fails(b.StopNode(7))("there is no node 7: this broker has 0, 1", fault.Usage)
	fails(b.StartNode(-1))("there is no node -1: this broker has 0, 1", fault.Usage)
	fails(b.StartNode(1))("node 1 runs already", fault.Failed)
	if _, err := b.StopNode(0); err != nil {
		t.Fatal(err)
	}
	fails(b.StopNode(0))("node 0 does not run", fault.Failed)
	fails(b.StopNode(1))("node 1 is the last one that runs", fault.Failed)
	// Another program takes the port meanwhile.
	l, err := net.Listen("tcp", b.Addr()[0])
	for isAddrInUse(err) { // a listener may outlive its close for a moment
		l, err = net.Listen("tcp", b.Addr()[0])
	}
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.StartNode(0)
	if err == nil || !strings.Contains(err.Error(), "address "+b.Addr()[0]+" is taken by another program") {
		t.Error(err)
	}
	l.Close()
	if _, err := b.StartNode(0); err != nil {
		t.Error(err)
	}
	nodes, err := b.Nodes()
	if err != nil || len(nodes) != 2 || !nodes[0].Running || !nodes[1].Running {
		t.Errorf("%+v %v", nodes, err)
	}
}

// TestElections holds that a producer and a group's consumer go on while nodes
// are stopped and started under them: all records arrive, once and in order.
func TestElections(t *testing.T) {
	b := start(t, Config{Nodes: 3})
	addrs := strings.Join(b.Addr(), ",")
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	seeds := kgo.SeedBrokers(strings.Split(addrs, ",")...)
	producer := client(t, addrs, seeds, kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0))
	makeTopic(t, producer, "t", 3, 3, nil)
	consumer := client(t, addrs, seeds, kgo.ConsumerGroup("g"), kgo.ConsumeTopics("t"), kgo.DisableAutoCommit(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))

	const rounds, perRound = 4, 300
	next := map[int32]int{}
	got := 0
	read := func(until int) {
		for got < until {
			fetches := consumer.PollFetches(ctx)
			if err := ctx.Err(); err != nil {
				t.Fatalf("after %d records: %v", got, err)
			}
			fetches.EachRecord(func(r *kgo.Record) {
				if want := fmt.Sprint(next[r.Partition]); string(r.Value) != want {
					t.Fatalf("partition %d: %s, want %s", r.Partition, r.Value, want)
				}
				next[r.Partition]++
				got++
			})
			if err := consumer.CommitUncommittedOffsets(ctx); err != nil {
				t.Fatalf("commit: %v", err)
			}
		}
	}
	sent := 0
	for round := range rounds {
		for i := range perRound {
			if i == perRound/2 { // with records under way
				node := int32(round/2) % 3
				change := b.StopNode
				if round%2 == 1 {
					change = b.StartNode
				}
				if _, err := change(node); err != nil {
					t.Fatal(err)
				}
			}
			producer.Produce(ctx, &kgo.Record{Topic: "t", Partition: int32(sent % 3), Value: fmt.Append(nil, sent/3)}, func(_ *kgo.Record, err error) {
				if err != nil {
					t.Errorf("produce: %v", err)
				}
			})
			sent++
		}
		read(sent - perRound/2)
	}
	if err := producer.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	read(sent)
}

// TestEpochsEnd holds that an election without records behind it is none that has
// lost any: clients that ask where the last leader ended hear of the log's end.
func TestEpochsEnd(t *testing.T) {
	b := start(t, Config{Nodes: 2})
	cl := client(t, b.Addr()[0], kgo.AllowAutoTopicCreation())
	send(t, cl, "full", 0, 7)
	send(t, cl, "emptied", 0, 5)
	before := map[string]int32{}
	for _, topic := range []string{"full", "emptied"} {
		before[topic] = metadata(t, b.Addr()[0], topic).Topics[0].Partitions[0].LeaderEpoch
	}
	if err := b.cluster.DeleteRecords("emptied", 0, -1); err != nil {
		t.Fatal(err)
	}
	if _, err := b.StopNode(1); err != nil {
		t.Fatal(err)
	}
	for topic, want := range map[string]int64{"full": 7, "emptied": 5} {
		now := metadata(t, b.Addr()[0], topic).Topics[0].Partitions[0].LeaderEpoch
		for _, version := range []int16{3, 4} {
			req := kmsg.NewPtrOffsetForLeaderEpochRequest()
			req.ReplicaID = -1
			for asked, end := range map[int32]int64{before[topic]: want, now + 1: -1} {
				rp := kmsg.NewOffsetForLeaderEpochRequestTopicPartition()
				rp.LeaderEpoch = asked
				rt := kmsg.NewOffsetForLeaderEpochRequestTopic()
				rt.Topic, rt.Partitions = topic, append(rt.Partitions, rp)
				req.Topics = []kmsg.OffsetForLeaderEpochRequestTopic{rt}
				resp := askAt(t, b.Addr()[0], req, version).(*kmsg.OffsetForLeaderEpochResponse)
				p := resp.Topics[0].Partitions[0]
				if p.ErrorCode != 0 || p.EndOffset != end {
					t.Errorf("%s, version %d, epoch %d of %d: end %d (error %d), want %d", topic, version, asked, now, p.EndOffset, p.ErrorCode, end)
				}
			}
		}
	}
}

// askAt sends a request in one version, as no library lets one choose it.
func askAt(t *testing.T, addr string, req kmsg.Request, version int16) kmsg.Response {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return askOn(t, c, req, version)
}

func askOn(t *testing.T, c net.Conn, req kmsg.Request, version int16) kmsg.Response {
	t.Helper()
	c.SetDeadline(time.Now().Add(time.Minute))
	if _, err := c.Write(request(req, version)); err != nil {
		t.Fatal(err)
	}
	resp := req.ResponseKind()
	body := readFrame(t, c)[frameHead:]
	if resp.IsFlexible() && req.Key() != keyAPIVersions {
		body = body[1:]
	}
	if err := resp.ReadFrom(body); err != nil {
		t.Fatal(err)
	}
	return resp
}

// TestControllerAnswersInTurn holds that a request for the controller does not
// overtake the others of its connection.
func TestControllerAnswersInTurn(t *testing.T) {
	b := start(t, Config{})
	c, err := net.Dial("tcp", b.Addr()[0])
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Minute))
	create := kmsg.NewPtrCreateTopicsRequest()
	for i := range 20 {
		create.Topics = []kmsg.CreateTopicsRequestTopic{{Topic: fmt.Sprint("t", i), NumPartitions: 1, ReplicationFactor: 1}}
		f := kmsg.NewRequestFormatter()
		create.SetVersion(2)
		list := kmsg.NewPtrListGroupsRequest()
		frames := f.AppendRequest(nil, list, int32(3*i))
		frames = append(frames, f.AppendRequest(nil, create, int32(3*i+1))...)
		meta := kmsg.NewPtrMetadataRequest()
		meta.SetVersion(5)
		frames = append(frames, f.AppendRequest(nil, meta, int32(3*i+2))...)
		if _, err := c.Write(frames); err != nil {
			t.Fatal(err)
		}
	}
	for want := range int32(60) {
		frame := readFrame(t, c)
		if got := correlationOf(frame); got != want {
			t.Fatalf("answer %d came as number %d", got, want)
		}
		if want%3 == 2 {
			resp := kmsg.NewPtrMetadataResponse()
			resp.SetVersion(5)
			if err := resp.ReadFrom(frame[frameHead:]); err != nil || len(resp.Topics) <= int(want/3) {
				t.Fatalf("%d topics after %d were created: %v", len(resp.Topics), want/3+1, err)
			}
		}
	}
}

func readFrame(t *testing.T, r io.Reader) []byte {
	t.Helper()
	frame := make([]byte, 4)
	if _, err := io.ReadFull(r, frame); err != nil {
		t.Fatal(err)
	}
	frame = append(frame, make([]byte, int(frame[0])<<24|int(frame[1])<<16|int(frame[2])<<8|int(frame[3]))...)
	if _, err := io.ReadFull(r, frame[4:]); err != nil {
		t.Fatal(err)
	}
	return frame
}

func correlationOf(frame []byte) int32 {
	return int32(frame[4])<<24 | int32(frame[5])<<16 | int32(frame[6])<<8 | int32(frame[7])
}
