package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/broker"
	"github.com/logpipe/logpipe/pkg/kafka"
	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// odd are keys and values that texts and JSON find hard.
func odd() [][]byte {
	return [][]byte{nil, {}, []byte("text"), []byte("two\nlines\r\n"), []byte(`{"a":1,"$b64":"AA=="}`), []byte(`{"$b64":"AA=="}`), []byte("null"),
		[]byte("\x00\x01\x7f\u2028\u2029\ufffd\u202e😀\"\\/"), {0xff}, {0xc3, 0x28}, {0xed, 0xa0, 0x80}, {0, 0, 0, 0, 7, 0xfe}}
}

// oddRecords are records with all that a record can have: every pair of an odd
// key and value, headers whose names repeat or are no text, null and empty header
// values, times old, new and out of order, in three partitions.
func oddRecords() []kafka.Record {
	random := rand.New(rand.NewPCG(5, 5))
	list := []kafka.Record{{Value: make([]byte, 70_000), Time: time.UnixMilli(5)}}
	for _, key := range odd() {
		for _, value := range odd() {
			r := kafka.Record{Partition: int32(len(list) % 3), Key: key, Value: value,
				Time: time.UnixMilli([]int64{0, 1, 1_000_000_000_000, 1_763_632_800_123, time.Now().UnixMilli()}[random.IntN(5)])}
			for _, v := range odd()[:random.IntN(6)] {
				r.Headers = append(r.Headers, kafka.Header{Key: "name", Value: v})
			}
			if len(list)%4 == 0 {
				r.Headers = append(r.Headers, kafka.Header{}, kafka.Header{Key: "\xff\xfe", Value: []byte{0xff}}, kafka.Header{Key: "ü\n", Value: []byte{}})
			}
			list = append(list, r)
		}
	}
	return list
}

// contents reads a topic: its records by partition, less topic and offset.
func contents(t *testing.T, cfg kafka.Config, topic string) map[int32][]kafka.Record {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	c, err := kafka.NewConsumer(ctx, cfg, kafka.ConsumerConfig{Topics: []string{topic}, From: kafka.Beginning, ExitAtEnd: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	all := map[int32][]kafka.Record{}
	for {
		b, err := c.Read(ctx)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range b.Records {
			r.Topic, r.Offset, r.Time = "", 0, r.Time.UTC()
			all[r.Partition] = append(all[r.Partition], r)
		}
	}
}

// copiesOf holds that a pipe, and a dump that is restored, copy a topic exactly.
func copiesOf(t *testing.T, cfg kafka.Config, settings string) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	dir, env := t.TempDir(), []string{"LOGPIPE_BROKERS=" + cfg.Brokers[0]}
	run := func(line string) result {
		t.Helper()
		cmd := start(t, bash(t), "-c", "set -o pipefail; cd "+dir+"; "+line)
		cmd.Env = append(cmd.Env, env...)
		got := finish(t, cmd, "")
		if got.code != 0 {
			t.Errorf("%s: exit code %d\n%s%s", line, got.code, got.out, got.err)
		}
		return got
	}
	run("logpipe topic create from --partitions 3 " + settings + "; logpipe topic create to --partitions 3 " + settings)
	p, err := kafka.NewProducer(ctx, cfg, kafka.ProducerConfig{Compression: "lz4"})
	if err != nil {
		t.Fatal(err)
	}
	sent := map[int32][]kafka.Record{}
	for _, r := range oddRecords() {
		r.Topic = "from"
		if err := p.Send(ctx, r); err != nil {
			t.Fatal(err)
		}
		r.Topic, r.Time = "", r.Time.UTC()
		sent[r.Partition] = append(sent[r.Partition], r)
	}
	if err := errors.Join(p.Flush(ctx), p.Close()); err != nil {
		t.Fatal(err)
	}
	differs(t, "what was sent", sent, contents(t, cfg, "from"))

	run("logpipe consume from -o beginning -e -J -q | logpipe produce to -J --strict")
	differs(t, "consume -J | produce -J", sent, contents(t, cfg, "to"))
	for _, file := range []string{"plain", "packed.gz", "packed.zst"} {
		name := "of." + file
		run(fmt.Sprintf("logpipe topic dump from %s && logpipe topic restore %[1]s %s", file, name))
		differs(t, file, sent, contents(t, cfg, name))
		was, is := run("logpipe topic describe from --json | logpipe drop topic id"), run("logpipe topic describe "+name+" --json | logpipe drop topic id")
		if was.out != is.out {
			t.Errorf("the topic was\n%s\nand its copy is\n%s", was.out, is.out)
		}
	}
	run("logpipe topic dump from | logpipe topic restore - again && logpipe topic dump again again.zst")
	differs(t, "a pipe", sent, contents(t, cfg, "again"))

	// A topic that stamps its records itself keeps the stamps that they have.
	run("logpipe topic create stamped --config message.timestamp.type=LogAppendTime; seq 1 3 | logpipe produce stamped; logpipe topic dump stamped stamped.zst")
	stamped := contents(t, cfg, "stamped")
	run("logpipe topic restore stamped.zst unstamped")
	differs(t, "LogAppendTime", stamped, contents(t, cfg, "unstamped"))
	if got := run("logpipe topic describe unstamped"); !strings.Contains(got.out, "message.timestamp.type=LogAppendTime") {
		t.Errorf("described as\n%s", got.out)
	}
	if left, err := filepath.Glob(filepath.Join(dir, ".*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

func differs(t *testing.T, what string, want, got map[int32][]kafka.Record) {
	t.Helper()
	for p := range max(len(want), len(got)) {
		w, g := want[int32(p)], got[int32(p)]
		if len(w) != len(g) {
			t.Errorf("%s: partition %d has %d records, want %d", what, p, len(g), len(w))
			continue
		}
		for i := range w {
			if !reflect.DeepEqual(w[i], g[i]) {
				t.Errorf("%s: partition %d, record %d:\n%+v\nwant\n%+v", what, p, i, g[i], w[i])
				break
			}
		}
	}
}

func TestCopyExactly(t *testing.T) {
	b, err := broker.Start(t.Context(), broker.Config{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	copiesOf(t, kafka.Config{Brokers: b.Addr()}, "--config retention.ms=-1")
}

// TestRealCopyExactly does it on Apache Kafka, where a topic may stamp records
// itself and refuse old ones: none of that may touch a copy.
func TestRealCopyExactly(t *testing.T) {
	k := logpipetest.StartKafka(t, 1)
	copiesOf(t, kafka.Config{Brokers: k.Brokers()}, "--config retention.ms=-1")
}
