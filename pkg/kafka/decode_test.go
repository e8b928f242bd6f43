package kafka

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/codec"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// logged is a batch as it stands in a log.
type logged struct {
	base       int64
	records    []Record // with their offsets, unless these count from base
	kind       codec.Kind
	attributes int16 // beside the codec
	producer   int64
	time, most int64 // ms
	lastDelta  int32 // 0 = that of the last record
}

func (l logged) bytes(t testing.TB) []byte {
	t.Helper()
	var body []byte
	delta := int64(-1)
	for i := range l.records {
		r := &l.records[i]
		delta = max(delta+1, r.Offset-l.base)
		ms := int64(0)
		if !r.Time.IsZero() {
			ms = r.Time.UnixMilli() - l.time
		}
		body = appendRecord(body, r, ms, delta)
	}
	p, err := codec.NewPacker(l.kind, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if body, err = p.Append(nil, body); err != nil {
		t.Fatal(err)
	}
	b := kmsg.RecordBatch{FirstOffset: l.base, Magic: 2, Attributes: l.attributes | int16(l.kind), LastOffsetDelta: max(l.lastDelta, int32(delta)),
		FirstTimestamp: l.time, MaxTimestamp: l.most, ProducerID: l.producer, NumRecords: int32(len(l.records)), Records: body,
		Length: int32(batchOverhead - behindLength + len(body))}
	return summed(b.AppendTo(nil))
}

// summed sets the checksum of the first batch.
func summed(b []byte) []byte {
	if len(b) > atMagic && b[atMagic] < magic {
		if n := int64(binary.BigEndian.Uint32(b[atLength:])) + behindLength; n >= oldLeast && n <= int64(len(b)) {
			binary.BigEndian.PutUint32(b[atOldSum:], crc32.ChecksumIEEE(b[atMagic:n]))
		}
		return b
	}
	if n := int64(binary.BigEndian.Uint32(b[atLength:])) + behindLength; n >= batchOverhead && n <= int64(len(b)) {
		binary.BigEndian.PutUint32(b[atSum:], crc32.Checksum(b[atAttributes:n], crc32.MakeTable(crc32.Castagnoli)))
	}
	return b
}

// hand gives an answer to a reader and returns what that gets.
func hand(t testing.TB, a answer, undone ...abortedTransaction) (list []Batch, pos int64, err error) {
	t.Helper()
	a.part, a.aborted = part{"x", 3}, undone
	pool := &pool{}
	m := pool.get(len(a.set))
	copy(m.b, a.set)
	a.set, a.memory = m.b, m
	f := &fetch{c: &Consumer{}, parts: []*reading{{part: a.part, pos: a.pos, last: a.last}}}
	found, err := f.found(0, &fetched{set: a.set, end: a.end, aborted: undone})
	if err != nil {
		return nil, 0, err
	}
	found.memory = m
	c := &Consumer{batches: make(chan Batch)}
	h := &handing{c: c, parts: []*reading{{part: a.part, pos: a.pos, last: a.last}}}
	defer h.close()
	failed := make(chan error)
	go func() { failed <- h.give(t.Context(), &found) }()
	for {
		select {
		case b := <-c.batches:
			list = append(list, b)
		case err := <-failed:
			return list, h.parts[0].pos, err
		}
	}
}

func numberedRecords(from, to int64) []Record {
	var list []Record
	for i := from; i < to; i++ {
		list = append(list, Record{Value: fmt.Appendf(nil, "r%d", i), Offset: i})
	}
	return list
}

// Which records of which batches are handed out, and where reading goes on.
func TestHanding(t *testing.T) {
	batch := func(from, to int64) logged {
		return logged{base: from, records: numberedRecords(from, to), kind: codec.Kind(from % 5), producer: from}
	}
	marker := func(base, producer int64, kind byte) logged {
		return logged{base: base, producer: producer, attributes: control | transactional, records: []Record{{Key: []byte{0, 0, 0, kind}, Offset: base}}}
	}
	within := func(l logged) logged { l.attributes |= transactional; return l }
	for name, c := range map[string]struct {
		log    []logged
		from   int64
		last   int64
		cut    int // bytes off the end
		undone []abortedTransaction
		want   string
		next   int64
	}{
		"all":                 {log: []logged{batch(0, 3), batch(3, 5), batch(5, 6), batch(6, 9), batch(9, 11)}, want: "0 1 2 3 4 5 6 7 8 9 10", next: 11},
		"from within a batch": {log: []logged{batch(0, 3), batch(3, 6)}, from: 2, want: "2 3 4 5", next: 6},
		"to within a batch":   {log: []logged{batch(0, 3), batch(3, 6), batch(6, 8)}, last: 4, want: "0 1 2 3", next: 8},
		"the last is cut off": {log: []logged{batch(0, 3), batch(3, 6)}, cut: 1, want: "0 1 2", next: 3},
		"the only is cut off": {log: []logged{batch(0, 3)}, cut: 40},
		"compacted": {log: []logged{{base: 2, records: []Record{{Value: []byte("r4"), Offset: 4}, {Value: []byte("r7"), Offset: 7}}, lastDelta: 9, kind: codec.LZ4},
			{base: 12, lastDelta: 3}}, want: "4 7", next: 16},
		"markers": {log: []logged{within(batch(0, 2)), marker(2, 0, 1), batch(3, 4)}, want: "0 1 3", next: 4},
		"aborted": {log: []logged{within(batch(0, 2)), batch(2, 3), marker(3, 0, 0), within(logged{base: 4, records: numberedRecords(4, 6)}), marker(6, 0, 1)},
			undone: []abortedTransaction{{0, 0}}, want: "2 4 5", next: 7},
		"aborted of another": {log: []logged{within(batch(0, 2)), within(batch(2, 4)), marker(4, 0, 1), marker(5, 2, 0), within(batch(6, 7))},
			undone: []abortedTransaction{{2, 2}}, want: "0 1 6", next: 7},
	} {
		t.Run(name, func(t *testing.T) {
			var set []byte
			for _, l := range c.log {
				set = append(set, l.bytes(t)...)
			}
			if c.last == 0 {
				c.last = -1
			}
			list, next, err := hand(t, answer{set: set[:len(set)-c.cut], pos: c.from, last: c.last, end: 99}, c.undone...)
			var got []string
			for _, b := range list {
				for _, r := range b.Records {
					if string(r.Value) != fmt.Sprintf("r%d", r.Offset) || r.Topic != "x" || r.Partition != 3 || b.End != 99 {
						t.Errorf("%+v of %+v", r, b)
					}
					got = append(got, fmt.Sprint(r.Offset))
				}
			}
			if err != nil || strings.Join(got, " ") != c.want || next != c.next {
				t.Errorf("offsets %v, then %d, want %s, then %d: %v", got, next, c.want, c.next, err)
			}
		})
	}
}

// Fields of all kinds come back to the byte, and times as Kafka means them.
func TestHandingFields(t *testing.T) {
	at := time.UnixMilli(1_700_000_000_123)
	for kind := range codec.Kind(5) {
		for name, c := range map[string]struct {
			l    logged
			want func(i int) time.Time
		}{
			"of the record":   {logged{time: at.UnixMilli(), most: 9}, func(i int) time.Time { return at.Add(time.Duration(i) * time.Second) }},
			"of the log":      {logged{attributes: appendTime, time: 5, most: at.UnixMilli()}, func(int) time.Time { return at }},
			"none":            {logged{time: -1, most: -1}, func(int) time.Time { return time.Time{} }},
			"none of the log": {logged{attributes: appendTime, most: -1}, func(int) time.Time { return time.Time{} }},
		} {
			c.l.kind, c.l.records = kind, slices.Clone(encoded)
			for i := range encoded {
				if c.l.time == at.UnixMilli() {
					c.l.records[i].Time = c.want(i)
				}
			}
			list, _, err := hand(t, answer{set: c.l.bytes(t), last: -1})
			if err != nil || len(list) != 1 || len(list[0].Records) != len(encoded) {
				t.Fatalf("%s, time %s: %v, %v", kind, name, list, err)
			}
			for i, got := range list[0].Records {
				want := encoded[i]
				want.Topic, want.Partition, want.Time = "x", 3, c.want(i)
				if !same(got, want) || got.Time.IsZero() != want.Time.IsZero() {
					t.Errorf("%s, time %s: %+v, want %+v", kind, name, got, want)
				}
			}
		}
	}
}

// Whatever byte of a batch is damaged, it is noticed. The leader's epoch, which is
// not part of the sum, means nothing here.
func TestHandingDamage(t *testing.T) {
	whole := logged{base: 7, records: encoded[:4], kind: codec.Snappy}.bytes(t)
	for i := range whole {
		if i < 8 || i >= 12 && i < atMagic { // the offset, which brokers write behind the sum, and the epoch
			continue
		}
		b := bytes.Clone(whole)
		b[i] ^= 0x80
		list, next, err := hand(t, answer{set: b, pos: 7, last: -1})
		if len(list) > 0 || err == nil && next != 7 {
			t.Errorf("byte %d: %d batches, then %d, %v", i, len(list), next, err)
		}
	}
	for name, c := range map[string]struct {
		change func(b []byte)
		is     error
		text   string
	}{
		"an old format": {func(b []byte) { b[atMagic] = 1 }, errSum, "offset 7"},
		"a new format":  {func(b []byte) { b[atMagic] = 3 }, nil, "record format 3"},
		"a sum":         {func(b []byte) { b[atSum]++ }, errSum, "offset 7"},
		"a length":      {func(b []byte) { copy(b[atLength:], "\x00\x00\x00\x05") }, errFrame, "lengths"},
		"more records":  {func(b []byte) { b[atCount+3]++; summed(b) }, errRecord, "offset 7"},
		"fewer records": {func(b []byte) { b[atCount+3]--; summed(b) }, errRecord, "offset 7"},
		"a count":       {func(b []byte) { b[atCount] = 0x80; summed(b) }, errFrame, "lengths"},
		"many records":  {func(b []byte) { b[atCount] = 0x7f; summed(b) }, errRecord, "offset 7"},
		"another codec": {func(b []byte) { b[atAttributes+1] = byte(codec.Gzip); summed(b) }, nil, "a batch that is not gzip: "},
		"an offset":     {func(b []byte) { b[atLastDelta+3]--; summed(b) }, errRecord, "offset 7"},
		"no codec":      {func(b []byte) { b[atAttributes+1] = 7; summed(b) }, nil, "a batch that is not codec 7: unknown codec 7"},
	} {
		b := bytes.Clone(whole)
		c.change(b)
		_, _, err := hand(t, answer{set: b, pos: 7, last: -1})
		if err == nil || c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.text) ||
			!strings.HasPrefix(err.Error(), `topic "x" partition 3: `) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzHanding holds that reading whatever bytes ends, in records within them or an
// error.
func FuzzHanding(f *testing.F) {
	for kind := range codec.Kind(5) {
		b := logged{base: 7, records: encoded[:4], kind: kind}.bytes(f)
		f.Add(b)
		f.Add(append(b, logged{base: 11, records: encoded[:1], kind: kind}.bytes(f)...))
		for format := range byte(2) {
			f.Add(message{format: format, offset: 7, kind: kind, set: []message{{format: format, value: []byte("v")}}}.bytes(f))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) >= batchOverhead {
			b = summed(b)
		}
		list, next, err := hand(t, answer{set: b, last: -1})
		for _, batch := range list {
			for _, r := range batch.Records {
				if r.Offset < 0 || err == nil && r.Offset >= next {
					t.Errorf("offset %d, and then %d", r.Offset, next)
				}
			}
		}
	})
}

// The bytes of records stay until their batch is released, and are used again then.
func TestRelease(t *testing.T) {
	for _, kind := range []codec.Kind{codec.None, codec.LZ4} {
		t.Run(kind.String(), func(t *testing.T) {
			f := newFaulty(t, 1, 1)
			p := f.producer(t, ProducerConfig{Compression: kind.String()})
			const n = 30_000
			f.store(t, p, n, 1)
			c := consumer(t, f.cfg, ConsumerConfig{Topics: []string{"x"}, From: Beginning, MaxRecords: n})
			var held []Batch
			seen, batches := 0, 0
			used := map[*byte]int{} // lists of records, by their first value
			for seen < n {
				b, err := c.Read(soon(t))
				if err != nil {
					t.Fatal(err)
				}
				used[&b.Records[0].Value[0]]++
				batches++
				if held = append(held, b); len(held) < 5 && seen+len(b.Records) < n {
					seen += len(b.Records)
					continue
				}
				seen += len(b.Records)
				for _, b := range held { // they were read while others were
					for _, r := range b.Records {
						if want := fmt.Sprintf("r%d ", r.Offset); !strings.HasPrefix(string(r.Value), want) || len(r.Value) != len(want)+200 {
							t.Fatalf("offset %d: %q", r.Offset, r.Value)
						}
					}
					last, next := b.Last(), b.Next()
					b.Release()
					b.Release() // means nothing
					if last.Next() != next || len(last.Records) != 1 {
						t.Errorf("%d, want %d", last.Next(), next)
					}
				}
				held = held[:0]
			}
			if len(used) == batches {
				t.Errorf("no memory of %d batches was used again", batches)
			}
		})
	}
}

// A reader that is left alone ends with its context.
func TestHandingEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	a := answer{part: part{"x", 0}, set: logged{records: encoded}.bytes(t), last: -1, memory: &memory{}}
	h := &handing{c: &Consumer{batches: make(chan Batch)}, parts: []*reading{{}}}
	cancel()
	if err := h.give(ctx, &a); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
