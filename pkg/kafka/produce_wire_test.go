package kafka

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"maps"
	"net"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/logpipe/logpipe/pkg/codec"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// batchesOf are three batches of two topics; that of topic b stands between the others.
func batchesOf(t *testing.T) []*batch {
	a, b := &topic{name: "a"}, &topic{name: "b-topic"}
	list := []*batch{{to: &partition{topic: a, id: 7}, identity: identity{1 << 40, 3}, numbered: true, sequence: 1<<31 - 1},
		{to: &partition{topic: b}, identity: nobody}, {to: &partition{topic: a, id: 2}, identity: nobody}}
	for i, batch := range list {
		for n := range i + 1 {
			batch.add(&Record{Value: bytes.Repeat([]byte("v"), 100*n)}, int64(1_700_000_000_000+n), nil, int64(n))
		}
	}
	packer, err := codec.NewPacker(codec.LZ4, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range list {
		if b.packed, err = packer.Append(nil, b.records); err != nil {
			t.Fatal(err)
		}
	}
	return list
}

// A request has the bytes that franz-go gives it, in each version.
func TestProduceRequestBytes(t *testing.T) {
	for _, transaction := range []string{"", "mine"} {
		list := batchesOf(t)
		ordered := []*batch{list[0], list[2], list[1]}
		theirs := kmsg.NewPtrProduceRequest()
		theirs.Acks, theirs.TimeoutMillis = -1, 15000
		attributes := int16(codec.LZ4)
		if transaction != "" {
			theirs.TransactionID = &transaction
			attributes |= transactional
		}
		for _, b := range ordered {
			if n := len(theirs.Topics); n == 0 || theirs.Topics[n-1].Topic != b.to.topic.name {
				theirs.Topics = append(theirs.Topics, kmsg.ProduceRequestTopic{Topic: b.to.topic.name})
			}
			rb := kmsg.RecordBatch{Length: int32(49 + len(b.packed)), PartitionLeaderEpoch: -1, Magic: 2, Attributes: attributes, LastOffsetDelta: b.count - 1,
				FirstTimestamp: b.first, MaxTimestamp: b.last, ProducerID: -1, ProducerEpoch: -1, FirstSequence: -1, NumRecords: b.count, Records: b.packed}
			if b.numbered {
				rb.ProducerID, rb.ProducerEpoch, rb.FirstSequence = b.identity.id, b.identity.epoch, b.sequence
			}
			records := rb.AppendTo(nil)
			binary.BigEndian.PutUint32(records[atSum:], crc32.Checksum(records[atAttributes:], castagnoli))
			to := &theirs.Topics[len(theirs.Topics)-1]
			to.Partitions = append(to.Partitions, kmsg.ProduceRequestTopicPartition{Partition: b.to.id, Records: records})
		}
		for version := int16(produceOldest); version <= produceNewest; version++ {
			theirs.Version = version
			d := &direct{conf: sarama.NewConfig(), asked: 41}
			r := produceRequest{transaction: transaction, acks: sarama.WaitForAll, wait: 15 * time.Second, codec: codec.LZ4, list: slices.Clone(list)}
			_, pieces := r.pieces(d.begin(nil, keyProduce, version), nil)
			for i, b := range r.list {
				if &pieces[2*i+1][0] != &b.packed[0] {
					t.Errorf("version %d: the records of batch %d were copied", version, i)
				}
			}
			formatter := kmsg.NewRequestFormatter(kmsg.FormatterClientID(d.conf.ClientID))
			if got, want := bytes.Join(pieces, nil), formatter.AppendRequest(nil, theirs, 42); !bytes.Equal(got, want) {
				t.Errorf("version %d:\n%x, want\n%x", version, got, want)
			}
		}
	}
}

func produceResponse(version int16) *kmsg.ProduceResponse {
	resp := kmsg.NewPtrProduceResponse()
	resp.Version, resp.ThrottleMillis = version, 70
	for i, name := range []string{"a", "b-topic"} {
		topic := kmsg.NewProduceResponseTopic()
		topic.Topic = name
		for id := range int32(2) {
			p := kmsg.NewProduceResponseTopicPartition()
			p.Partition, p.ErrorCode, p.BaseOffset, p.LogAppendTime = id, int16(id), 1<<40+int64(i), -1+int64(id)*1_700_000_000_001
			if version >= 5 {
				p.LogStartOffset = 12
			}
			if i == 1 && version >= 8 {
				why, text := "too old", "2 are wrong"
				p.ErrorMessage = &text
				p.ErrorRecords = []kmsg.ProduceResponseTopicPartitionErrorRecord{{RelativeOffset: 5}, {RelativeOffset: 9, ErrorMessage: &why}}
			}
			topic.Partitions = append(topic.Partitions, p)
		}
		resp.Topics = append(resp.Topics, topic)
	}
	return resp
}

// An answer is read as franz-go has written it; one that was cut off is an error.
func TestProduceAnswer(t *testing.T) {
	for version := int16(produceOldest); version <= produceNewest; version++ {
		resp := produceResponse(version)
		b := resp.AppendTo(nil)
		got, throttle, err := parseProduce(b, version)
		if err != nil || throttle != 70 || len(got) != 4 {
			t.Fatalf("version %d: throttled for %d, %d partitions, %v", version, throttle, len(got), err)
		}
		for _, topic := range resp.Topics {
			for _, p := range topic.Partitions {
				want := sarama.ProduceResponseBlock{Err: sarama.KError(p.ErrorCode), Offset: p.BaseOffset, ErrorMessage: p.ErrorMessage}
				if p.LogAppendTime >= 0 {
					want.Timestamp = time.UnixMilli(p.LogAppendTime)
				}
				if version >= 5 {
					want.StartOffset = p.LogStartOffset
				}
				for _, e := range p.ErrorRecords {
					want.RecordErrors = append(want.RecordErrors, sarama.ProduceResponseRecordError{BatchIndex: e.RelativeOffset, BatchIndexErrorMessage: e.ErrorMessage})
				}
				if block := got[part{topic.Topic, p.Partition}]; !reflect.DeepEqual(*block, want) {
					t.Errorf("version %d: %+v, want %+v", version, block, want)
				}
			}
		}
		for n := range b {
			if _, _, err := parseProduce(b[:n], version); !errors.Is(err, errAnswer) {
				t.Fatalf("version %d: %d of %d bytes are an answer: %v", version, n, len(b), err)
			}
		}
	}
	if !retriable(errAnswer) {
		t.Error("what was sent does not go again when the answer cannot be read")
	}
}

// FuzzProduceAnswer holds that reading ends, in as many partitions as can be there.
func FuzzProduceAnswer(f *testing.F) {
	for version := int16(produceOldest); version <= produceNewest; version++ {
		f.Add(version, produceResponse(version).AppendTo(nil))
	}
	f.Fuzz(func(t *testing.T, version int16, b []byte) {
		blocks, _, err := parseProduce(b, version)
		refused := 0
		for _, block := range blocks {
			refused += len(block.RecordErrors)
		}
		if err == nil && 22*len(blocks)+6*refused > len(b) {
			t.Errorf("%d partitions and %d records in %d bytes", len(blocks), refused, len(b))
		}
	})
}

// What is no answer to a request fails it and those behind it.
func TestWireAnswers(t *testing.T) {
	good := produceResponse(produceNewest).AppendTo([]byte("\x00\x00\x00\x00\x00\x00\x00\x01"))
	binary.BigEndian.PutUint32(good, uint32(len(good)-4))
	for name, c := range map[string]struct {
		answer []byte
		err    string
	}{
		"an answer":       {answer: good},
		"to another":      {answer: []byte("\x00\x00\x00\x09\x00\x00\x00\x02hello"), err: "it answers request 2 where 1 was asked"},
		"without its end": {answer: good[:40], err: "unexpected EOF"},
		"of other bytes":  {answer: []byte("\x00\x00\x00\x09\x00\x00\x00\x01hello"), err: string(errAnswer)},
		"none":            {err: "EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			ours, theirs := net.Pipe()
			defer ours.Close()
			go func() {
				defer theirs.Close()
				_, _ = theirs.Write(c.answer)
			}()
			w := &wire{direct: &direct{conn: ours, conf: sarama.NewConfig()}, version: produceNewest}
			var buf []byte
			blocks, err := w.answer(1, &buf)
			if c.err == "" && (err != nil || len(blocks) != 4 || w.muted.Load() == 0) || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err) || !retriable(err)) {
				t.Errorf("%d partitions, %v, want %q", len(blocks), err, c.err)
			}
		})
	}
}

