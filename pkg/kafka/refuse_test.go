package kafka

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/IBM/sarama"
	"github.com/logpipe/logpipe/pkg/codec"
	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// refuses makes the cluster refuse batches with a record whose value begins with
// "bad"; says tells whether it names the records, as brokers do since Kafka 2.4.
func (f *faulty) refuses(t *testing.T, says bool) {
	f.ControlKey(int16(kmsg.Produce), func(r kmsg.Request) (kmsg.Response, error, bool) {
		f.KeepControl()
		req := r.(*kmsg.ProduceRequest)
		resp := req.ResponseKind().(*kmsg.ProduceResponse)
		refused := false
		for _, topic := range req.Topics {
			answer := kmsg.ProduceResponseTopic{Topic: topic.Topic, TopicID: topic.TopicID}
			for _, p := range topic.Partitions {
				part := kmsg.NewProduceResponseTopicPartition()
				part.Partition = p.Partition
				for _, i := range badOnes(t, p.Records) {
					refused = true
					part.ErrorCode = kerr.InvalidRecord.Code
					if says {
						text := fmt.Sprintf("record %d is bad.", i)
						part.ErrorRecords = append(part.ErrorRecords, kmsg.ProduceResponseTopicPartitionErrorRecord{RelativeOffset: int32(i), ErrorMessage: &text})
					}
				}
				if part.ErrorCode == 0 { // the others of the request would be stored
					part.ErrorCode = kerr.NotLeaderForPartition.Code
				}
				answer.Partitions = append(answer.Partitions, part)
			}
			resp.Topics = append(resp.Topics, answer)
		}
		return resp, nil, refused
	})
}

// badOnes are the places of the bad records in a batch.
func badOnes(t *testing.T, raw []byte) (list []int) {
	var b kmsg.RecordBatch
	if err := b.ReadFrom(raw); err != nil {
		t.Error(err)
		return nil
	}
	data, err := codec.Unpack(codec.Kind(b.Attributes&7), b.Records)
	if err != nil {
		t.Error(err)
		return nil
	}
	var r Record
	for i := 0; len(data) > 0; i++ {
		if _, data, err = readRecord(&r, data, 0); err != nil {
			t.Error(err)
			return nil
		}
		if bytes.HasPrefix(r.Value, []byte("bad")) {
			list = append(list, i)
		}
	}
	return list
}

// A record that a broker refuses is told with its number, and all others arrive in
// order, each once: whichever of several batches in flight it is in, whether the
// broker names it or not, in transactions too.
func TestRefusedRecords(t *testing.T) {
	for name, c := range map[string]struct {
		pc   ProducerConfig
		mute bool
	}{
		"named":         {},
		"compressed":    {pc: ProducerConfig{Compression: "lz4"}},
		"not named":     {mute: true},
		"may repeat":    {pc: ProducerConfig{MayRepeat: true}},
		"acks 1":        {pc: ProducerConfig{Acks: "1", Compression: "zstd"}},
		"a transaction": {pc: ProducerConfig{TransactionalID: "tx"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const n, partitions = 3000, 2
			f := newFaulty(t, 1, partitions)
			f.refuses(t, !c.mute)
			pc := c.pc
			pc.MaxMessageBytes = 5000 // many batches
			p := f.producer(t, pc)
			if pc.TransactionalID != "" {
				if err := p.Begin(soon(t)); err != nil {
					t.Fatal(err)
				}
			}
			told := map[string]int64{}
			done := make(chan error, 1)
			receipt := NewReceipt(func(err error) { done <- err }, func(i int64, r Record, err error) {
				if !IsRefused(err) || !c.mute && !strings.Contains(err.Error(), "is bad") {
					t.Errorf("%d: %v", i, err)
				}
				told[fmt.Sprintf("%s to %s/%d", r.Value, r.Topic, r.Partition)] = i
			})
			want, bad := make([][]string, partitions), map[string]int64{}
			for i := range n {
				value, at := fmt.Sprintf("r%d", i), i%partitions
				if i%97 == 0 || i > 1000 && i < 1040 || i == n-1 {
					value = fmt.Sprintf("bad%d", i)
					bad[fmt.Sprintf("%s to x/%d", value, at)] = int64(i)
				} else {
					want[at] = append(want[at], value)
				}
				r := Record{Topic: "x", Partition: int32(at), Value: []byte(value), Headers: []Header{{"fill", make([]byte, 100)}}}
				if err := p.SendFor(soon(t), r, receipt); err != nil {
					t.Fatal(err)
				}
			}
			receipt.Close()
			if err := errors.Join(p.Flush(soon(t)), <-done); err != nil {
				t.Error(err)
			}
			if pc.TransactionalID != "" {
				if err := p.End(soon(t), true); err != nil {
					t.Error(err)
				}
			}
			if len(told) != len(bad) {
				t.Errorf("%d refused, want %d", len(told), len(bad))
			}
			for key, i := range bad {
				if at, ok := told[key]; !ok || at != i {
					t.Errorf("%s: told as number %d, want %d", key, at, i)
				}
			}
			if acked, failed := p.Counts(); acked != int64(n-len(bad)) || failed != int64(len(bad)) {
				t.Errorf("%d acknowledged, %d failed", acked, failed)
			}
			got := make([][]string, partitions)
			for _, r := range readAll(t, consumer(t, f.cfg, ConsumerConfig{Topics: []string{"x"}, From: Beginning, ExitAtEnd: true})) {
				got[r.Partition] = append(got[r.Partition], string(r.Value))
			}
			for at := range got {
				if !slices.Equal(got[at], want[at]) {
					t.Errorf("partition %d has %d records, want %d", at, len(got[at]), len(want[at]))
				}
			}
		})
	}
}

