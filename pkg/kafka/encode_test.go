package kafka

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/codec"
	"github.com/twmb/franz-go/pkg/kmsg"
)

var encoded = []Record{
	{},
	{Key: []byte{}, Value: []byte{}},
	{Key: []byte("k"), Value: []byte("v")},
	{Value: bytes.Repeat([]byte("v"), 63)},
	{Value: bytes.Repeat([]byte("v"), 64), Key: bytes.Repeat([]byte("k"), 10_000)},
	{Value: []byte("v"), Headers: []Header{{"h", []byte("1")}, {"h", nil}, {"", []byte{}}, {strings.Repeat("x", 200), []byte{0xff}}}},
}

// A record has the bytes that franz-go's encoder gives it.
func TestRecordBytes(t *testing.T) {
	for i, r := range encoded {
		for _, at := range []struct{ ms, delta int64 }{{0, 0}, {1, 63}, {-1, 64}, {1 << 40, 1<<31 - 1}, {-1 << 40, 8192}} {
			theirs := kmsg.Record{TimestampDelta64: at.ms, OffsetDelta: int32(at.delta), Key: r.Key, Value: r.Value}
			for _, h := range r.Headers {
				theirs.Headers = append(theirs.Headers, kmsg.Header{Key: h.Key, Value: h.Value})
			}
			theirs.Length = int32(r.bodyLen(at.ms, at.delta))
			want, got := theirs.AppendTo(nil), appendRecord(nil, &r, at.ms, at.delta)
			if !bytes.Equal(got, want) {
				t.Errorf("record %d at %v:\n%x, want\n%x", i, at, got, want)
			}
			var back Record
			delta, rest, err := readRecord(&back, append(got, "rest"...), 0)
			back.Time = time.Time{}
			if err != nil || delta != at.delta || string(rest) != "rest" || !reflect.DeepEqual(back, r) {
				t.Errorf("record %d read as %+v at %d before %q: %v", i, back, delta, rest, err)
			}
		}
	}
}

// Size is what a record takes as the only one of a batch, to the byte.
func TestSize(t *testing.T) {
	for i, r := range encoded {
		if got, want := r.Size(), batchOverhead+len(appendRecord(nil, &r, 0, 0)); got != want {
			t.Errorf("record %d: %d, want %d", i, got, want)
		}
	}
}

// What goes over the wire is a batch as franz-go reads it, with each codec.
func TestBatchBytes(t *testing.T) {
	for _, name := range codec.Names() {
		t.Run(name, func(t *testing.T) {
			f := newFaulty(t, 1, 1)
			got := make(chan []byte, 10)
			f.ControlKey(int16(kmsg.Produce), func(r kmsg.Request) (kmsg.Response, error, bool) {
				f.KeepControl()
				got <- bytes.Clone(r.(*kmsg.ProduceRequest).Topics[0].Partitions[0].Records)
				return nil, nil, false
			})
			p := f.producer(t, ProducerConfig{Compression: name})
			at := time.UnixMilli(1_700_000_000_123)
			var sent []Record
			for i, r := range encoded {
				r.Topic, r.Time = "x", at.Add(time.Duration(3-i)*time.Millisecond)
				sent = append(sent, r)
			}
			deliverTogether(t, p, sent)
			raw := <-got
			var b kmsg.RecordBatch
			if err := b.ReadFrom(raw); err != nil {
				t.Fatal(err)
			}
			kind, _ := codec.Parse(name)
			if b.Magic != 2 || b.NumRecords != int32(len(sent)) || b.LastOffsetDelta != int32(len(sent))-1 || b.Attributes != int16(kind) ||
				b.FirstTimestamp != at.UnixMilli()+3 || b.MaxTimestamp != at.UnixMilli()+3 || b.FirstSequence != 0 || int(b.Length) != len(raw)-12 {
				t.Errorf("%+v", b)
			}
			if sum := crc32.Checksum(raw[21:], crc32.MakeTable(crc32.Castagnoli)); int32(sum) != b.CRC || binary.BigEndian.Uint32(raw[17:]) != sum {
				t.Errorf("sum %x, want %x", b.CRC, sum)
			}
			back := readAll(t, consumer(t, f.cfg, ConsumerConfig{Topics: []string{"x"}, From: Beginning, ExitAtEnd: true}))
			for i := range back {
				if !same(back[i], sent[i]) {
					t.Errorf("record %d read as %+v", i, back[i])
				}
			}
			if len(back) != len(sent) {
				t.Errorf("%d records, want %d", len(back), len(sent))
			}
		})
	}
}

// FuzzRecord holds that reading ends in a record or an error whatever the bytes
// are, and that what was read is written as franz-go writes it.
func FuzzRecord(f *testing.F) {
	for _, r := range encoded {
		f.Add(appendRecord(nil, &r, 5, 7))
	}
	f.Add([]byte{2, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		var r Record
		delta, rest, err := readRecord(&r, b, 0)
		if err != nil {
			return
		}
		if len(rest) >= len(b) {
			t.Fatal("nothing was read")
		}
		var again Record
		written := appendRecord(nil, &r, r.Time.UnixMilli(), delta)
		delta2, rest, err := readRecord(&again, written, 0)
		if err != nil || len(rest) > 0 || delta2 != delta || !same(r, again) {
			t.Errorf("%+v at %d came back as %+v at %d: %v", r, delta, again, delta2, err)
		}
	})
}

// FuzzHalves holds that a split batch has the records of the whole.
func FuzzHalves(f *testing.F) {
	f.Add([]byte("key"), []byte("value"), uint8(9), int64(5))
	f.Fuzz(func(t *testing.T, key, value []byte, n uint8, ms int64) {
		count := int(n)%40 + 2
		whole := &batch{sequence: 1<<31 - 10}
		for i := range count {
			r := Record{Key: key[:min(i, len(key))], Value: value}
			whole.add(&r, (ms&(1<<40-1))+int64(i), nil, int64(i))
		}
		front, back, err := whole.halves(codec.None)
		if err != nil || front.count+back.count != whole.count || front.sequence != whole.sequence ||
			back.sequence != nextSequence(whole.sequence, front.count) || back.sequence < 0 {
			t.Fatalf("%d and %d of %d: %v", front.count, back.count, whole.count, err)
		}
		var a, b Record
		left := whole.records
		for _, half := range []*batch{front, back} {
			for rest := half.records; len(rest) > 0; {
				if _, rest, err = readRecord(&a, rest, half.first); err != nil {
					t.Fatal(err)
				}
				if _, left, err = readRecord(&b, left, whole.first); err != nil || !same(a, b) {
					t.Fatalf("%+v, want %+v: %v", a, b, err)
				}
			}
		}
		if len(left) > 0 {
			t.Errorf("%d bytes are left", len(left))
		}
	})
}

// Batches of few partitions are as large as brokers take; those of many share half
// of the buffer, so that as much can be on its way.
func TestBatchLimit(t *testing.T) {
	for _, c := range []struct{ partitions, most, want int }{
		{0, DefaultRecordLimit, DefaultRecordLimit}, {1, 1 << 20, batchBytes}, {1, 20_000, 20_000},
		{4, 1 << 20, 512 << 10}, {100, 1 << 20, batchLeast}, {100, 9000, 9000},
	} {
		p := &Producer{cfg: ProducerConfig{BufferBytes: 4 << 20, MaxMessageBytes: c.most}}
		if got := p.batchLimit(&topic{parts: make([]*partition, c.partitions)}); got != c.want {
			t.Errorf("%d partitions, at most %d: %d, want %d", c.partitions, c.most, got, c.want)
		}
	}
}