// The partitions of a leader share its connections, each has one of them for good; one
// partition alone needs no second one.
func TestLanes(t *testing.T) {
	for _, partitions := range []int{1, 5} {
		f := newFaulty(t, 1, partitions)
		p := f.producer(t, ProducerConfig{})
		ways := func() (list []way) {
			p.mu.Lock()
			defer p.mu.Unlock()
			for _, part := range p.topics["x"].parts {
				list = append(list, part.way())
			}
			return list
		}
		f.load(t, p, 10*partitions, partitions)
		before := ways()
		p.refresh()
		f.fails(kerr.NotLeaderForPartition, 2)
		f.store(t, p, 10*partitions, partitions)
		if after := ways(); !slices.Equal(before, after) {
			t.Errorf("the ways were %v and are %v", before, after)
		}
		count, open := map[int32]int{}, 0
		for _, w := range before {
			count[w.lane]++
		}
		p.mu.Lock()
		for _, l := range p.links {
			if l.current != nil {
				open++
			}
		}
		p.mu.Unlock()
		if want := min(partitions, lanes); open != want || len(count) != want || slices.Max(slices.Collect(maps.Values(count)))-partitions/want > 1 {
			t.Errorf("%d partitions: %d connections, partitions of each: %v", partitions, open, count)
		}
		got := readAll(t, consumer(t, f.cfg, ConsumerConfig{Topics: []string{"x"}, From: Beginning, ExitAtEnd: true}))
		if len(got) != 20*partitions {
			t.Errorf("%d records", len(got))
		}
	}
}

