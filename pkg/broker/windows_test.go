package broker

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

// TestSentAgainAfterKill holds that a batch which was stored and is sent again,
// because a SIGKILL has cut its answer off, is not stored twice; also where the
// broker has noted at an earlier end what the producer had sent until then.
func TestSentAgainAfterKill(t *testing.T) {
	old := kgo.MaxVersions(kversion.V3_0_0()) // topics by name in produce requests
	for _, ended := range []bool{false, true} {
		t.Run(fmt.Sprintf("behind an end in order: %t", ended), func(t *testing.T) {
			dir := t.TempDir()
			addr, cmd := process(t, dir)
			cl := client(t, addr, old)
			makeTopic(t, cl, "t", 1, 1, nil)
			id := kmsg.NewPtrInitProducerIDRequest()
			resp, err := id.RequestWith(t.Context(), cl)
			if err != nil {
				t.Fatal(err)
			}
			producer, n := resp.ProducerID, int32(0)
			for ; n < 4; n++ {
				if code, _ := sendBatch(t, cl, producer, 3*n, 3); code != 0 {
					t.Fatal(code)
				}
			}
			if ended {
				kill(t, cmd)
				b := start(t, Config{Dir: dir})
				if err := b.Close(); err != nil {
					t.Fatal(err)
				}
				addr, cmd = process(t, dir)
				cl = client(t, addr, old)
				for ; n < 8; n++ {
					if code, _ := sendBatch(t, cl, producer, 3*n, 3); code != 0 {
						t.Fatal(code)
					}
				}
			}
			kill(t, cmd)
			b := start(t, Config{Dir: dir})
			cl = client(t, b.Addr()[0], old)
			for i := n - 4; i < n; i++ {
				if code, offset := sendBatch(t, cl, producer, 3*i, 3); code != 0 || offset != int64(3*i) {
					t.Errorf("batch %d again: error %d, offset %d", i, code, offset)
				}
			}
			if code, _ := sendBatch(t, cl, producer, 3*n+3, 3); code != kerr.OutOfOrderSequenceNumber.Code {
				t.Errorf("a batch behind one that is missing: error %d", code)
			}
			if code, offset := sendBatch(t, cl, producer, 3*n, 3); code != 0 || offset != int64(3*n) {
				t.Errorf("the next batch: error %d, offset %d", code, offset)
			}
			if _, end := bounds(t, cl, "t"); end != int64(3*n+3) {
				t.Errorf("%d records, want %d", end, 3*n+3)
			}
		})
	}
}

// sendBatch sends a batch of an idempotent producer.
func sendBatch(t *testing.T, cl *kgo.Client, producer int64, sequence, n int32) (code int16, offset int64) {
	t.Helper()
	var records []byte
	for i := range n {
		r := kmsg.Record{OffsetDelta: i, Value: fmt.Appendf(nil, "r%03d", sequence+i)}
		r.Length = int32(len(r.AppendTo(nil)) - 1)
		records = r.AppendTo(records)
	}
	now := time.Now().UnixMilli()
	batch := kmsg.RecordBatch{PartitionLeaderEpoch: -1, Magic: 2, LastOffsetDelta: n - 1, FirstTimestamp: now, MaxTimestamp: now,
		ProducerID: producer, FirstSequence: sequence, NumRecords: n, Records: records}
	text := batch.AppendTo(nil)
	binary.BigEndian.PutUint32(text[batchLengthAt:], uint32(len(text)-batchLength))
	binary.BigEndian.PutUint32(text[batchCRCAt:], crc32.Checksum(text[batchAttributes:], castagnoli))
	req := kmsg.NewPtrProduceRequest()
	req.Acks, req.TimeoutMillis = -1, 10000
	req.Topics = []kmsg.ProduceRequestTopic{{Topic: "t", Partitions: []kmsg.ProduceRequestTopicPartition{{Records: text}}}}
	resp, err := req.RequestWith(t.Context(), cl)
	if err != nil {
		t.Fatal(err)
	}
	p := resp.Topics[0].Partitions[0]
	return p.ErrorCode, p.BaseOffset
}

