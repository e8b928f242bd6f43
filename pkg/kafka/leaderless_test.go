package kafka

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// leaderless makes a partition of x one without a leader, or with one that has died, and
// returns what gives it one.
func (f *faulty) leaderless(t *testing.T, without int32, dead bool) (back func()) {
	t.Helper()
	var gone atomic.Bool
	gone.Store(true)
	info, topic, brokers := f.PartitionInfos("x"), kmsg.NewMetadataResponseTopic(), []kmsg.MetadataResponseBroker{}
	topic.Topic, topic.TopicID = kmsg.StringPtr("x"), f.TopicInfo("x").TopicID
	for _, p := range info {
		m := kmsg.NewMetadataResponseTopicPartition()
		m.Partition, m.Leader, m.LeaderEpoch, m.Replicas, m.ISR = p.Partition, p.Leader, p.Epoch, []int32{p.Leader}, []int32{p.Leader}
		if p.Partition == without {
			m.Leader, m.ISR, m.OfflineReplicas, m.ErrorCode = -1, nil, m.Replicas, kerr.LeaderNotAvailable.Code
		}
		topic.Partitions = append(topic.Partitions, m)
	}
	for i, addr := range f.ListenAddrs() {
		host, port, _ := strings.Cut(addr, ":")
		b := kmsg.NewMetadataResponseBroker()
		b.NodeID, b.Host = int32(i), host
		fmt.Sscan(port, &b.Port)
		brokers = append(brokers, b)
	}
	if dead {
		topic.Partitions[without].Leader, topic.Partitions[without].ErrorCode = noBroker.NodeID, 0
		brokers = append(brokers, noBroker)
	}
	f.ControlKey(int16(kmsg.Metadata), func(r kmsg.Request) (kmsg.Response, error, bool) {
		f.KeepControl()
		if !gone.Load() {
			return nil, nil, false
		}
		resp := r.ResponseKind().(*kmsg.MetadataResponse)
		resp.Brokers = brokers
		if asked := r.(*kmsg.MetadataRequest).Topics; asked == nil || len(asked) > 0 {
			resp.Topics = []kmsg.MetadataResponseTopic{topic}
		}
		return resp, nil, true
	})
	return func() { gone.Store(false) }
}

// noBroker is one that there is not.
var noBroker = kmsg.MetadataResponseBroker{NodeID: 9, Host: "127.0.0.1", Port: 1}

// TestLeaderlessBegin begins to read while a partition has no leader: the others are read
// at once, and that one when it has one, from where it is to begin.
func TestLeaderlessBegin(t *testing.T) {
	for name, c := range map[string]struct {
		cc        ConsumerConfig
		committed int // of each partition, before
		dead      bool
	}{
		"alone":          {ConsumerConfig{From: Beginning}, 0, false},
		"alone, the end": {ConsumerConfig{From: Last(4), ExitAtEnd: true}, 6, false},
		"fresh group":    {ConsumerConfig{From: Beginning, Group: "g"}, 0, false},
		"group":          {ConsumerConfig{From: Beginning, Group: "g"}, 3, false},
		"group, the end": {ConsumerConfig{From: Beginning, Group: "g", ExitAtEnd: true}, 3, false},
		"alone, dead":    {ConsumerConfig{From: Beginning}, 0, true},
		"group, dead":    {ConsumerConfig{From: Beginning, Group: "g"}, 3, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFaulty(t, 2, 2)
			said := &heard{}
			f.cfg.Logger = tellTo(said.say)
			f.store(t, f.producer(t, ProducerConfig{}), 20, 2)
			c.cc.Topics = []string{"x"}
			if c.cc.Group != "" && c.committed > 0 {
				at := AtOffset(int64(c.committed))
				a := admin(t, f.cfg)
				plan, err := a.PlanReset(soon(t), "g", Reset{To: &at, Topics: []string{"x"}})
				if err == nil {
					err = a.CommitReset(soon(t), "g", plan)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			back := f.leaderless(t, 1, c.dead)
			r := consumer(t, f.cfg, c.cc)
			read := func(id int32) {
				t.Helper()
				var got []int64
				for len(got) < 10-c.committed {
					b, err := r.Read(soon(t))
					if err != nil || b.Partition != id {
						t.Fatalf("%v of partition %d, %v", got, b.Partition, err)
					}
					for _, rec := range b.Records {
						got = append(got, rec.Offset)
					}
					if c.cc.Group == "" {
						continue
					}
					if err := r.Commit(soon(t), b); err != nil {
						t.Fatal(err)
					}
				}
				if want := []int64{int64(c.committed), 9}; !slices.Equal([]int64{got[0], got[len(got)-1]}, want) || len(got) != 10-c.committed {
					t.Errorf("partition %d: %v", id, got)
				}
			}
			read(0)
			want := ": x/1; read when there is one"
			switch {
			case c.dead:
				want = "a broker of the cluster is not to be reached"
			case c.cc.ExitAtEnd: // there is nothing else to read
				want = `a partition of topic "x" has no leader since`
			}
			awaits(t, "what is told", func() bool { return strings.Contains(said.String(), want) })
			back()
			read(1)
			if c.cc.ExitAtEnd {
				if b, err := r.Read(soon(t)); !errors.Is(err, io.EOF) {
					t.Errorf("%v, %v", values(b.Records), err)
				}
			}
		})
	}
}

// TestCoordinatorDead joins a group whose coordinator has died: the cluster takes its time
// to find another.
func TestCoordinatorDead(t *testing.T) {
	t.Parallel()
	f := newFaulty(t, 1, 1)
	f.store(t, f.producer(t, ProducerConfig{}), 3, 1)
	const most = 2*metadataRetries + 10 // two questions a try
	var asked atomic.Int64
	f.ControlKey(int16(kmsg.FindCoordinator), func(r kmsg.Request) (kmsg.Response, error, bool) {
		f.KeepControl()
		resp := r.ResponseKind().(*kmsg.FindCoordinatorResponse)
		if asked.Add(1) > most || resp.Version > 3 {
			return nil, nil, false
		}
		resp.NodeID, resp.Host, resp.Port = noBroker.NodeID, noBroker.Host, noBroker.Port
		return resp, nil, true
	})
	got := commitUpTo(t, f.cfg, ConsumerConfig{Topics: []string{"x"}, Group: "g", From: Beginning, ExitAtEnd: true}, 0)
	if len(got) != 3 || asked.Load() <= most {
		t.Errorf("%q, %d questions", got, asked.Load())
	}
}