// throttles has the broker answer the first request of a kind with resp, which tells
// for how long it wants to be left alone, and holds that it is.
func (f *faulty) throttles(t *testing.T, key kmsg.Key, resp func(kmsg.Response, int32) kmsg.Response, ask func()) {
	t.Helper()
	const wait = 300 * time.Millisecond
	asked := make(chan time.Time, 100)
	f.ControlKey(int16(key), func(r kmsg.Request) (kmsg.Response, error, bool) {
		f.KeepControl()
		asked <- time.Now()
		if len(asked) > 1 {
			return nil, nil, false
		}
		return resp(r.ResponseKind(), int32(wait/time.Millisecond)), nil, true
	})
	ask()
	first, second := <-asked, <-asked
	if d := second.Sub(first); d < wait {
		t.Errorf("asked again after %v, want %v", d, wait)
	}
}

// A broker that is sent too much says so, and is left alone for as long.
func TestProduceThrottled(t *testing.T) {
	f := newFaulty(t, 1, 1)
	p := f.producer(t, ProducerConfig{MayRepeat: true})
	f.throttles(t, kmsg.Produce, func(r kmsg.Response, wait int32) kmsg.Response {
		resp := r.(*kmsg.ProduceResponse)
		resp.ThrottleMillis = wait
		topic, p := kmsg.NewProduceResponseTopic(), kmsg.NewProduceResponseTopicPartition()
		topic.Topic, topic.Partitions = "x", append(topic.Partitions, p)
		resp.Topics = append(resp.Topics, topic)
		return resp
	}, func() {
		for range 2 {
			f.store(t, p, 1, 1)
		}
	})
}

