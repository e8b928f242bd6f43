package kafka

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// fetchVersions are those that are spoken.
var fetchVersions = []int16{4, 5, 6, 7, 8, 9, 10, fetchNamed, fetchNewest}

// testID is an id for a topic.
func testID(name string) (id sarama.Uuid) {
	copy(id[2:], name)
	return id
}

// A request has the bytes that franz-go gives it, in each version.
func TestFetchRequestBytes(t *testing.T) {
	r := fetchRequest{wait: 500, total: 1 << 20, decided: true, topics: []fetchTopic{
		{"a", testID("a"), []fetchPart{{0, 7, 6, 1 << 40, 100}, {3, -1, -1, 5, 1 << 20}}}, {"b-topic", testID("b-topic"), []fetchPart{{2, 1, 0, 0, 9}}}}}
	for _, version := range fetchVersions {
		theirs := kmsg.NewPtrFetchRequest()
		theirs.Version, theirs.MaxWaitMillis, theirs.MinBytes, theirs.MaxBytes = version, r.wait, 1, r.total
		theirs.ReplicaID, theirs.IsolationLevel, theirs.SessionEpoch = -1, 1, -1
		for _, topic := range r.topics {
			to := kmsg.NewFetchRequestTopic()
			to.Topic, to.TopicID = topic.name, topic.made
			for _, p := range topic.parts {
				po := kmsg.NewFetchRequestTopicPartition()
				po.Partition, po.CurrentLeaderEpoch, po.FetchOffset, po.LogStartOffset, po.PartitionMaxBytes = p.id, p.epoch, p.pos, -1, p.size
				po.LastFetchedEpoch = p.read
				to.Partitions = append(to.Partitions, po)
			}
			theirs.Topics = append(theirs.Topics, to)
		}
		if got, want := r.append([]byte("head"), version), theirs.AppendTo([]byte("head")); !bytes.Equal(got, want) {
			t.Errorf("version %d:\n%x, want\n%x", version, got, want)
		}
	}
}

func fetchResponse(version int16) *kmsg.FetchResponse {
	resp := kmsg.NewPtrFetchResponse()
	resp.Version, resp.ThrottleMillis = version, 70
	for i, name := range []string{"a", "b-topic"} {
		topic := kmsg.NewFetchResponseTopic()
		topic.Topic, topic.TopicID = name, testID(name)
		for id := range int32(2) {
			p := kmsg.NewFetchResponseTopicPartition()
			p.Partition, p.ErrorCode, p.HighWatermark, p.LastStableOffset, p.LogStartOffset = id, int16(id), 1<<40, 3, 2
			p.RecordBatches = bytes.Repeat([]byte{byte(id)}, 100*i)
			if i == 1 {
				p.AbortedTransactions = []kmsg.FetchResponseTopicPartitionAbortedTransaction{{ProducerID: 8, FirstOffset: 9}, {ProducerID: 1 << 50, FirstOffset: 4}}
			}
			if i == 1 && id == 0 {
				p.DivergingEpoch.Epoch, p.DivergingEpoch.EndOffset = 4, 1<<33
			}
			topic.Partitions = append(topic.Partitions, p)
		}
		resp.Topics = append(resp.Topics, topic)
	}
	return resp
}

// An answer is read as franz-go has written it; one that was cut off is an error.
func TestFetchAnswer(t *testing.T) {
	for _, version := range fetchVersions {
		b := fetchResponse(version).AppendTo(nil)
		var got []fetched
		a, err := parseFetch(b, version, func(p *fetched) error { got = append(got, *p); return nil })
		if err != nil || a.throttle != 70 || a.code != 0 || len(got) != 4 {
			t.Fatalf("version %d: %+v, %d partitions, %v", version, a, len(got), err)
		}
		for i, p := range got {
			topic := []byte([]string{"a", "b-topic"}[i/2])
			if made := testID(string(topic)); version == fetchNewest {
				topic = made[:]
			}
			want := fetched{topic: topic, id: int32(i % 2), code: sarama.KError(i % 2), end: 1 << 40,
				set: bytes.Repeat([]byte{byte(i % 2)}, 100*(i/2))}
			if i/2 == 1 {
				want.aborted = []abortedTransaction{{8, 9}, {1 << 50, 4}}
			}
			if i == 2 && version == fetchNewest {
				want.fork = fork{epochOf(4), 1 << 33}
			}
			if !reflect.DeepEqual(p, want) {
				t.Errorf("version %d: %+v, want %+v", version, p, want)
			}
		}
		for n := range b {
			if _, err := parseFetch(b[:n], version, func(*fetched) error { return nil }); err == nil {
				t.Fatalf("version %d: %d of %d bytes are an answer", version, n, len(b))
			}
		}
	}
}

// FuzzFetchAnswer holds that reading ends, in parts of what is there.
func FuzzFetchAnswer(f *testing.F) {
	for _, version := range fetchVersions {
		f.Add(version, fetchResponse(version).AppendTo(nil))
	}
	f.Fuzz(func(t *testing.T, version int16, b []byte) {
		used := 0
		_, err := parseFetch(b, version, func(p *fetched) error {
			used += len(p.set) + 16*len(p.aborted)
			return nil
		})
		if used > len(b) {
			t.Errorf("%d of %d bytes: %v", used, len(b), err)
		}
	})
}