// Without somebody who is told, a refused record fails what waits for it, alone.
func TestRefusedRecordDelivered(t *testing.T) {
	f := newFaulty(t, 1, 1)
	f.refuses(t, true)
	p := f.producer(t, ProducerConfig{})
	err := p.Deliver(soon(t), []Record{{Topic: "x", Value: []byte("a")}, {Topic: "x", Value: []byte("bad")}, {Topic: "x", Value: []byte("b")}})
	if want := `1 record was not acknowledged: topic "x": the broker refuses the record: record `; !IsRefused(err) || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("%v", err)
	}
	got := readAll(t, consumer(t, f.cfg, ConsumerConfig{Topics: []string{"x"}, From: Beginning, ExitAtEnd: true}))
	if v := values(got); !slices.Equal(v, []string{"a", "b"}) {
		t.Errorf("stored %q", v)
	}
}

// The words of a refusal name the record's fault and what to do.
func TestRefusedWords(t *testing.T) {
	text := "Compacted topic cannot accept message without key in topic partition x-0."
	err := refusedFor(sarama.ErrInvalidRecord, &text, "x")
	if want := `topic "x": the broker refuses the record: Compacted topic cannot accept message without key in topic partition x-0`; err.Error() != want {
		t.Errorf("%s\nwant\n%s", err, want)
	}
	if hint := fault.HintOf(err); !strings.Contains(hint, "--key-field") {
		t.Errorf("hint %q", hint)
	}
}

// Lines for a partition that there is not are refused one by one, whoever waits for
// the answers, and what comes behind them is sent.
func TestRefusedLines(t *testing.T) {
	for name, pc := range map[string]ProducerConfig{
		"all": {}, "leader": {Acks: "1"}, "nobody": {Acks: "0"}, "compressed": {Compression: "lz4"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFaulty(t, 1, 3)
			p := f.producer(t, pc)
			done := make(chan error, 1)
			receipt := NewReceipt(func(err error) { done <- err }, nil)
			if err := p.SendLines(soon(t), Record{Topic: "x", Partition: 7}, []byte("a\nb\nc\n"), receipt); err != nil {
				t.Fatal(err)
			}
			receipt.Close()
			want := `3 records were not acknowledged: topic "x" has no partition 7`
			for _, err := range []error{p.Flush(soon(t)), <-done} {
				if err == nil || err.Error() != want || fault.HintOf(err) != "it has 0 to 2" {
					t.Errorf("%v, hint %q; want %s", err, fault.HintOf(err), want)
				}
			}
			if err := p.SendLines(soon(t), Record{Topic: "x", Partition: 2}, []byte("d\ne\n"), nil); err != nil {
				t.Fatal(err)
			}
			if err := p.Flush(soon(t)); err != nil {
				t.Error(err)
			}
			if acked, failed := p.Counts(); acked != 2 || failed != 3 {
				t.Errorf("%d acknowledged, %d failed", acked, failed)
			}
		})
	}
}

// A receipt that asks for it is told of the records for a partition that there is
// not by their numbers; then neither it nor Flush has failed, and the others are sent.
func TestRefusedPartitions(t *testing.T) {
	f := newFaulty(t, 1, 3)
	p := f.producer(t, ProducerConfig{})
	done, told := make(chan error, 1), ""
	receipt := NewReceipt(func(err error) { done <- err }, func(n int64, r Record, err error) {
		told += fmt.Sprintf("%d %s: %v\n", n, r.Value, err)
	})
	receipt.TellPartitions()
	for i, partition := range []int32{0, 7, 1, 2, 3} {
		if err := p.SendFor(soon(t), Record{Topic: "x", Partition: partition, Value: fmt.Appendf(nil, "r%d", i)}, receipt); err != nil {
			t.Fatal(err)
		}
	}
	receipt.Close()
	if err := errors.Join(p.Flush(soon(t)), <-done); err != nil {
		t.Error(err)
	}
	if want := "1 r1: topic \"x\" has no partition 7\n4 r4: topic \"x\" has no partition 3\n"; told != want {
		t.Errorf("told\n%swant\n%s", told, want)
	}
	if acked, failed := p.Counts(); acked != 3 || failed != 2 {
		t.Errorf("%d acknowledged, %d failed", acked, failed)
	}
}

// TestRefusedUntilTheEnd tells why a leader that answers takes nothing, whether one
// partition is given up or all are.
func TestRefusedUntilTheEnd(t *testing.T) {
	t.Parallel()
	f := newFaulty(t, 1, 2)
	f.fails(kerr.NotEnoughReplicas, -1)
	p := f.producer(t, ProducerConfig{Timeout: longTimeout})
	err := p.Deliver(soon(t), []Record{{Topic: "x", Partition: 1, Value: []byte("v")}})
	if fault.CodeOf(err) != fault.Unreachable || !errors.Is(err, sarama.ErrNotEnoughReplicas) ||
		!strings.Contains(err.Error(), `topic "x" partition 1: no acknowledgement for 10s: fewer replicas are in sync than min.insync.replicas asks for`) ||
		fault.HintOf(err) != "logpipe topic describe x shows the replicas" {
		t.Errorf("%v, hint %s", err, fault.HintOf(err))
	}
}