// Where a broker wants to know who we are, the library gets to say it again between
// requests: when all before it are answered, on the same connection.
func TestProduceRenews(t *testing.T) {
	f := newFaulty(t, 1, 1)
	p := f.producer(t, ProducerConfig{})
	send := func() { f.store(t, p, 1, 1) }
	send()
	p.mu.Lock()
	w := p.links[p.topics["x"].parts[0].way()].current
	w.direct.conf.Net.SASL.Enable, w.direct.renewed = true, time.Time{}
	if _, waits := w.pausing(1, time.Now()); !waits {
		t.Error("it would ask who we are while a request has no answer")
	}
	if _, waits := w.pausing(0, time.Now()); waits {
		t.Error("it waits for an answer although all are there")
	}
	p.mu.Unlock()
	seen := make(chan string, 100)
	for _, key := range []kmsg.Key{kmsg.Produce, kmsg.ApiVersions} {
		f.ControlKey(int16(key), func(kmsg.Request) (kmsg.Response, error, bool) {
			f.KeepControl()
			seen <- key.Name()
			return nil, nil, false
		})
	}
	send()
	p.mu.Lock()
	w.direct.renewed = time.Now().Add(time.Hour)
	p.mu.Unlock()
	send()
	var got []string
	for len(seen) > 0 {
		got = append(got, <-seen)
	}
	if want := []string{"ApiVersions", "Produce", "Produce"}; !slices.Equal(got, want) {
		t.Errorf("the broker was asked for %v, want %v", got, want)
	}
}

// Buffers serve again where they fit, and are not more than the producer may have.
func TestBuffers(t *testing.T) {
	var s buffers
	for _, n := range []int{bufferLeast - 1, 100 << 10, 300 << 10, 200 << 10} {
		s.put(make([]byte, 1, n), 1<<20)
	}
	for _, c := range []struct{ n, want int }{{20 << 10, 0}, {150 << 10, 200 << 10}, {150 << 10, 300 << 10}, {150 << 10, 0}, {100 << 10, 100 << 10}} {
		if b := s.get(c.n); cap(b) != c.want || len(b) != 0 {
			t.Errorf("a buffer of %d bytes for %d, want %d", cap(b), c.n, c.want)
		}
	}
	for _, n := range []int{500 << 10, 100 << 10, 500 << 10, 200 << 10} {
		s.put(make([]byte, n), 1<<20)
	}
	if len(s.free) != 2 || s.bytes != 1000<<10 {
		t.Errorf("%d buffers, %d bytes", len(s.free), s.bytes)
	}
}

// What records were in serves the next ones, packed or not, until nothing was sent for
// a while.
func TestBuffersServeAgain(t *testing.T) {
	for _, compression := range []string{"none", "lz4"} {
		f := newFaulty(t, 1, 1)
		p := f.producer(t, ProducerConfig{Compression: compression, BufferBytes: 1 << 20})
		var kept int64
		var moving time.Time
		for range 5 { // a busy machine may stop until nothing is kept any more
			f.store(t, p, 20_000, 1)
			p.mu.Lock()
			p.moving = p.moving.Add(time.Hour) // or until the producer's own clock comes to it, below
			kept, moving = p.spare.bytes, p.moving
			p.mu.Unlock()
			if kept > 0 {
				break
			}
		}
		if kept < batchLeast || kept > p.cfg.BufferBytes {
			t.Errorf("%s: %d bytes are kept", compression, kept)
		}
		for _, c := range []struct {
			at   time.Time
			want int64
		}{{moving.Add(buffersIdle - 1), kept}, {moving.Add(buffersIdle), 0}} {
			p.expire(c.at)
			p.mu.Lock()
			if p.spare.bytes != c.want {
				t.Errorf("%s: %d bytes are kept after %v, want %d", compression, p.spare.bytes, c.at.Sub(moving), c.want)
			}
			p.mu.Unlock()
		}
	}
}