func TestFetchVersion(t *testing.T) {
	for _, c := range []struct {
		keys []sarama.ApiVersionsResponseKey
		want int16
		err  string
	}{
		{keys: []sarama.ApiVersionsResponseKey{{ApiKey: 0, MaxVersion: 3}, {ApiKey: 1, MinVersion: 4, MaxVersion: 17}}, want: 13},
		{keys: []sarama.ApiVersionsResponseKey{{ApiKey: 1, MaxVersion: 13}}, want: 13},
		{keys: []sarama.ApiVersionsResponseKey{{ApiKey: 1, MaxVersion: 12}}, want: 11},
		{keys: []sarama.ApiVersionsResponseKey{{ApiKey: 1, MaxVersion: 8}}, want: 8},
		{keys: []sarama.ApiVersionsResponseKey{{ApiKey: 1, MaxVersion: 3}}, err: "broker b:1: it speaks versions 0 to 3 of Fetch, and here 4 to 11 are spoken"},
		{keys: []sarama.ApiVersionsResponseKey{{ApiKey: 1, MinVersion: 12, MaxVersion: 20}}, err: "broker b:1: it speaks versions 12 to 20 of Fetch, and here 4 to 11 are spoken"},
		{err: "broker b:1: it does not speak Fetch: it is no broker for records"},
	} {
		d := direct{keys: c.keys, broker: sarama.NewBroker("b:1")}
		got, err := d.fetchVersion()
		if got != c.want || fmt.Sprint(err) != c.err && (err != nil || c.err != "") {
			t.Errorf("%v: %d, %v", c.keys, got, err)
		}
	}
}

// What is no answer to the question ends the connection with an error.
func TestFetchConn(t *testing.T) {
	long := bytes.Repeat([]byte("x"), poolLeast)
	for name, c := range map[string]struct {
		answer []byte
		err    string
	}{
		"an answer":       {answer: []byte("\x00\x00\x00\x09\x00\x00\x00\x01hello")},
		"a long one":      {answer: append(binary.BigEndian.AppendUint32(nil, uint32(len(long)+4)), "\x00\x00\x00\x01"+string(long)...)},
		"to another":      {answer: []byte("\x00\x00\x00\x09\x00\x00\x00\x02hello"), err: "it answers request 2 where 1 was asked"},
		"without its end": {answer: []byte("\x00\x00\x00\x09\x00\x00\x00\x01hell"), err: "unexpected EOF"},
		"too long":        {answer: []byte("\x7f\x00\x00\x00\x00\x00\x00\x01"), err: "its answer has 2130706432 bytes"},
		"too short":       {answer: []byte("\x00\x00\x00\x03\x00\x00\x00\x01"), err: "it answers"},
		"none":            {err: "EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			ours, theirs := net.Pipe()
			defer ours.Close()
			go func() {
				defer theirs.Close()
				var head [4]byte
				if _, err := io.ReadFull(theirs, head[:]); err == nil {
					_, err = io.CopyN(io.Discard, theirs, int64(binary.BigEndian.Uint32(head[:])))
					_, err = theirs.Write(c.answer)
				}
			}()
			f := &fetchConn{direct: direct{conn: ours, conf: sarama.NewConfig()}, version: fetchNewest, pool: &pool{}}
			m, err := f.fetch(&fetchRequest{})
			if c.err == "" && (err != nil || !bytes.Equal(m.b, c.answer[8:])) || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
				t.Errorf("%v, want %q", err, c.err)
			}
		})
	}
}

// Each partition is the first one once in a while, and each topic is named once.
func TestFetchTurns(t *testing.T) {
	f := &fetch{c: &Consumer{conn: &conn{}}, index: map[string]map[int32]int{}}
	for i, p := range []part{{"a", 0}, {"a", 1}, {"a", 2}, {"b", 0}, {"b", 5}} {
		f.parts = append(f.parts, &reading{part: p, last: -1})
		if f.index[p.topic] == nil {
			f.index[p.topic] = map[int32]int{}
		}
		f.index[p.topic][p.id] = i
	}
	order := func() (got []string) {
		for _, topic := range f.request().topics {
			for _, p := range topic.parts {
				got = append(got, fmt.Sprint(topic.name, p.id))
			}
			got = append(got, ";")
		}
		return got
	}
	for turn, want := range []string{"a0 a1 a2 ; b0 b5 ;", "a1 a2 a0 ; b0 b5 ;", "a2 a0 a1 ; b0 b5 ;", "b0 b5 ; a0 a1 a2 ;", "b5 b0 ; a0 a1 a2 ;"} {
		f.turn = turn
		if got := strings.Join(order(), " "); got != want {
			t.Errorf("turn %d: %s, want %s", turn, got, want)
		}
	}
	f.parts[3].last, f.parts[4].last = 0, 0 // these are read
	if got := strings.Join(order(), " "); got != "a0 a1 a2 ;" {
		t.Errorf("with b read: %s", got)
	}
}

