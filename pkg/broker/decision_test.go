package broker

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/logpipetest"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

// TestCutCommit holds that a transaction whose commit a broker could not carry out to
// its end is whole behind the next start, records and offsets, and that its producer
// hears so. A folder stands in the way of the marker of one of many partitions, which
// kfake takes in any order, or of the offsets, which come behind the markers.
func TestCutCommit(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a broker that stands still has its files open, which cannot be removed then")
	}
	for _, versions := range []*kversion.Versions{kversion.V3_8_0(), kversion.Stable()} {
		for _, cut := range []string{filepath.Join(partitionsName, "t-3", "1"+segmentSuffix), groupsName} {
			t.Run(fmt.Sprintf("EndTxn to version %d, cut at %s", maxOf(versions, keyEndTxn), cut), func(t *testing.T) {
				testCutCommit(t, versions, cut)
			})
		}
	}
}

func maxOf(v *kversion.Versions, key int16) int16 {
	version, _ := v.LookupMaxKeyVersion(key)
	return version
}

func testCutCommit(t *testing.T, versions *kversion.Versions, cut string) {
	const partitions = 6
	dir, listen := t.TempDir(), logpipetest.OwnAddress(t)
	b, err := Start(t.Context(), Config{Dir: dir, Listen: listen})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	addr := b.Addr()[0]
	makeTopic(t, client(t, addr), "t", partitions, 1, map[string]string{"segment.bytes": "14"}) // the marker begins one
	var door patientDoor
	producer := client(t, addr, kgo.TransactionalID("id"), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.MaxVersions(versions), kgo.Dialer(door.dial))
	if err := producer.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	for p := range int32(partitions) {
		if err := producer.ProduceSync(t.Context(), &kgo.Record{Topic: "t", Partition: p, Value: []byte("v")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	commitInTransaction(t, producer, b.cluster.TopicInfo("t").TopicID, 7)
	obstacle := filepath.Join(dir, cut)
	if err := os.RemoveAll(obstacle); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(obstacle, 0o777); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- producer.EndTransaction(t.Context(), kgo.TryCommit) }()
	select {
	case <-b.Failed():
	case err := <-ended:
		t.Fatalf("the commit ended with %v before the broker", err)
	}
	open := door.shut()
	defer open()
	if err := b.Close(); err == nil {
		t.Error("the broker does not say why it ended")
	}
	if err := os.Remove(obstacle); err != nil {
		t.Fatal(err)
	}
	start(t, Config{Dir: dir, Listen: addr})
	open()
	if err := <-ended; err != nil {
		t.Errorf("the producer hears %v", err)
	}
	cl := client(t, addr, kgo.MaxVersions(kversion.V3_8_0()))
	if got := committedOffset(t, cl); got != 7 {
		t.Errorf("offset %d is committed, want 7", got)
	}
	for p := range partitions {
		if text := markerIn(t, filepath.Join(dir, partitionsName, fmt.Sprintf("t-%d", p))); text != "commit" {
			t.Errorf("partition %d has %s", p, text)
		}
	}
	if got := committedValues(t, addr, partitions); len(got) != partitions {
		t.Errorf("read %q", got)
	}
}

// patientDoor makes connections while it is open; who comes while it is shut waits. A
// connection that is refused, as a broker takes its time to start, would be the end of
// the commit for kgo.
type patientDoor struct{ mu sync.RWMutex }

func (d *patientDoor) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return (&net.Dialer{}).DialContext(ctx, network, addr)
}

// shut shuts the door until what it returns is called.
func (d *patientDoor) shut() (open func()) {
	d.mu.Lock()
	return sync.OnceFunc(d.mu.Unlock)
}

// commitInTransaction adds an offset of group g to the transaction.
func commitInTransaction(t *testing.T, cl *kgo.Client, topic [16]byte, offset int64) {
	t.Helper()
	id, epoch, err := cl.ProducerID(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	add := kmsg.NewPtrAddOffsetsToTxnRequest()
	add.TransactionalID, add.ProducerID, add.ProducerEpoch, add.Group = "id", id, epoch, "g"
	added, err := add.RequestWith(t.Context(), cl)
	if err == nil {
		err = kerr.ErrorForCode(added.ErrorCode)
	}
	if err != nil {
		t.Fatal(err)
	}
	req := kmsg.NewPtrTxnOffsetCommitRequest()
	req.TransactionalID, req.ProducerID, req.ProducerEpoch, req.Group, req.Generation = "id", id, epoch, "g", -1
	p := kmsg.NewTxnOffsetCommitRequestTopicPartition()
	p.Offset = offset
	rt := kmsg.NewTxnOffsetCommitRequestTopic()
	rt.Topic, rt.TopicID, rt.Partitions = "t", topic, append(rt.Partitions, p)
	req.Topics = append(req.Topics, rt)
	resp, err := req.RequestWith(t.Context(), cl)
	if err == nil {
		err = kerr.ErrorForCode(resp.Topics[0].Partitions[0].ErrorCode)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// committedOffset is that of group g in partition 0; -1 where there is none.
func committedOffset(t *testing.T, cl *kgo.Client) int64 {
	t.Helper()
	rt := kmsg.NewOffsetFetchRequestTopic()
	rt.Topic, rt.Partitions = "t", []int32{0}
	req := kmsg.NewPtrOffsetFetchRequest()
	g := kmsg.NewOffsetFetchRequestGroup()
	gt := kmsg.NewOffsetFetchRequestGroupTopic()
	gt.Topic, gt.Partitions = "t", []int32{0}
	g.Group, g.Topics = "g", append(g.Topics, gt)
	req.Groups = append(req.Groups, g)
	req.Group, req.Topics = "g", append(req.Topics, rt)
	resp, err := req.RequestWith(t.Context(), cl)
	if err != nil {
		t.Fatal(err)
	}
	if len(resp.Groups) == 0 || len(resp.Groups[0].Topics) == 0 {
		return -1
	}
	return resp.Groups[0].Topics[0].Partitions[0].Offset
}

// markerIn tells how the last transaction of a partition has ended.
func markerIn(t *testing.T, dir string) string {
	t.Helper()
	segments, err := segmentsIn(dir)
	if err != nil {
		t.Fatal(err)
	}
	found := "no marker"
	for _, name := range segments {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for n := wholeBatch(text); n > 0; n = wholeBatch(text) {
			var b kmsg.RecordBatch
			var r kmsg.Record
			if err := b.ReadFrom(text[:n]); err != nil {
				t.Fatal(err)
			}
			if b.Attributes&attrControl != 0 {
				if err := r.ReadFrom(b.Records); err != nil {
					t.Fatal(err)
				}
				found = map[uint16]string{0: "abort", 1: "commit"}[binary.BigEndian.Uint16(r.Key[2:])]
			}
			text = text[n:]
		}
	}
	return found
}

// TestRefusedDecision holds that a commit which kfake refuses, for the producer is
// fenced, is not carried out behind a kill, and that a decision is dropped when kfake
// has carried it out.
func TestRefusedDecision(t *testing.T) {
	dir := t.TempDir()
	note := decision{Producer: 1, Epoch: 3, Offsets: []offsetNote{{groupEntry: groupEntry{Type: "commit", Group: "g", Topic: "t"}, Offset: 9, At: time.Now().UnixMilli()}}}
	for _, c := range []struct {
		epoch int16
		want  bool
	}{{3, true}, {4, false}, {2, false}} {
		d := decisions{}
		var err error
		if d.f, err = os.Create(filepath.Join(dir, decisionName)); err != nil {
			t.Fatal(err)
		}
		d.b = &Broker{}
		if err := d.write(note); err != nil {
			t.Fatal(err)
		}
		if err := d.close(); err != nil {
			t.Fatal(err)
		}
		log := logText([][]byte{[]byte(`{"type":"init","pid":1,"epoch":2,"txid":"id"}`), fmt.Appendf(nil, `{"type":"timeout","pid":1,"epoch":%d}`, c.epoch)})
		if err := os.WriteFile(filepath.Join(dir, pidsName), log, 0o666); err != nil {
			t.Fatal(err)
		}
		got, known, err := decided(dir)
		if err != nil || (got != nil) != c.want {
			t.Errorf("producer at epoch %d: %+v, %v", c.epoch, got, err)
		}
		if got != nil && (known.ID != "id" || len(got.Offsets) != 1 || got.Offsets[0].Offset != 9) {
			t.Errorf("read %+v of %+v", got, known)
		}
	}
}