// TestWindow holds how the last batches of a producer come together.
func TestWindow(t *testing.T) {
	batch := func(epoch int16, sequence, last int32, offset int64) []byte {
		b := make([]byte, batchHead)
		binary.BigEndian.PutUint64(b, uint64(offset))
		binary.BigEndian.PutUint16(b[batchEpoch:], uint16(epoch))
		binary.BigEndian.PutUint32(b[batchSequence:], uint32(sequence))
		binary.BigEndian.PutUint32(b[batchLast:], uint32(last))
		return b
	}
	var w window
	for i := range int32(7) {
		w = w.add(batch(0, 2*i, 1, int64(10+2*i)))
	}
	if w.Count != 5 || w.At != 2 || w.Next != 14 || w.Entries[1] != (windowEntry{12, 14, 22}) || w.Entries[2] != (windowEntry{4, 6, 14}) {
		t.Errorf("after seven batches: %+v", w)
	}
	w = w.add(batch(1, 0, 9, 100))
	if w.Count != 1 || w.At != 1 || w.Next != 10 || w.Epoch != 1 || w.Entries[0] != (windowEntry{0, 10, 100}) {
		t.Errorf("of a new epoch: %+v", w)
	}
	w = w.add(batch(1, 1<<31-2, 1, 110))
	if w.Next != 1 || w.Entries[1].First != 1<<31-2 {
		t.Errorf("where numbers begin again: %+v", w)
	}
}

func TestPartitionOf(t *testing.T) {
	for name, want := range map[string]string{"t-0": "t 0 true", "a-b-12": "a-b 12 true", "a%20b-1": "a b 1 true", "t": " 0 false", "t-x": "t 0 false"} {
		topic, number, ok := partitionOf(filepath.Join("x", name, "0.dat"))
		if got := fmt.Sprint(topic, " ", number, " ", ok); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

// TestCleanAgainstClock holds that the times of files do not say whether the broker
// has ended in order: a clock that was set back hid a transaction cut short.
func TestCleanAgainstClock(t *testing.T) {
	dir := t.TempDir()
	b := start(t, Config{Dir: dir})
	cl := client(t, b.Addr()[0])
	makeTopic(t, cl, "t", 1, 1, nil)
	put(t, cl, "t", "k", "plain", 0)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	addr, cmd := process(t, dir)
	if _, err := os.Stat(filepath.Join(dir, cleanName)); err == nil {
		t.Error("a broker that runs has ended in order")
	}
	first := transactional(t, addr)
	if err := first.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := first.ProduceSync(t.Context(), kgo.StringRecord("cut")).FirstErr(); err != nil {
		t.Fatal(err)
	}
	kill(t, cmd)
	later := time.Now().Add(time.Hour)
	if err := os.Chtimes(filepath.Join(dir, partitionsName, "t-0", snapshotName), later, later); err != nil {
		t.Fatal(err)
	}
	b = start(t, Config{Dir: dir})
	second := transactional(t, b.Addr()[0])
	if err := second.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := second.ProduceSync(t.Context(), kgo.StringRecord("whole")).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if err := second.EndTransaction(t.Context(), kgo.TryCommit); err != nil {
		t.Fatal(err)
	}
	if got := committedValues(t, b.Addr()[0], 2); got[0] != "plain" || got[1] != "whole" {
		t.Errorf("read %q", got)
	}
}

// TestClean holds what counts as an end in order.
func TestClean(t *testing.T) {
	dir := t.TempDir()
	b := start(t, Config{Dir: dir})
	cl := client(t, b.Addr()[0])
	makeTopic(t, cl, "t", 1, 1, nil)
	makeTopic(t, cl, "other", 2, 1, nil)
	put(t, cl, "t", "k", "v", 0)
	deleteRecords(t, cl, 0)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	b = start(t, Config{Dir: dir}) // and has an empty segment now
	put(t, client(t, b.Addr()[0]), "other", "k", "v", 0)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	is := func(want bool) {
		t.Helper()
		if got, err := takeClean(b.Dir()); err != nil || got != want {
			t.Errorf("%t, %v, want %t", got, err, want)
		}
	}
	is(true)
	is(false)
	deleted := filepath.Join(b.Dir(), partitionsName, "gone-0")
	if err := os.Mkdir(deleted, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(deleted, endName), []byte("7"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := markClean(b.Dir()); err != nil {
		t.Fatal(err)
	}
	is(true)
	segments, err := filepath.Glob(filepath.Join(b.Dir(), partitionsName, "other-*", "0"+segmentSuffix))
	if err != nil || len(segments) != 1 {
		t.Fatal(segments, err)
	}
	if err := os.Truncate(segments[0], 10); err != nil {
		t.Fatal(err)
	}
	if err := markClean(b.Dir()); err != nil {
		t.Fatal(err)
	}
	is(false)
}

func FuzzLogEntries(f *testing.F) {
	whole := logText([][]byte{[]byte(`{"a":1}`), {}})
	f.Add(whole)
	f.Add(whole[:len(whole)-1])
	f.Add(make([]byte, 20))
	f.Fuzz(func(t *testing.T, text []byte) {
		entries, size := logEntries(text)
		if size < 0 || size > int64(len(text)) || int64(len(entries))*10 > size {
			t.Errorf("%d entries in %d bytes of %d", len(entries), size, len(text))
		}
	})
}

func kill(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
}