// What a broker refuses for a while is asked for again; what it refuses for good is
// told.
func TestFetchRefused(t *testing.T) {
	for _, c := range []struct {
		code *kerr.Error
		err  string
	}{{kerr.NotLeaderForPartition, ""}, {kerr.UnknownLeaderEpoch, ""}, {kerr.UnknownTopicOrPartition, ""}, {kerr.UnknownTopicID, ""}, {kerr.InconsistentTopicID, ""}, {kerr.KafkaStorageError, ""},
		{kerr.TopicAuthorizationFailed, `topic "x": not authorized`}, {kerr.UnsupportedCompressionType, `topic "x": `}} {
		t.Run(c.code.Message, func(t *testing.T) {
			t.Parallel()
			f := newFaulty(t, 1, 2)
			p := f.producer(t, ProducerConfig{})
			f.store(t, p, 100, 2)
			f.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Topic: "x", Err: c.code, Count: 2})
			if c.err == "" {
				f.whole(t, 100, 2)
				return
			}
			cons := consumer(t, f.cfg, ConsumerConfig{Topics: []string{"x"}, From: Beginning, ExitAtEnd: true})
			for {
				if _, err := cons.Read(soon(t)); err != nil {
					if !strings.HasPrefix(err.Error(), c.err) {
						t.Errorf("%v, want %s", err, c.err)
					}
					return
				}
			}
		})
	}
}

// A broker that is asked too often says so, and is left alone for as long.
func TestFetchThrottled(t *testing.T) {
	f := newFaulty(t, 1, 1)
	f.throttles(t, kmsg.Fetch, func(r kmsg.Response, wait int32) kmsg.Response {
		r.(*kmsg.FetchResponse).ThrottleMillis = wait
		return r
	}, func() { consumer(t, f.cfg, ConsumerConfig{Topics: []string{"x"}, From: Beginning}) })
}

// Where a broker wants to know who we are, the library gets to say it again between
// fetches, on the same connection.
func TestFetchRenews(t *testing.T) {
	f := newFaulty(t, 1, 1)
	p := f.producer(t, ProducerConfig{})
	f.store(t, p, 10, 1)
	seen, reads := make(chan string, 100), make(chan struct{})
	for _, key := range []kmsg.Key{kmsg.Fetch, kmsg.ApiVersions} {
		f.ControlKey(int16(key), func(r kmsg.Request) (kmsg.Response, error, bool) {
			f.KeepControl()
			select {
			case <-reads:
				if r, ok := r.(*kmsg.FetchRequest); !ok || r.Topics[0].Partitions[0].FetchOffset == 0 {
					seen <- key.Name()
				}
			default:
				if key == kmsg.Fetch {
					close(reads)
				}
			}
			return nil, nil, false
		})
	}
	c := consumer(t, f.cfg, ConsumerConfig{Topics: []string{"x"}, From: End})
	<-reads // it has its own connection
	meta, err := c.conn.metadata(soon(t), []string{"x"}, false)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := c.openFetch(soon(t), meta.Brokers[0])
	if err != nil {
		t.Fatal(err)
	}
	for len(seen) > 0 {
		<-seen
	}
	conn.conf.Net.SASL.Enable = true
	request := &fetchRequest{total: 1000, topics: []fetchTopic{{"x", meta.Topics[0].Uuid, []fetchPart{{id: 0, epoch: -1, size: 1000}}}}}
	for _, last := range []time.Time{time.Now().Add(time.Hour), {}, time.Now().Add(time.Hour)} {
		conn.renewed = last
		if _, err := conn.fetch(request); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for len(seen) > 0 {
		got = append(got, <-seen)
	}
	if want := []string{"Fetch", "ApiVersions", "Fetch", "Fetch"}; !slices.Equal(got, want) {
		t.Errorf("the broker was asked for %v, want %v", got, want)
	}
}

// A topic whose records are wrong says where.
func TestFetchOfDamage(t *testing.T) {
	f := newFaulty(t, 1, 1)
	f.load(t, f.producer(t, ProducerConfig{}), 10, 1)
	f.ControlKey(int16(kmsg.Fetch), func(r kmsg.Request) (kmsg.Response, error, bool) {
		resp := r.ResponseKind().(*kmsg.FetchResponse)
		topic, p := kmsg.NewFetchResponseTopic(), kmsg.NewFetchResponseTopicPartition()
		p.HighWatermark, p.RecordBatches = 10, logged{base: 0, records: encoded}.bytes(t)
		p.RecordBatches[len(p.RecordBatches)-1] ^= 1
		topic.TopicID, topic.Partitions = r.(*kmsg.FetchRequest).Topics[0].TopicID, append(topic.Partitions, p)
		resp.Topics = append(resp.Topics, topic)
		return resp, nil, true
	})
	_, err := consumer(t, f.cfg, ConsumerConfig{Topics: []string{"x"}, From: Beginning}).Read(soon(t))
	if !errors.Is(err, errSum) || !strings.Contains(err.Error(), `topic "x" partition 0: offset 0 has a batch whose checksum is wrong`) {
		t.Errorf("%v", err)
	}
}
