package channel

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/flumerpc"
	"github.com/logpipe/logpipe/pkg/kafka"
	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// A Kafka channel of a real Flume and one of ours have one topic between them,
// in both directions, on a real Kafka.
func TestRealKafkaChannel(t *testing.T) {
	tools := logpipetest.NewFlumeTools(t)
	cluster := logpipetest.StartKafka(t, 1)
	conf := func(topic, rest string) string {
		text := fmt.Sprintf("channels = c1\nchannels.c1.type = org.apache.flume.channel.kafka.KafkaChannel\n"+
			"channels.c1.kafka.bootstrap.servers = %s\nchannels.c1.kafka.topic = %s\n%s", cluster.Bootstrap(), topic, rest)
		return "a1." + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\na1.") + "\n"
	}

	t.Run("Flume puts", func(t *testing.T) {
		names := []string{"host", "k", "basename", "zone", "Aa", "BB", "timestamp"}
		text := "sources = r1\nsources.r1.type = seq\nsources.r1.totalEvents = 50\nsources.r1.channels = c1\nsources.r1.interceptors = " + strings.Join(names, " ")
		for _, name := range names {
			text += fmt.Sprintf("\nsources.r1.interceptors.%s.type = static\nsources.r1.interceptors.%[1]s.key = %[1]s\nsources.r1.interceptors.%[1]s.value = of %[1]s", name)
		}
		tools.Start(t, conf("theirs", text), "Component type: SOURCE, name: r1 started")
		k, counters := openKafka(t, cluster.Bootstrap(), "kafka.topic=theirs")
		events, open := takeKafka(t, k, 50)
		commitAll(t, open)
		for i, e := range events {
			if string(e.Body) != fmt.Sprint(i) || len(e.Headers) != len(names) {
				t.Fatalf("event %d is %v %s", i, e.Headers, e.Body)
			}
			for _, name := range names {
				if value, _ := e.Headers.Get(name); value != "of "+name {
					t.Errorf("header %s is %q", name, value)
				}
			}
		}
		if n := counters.Values()["EventReadFail"]; n != 0 {
			t.Errorf("%d unreadable", n)
		}
		// The same event written here has the same bytes, whatever the order in
		// which its headers were set.
		c, err := kafka.NewConsumer(t.Context(), kafka.Config{Brokers: cluster.Brokers()}, kafka.ConsumerConfig{Topics: []string{"theirs"}, From: kafka.Beginning, MaxRecords: 1})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		b, err := c.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ours := flume.Event{Body: []byte("0")}
		for _, name := range names {
			ours.Headers.Set(name, "of "+name)
		}
		if got := flumerpc.AppendEvent(nil, &ours); !bytes.Equal(got, b.Records[0].Value) {
			t.Errorf("bytes\n%x, Flume's are\n%x", got, b.Records[0].Value)
		}
	})

	t.Run("Flume takes", func(t *testing.T) {
		k, _ := openKafka(t, cluster.Bootstrap(), "kafka.topic=ours")
		var want []string
		for i := range 50 {
			putKafka(t, k, flume.Event{Headers: flume.Headers{{Key: "n", Value: fmt.Sprint(i)}}, Body: fmt.Appendf(nil, "größe %d", i)})
			want = append(want, fmt.Sprintf("{n=%d} größe %[1]d", i))
		}
		dir := t.TempDir()
		tools.Start(t, conf("ours", "sinks = k1\nsinks.k1.type = file_roll\nsinks.k1.sink.directory = "+dir+
			"\nsinks.k1.sink.serializer = header_and_text\nsinks.k1.sink.rollInterval = 0\nsinks.k1.channel = c1"), "Component type: SINK, name: k1 started")
		deadline := time.Now().Add(2 * time.Minute)
		for {
			got := linesOf(t, dir)
			if slices.Equal(got, want) {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("Flume wrote %d lines: %.300q", len(got), got)
			}
			time.Sleep(100 * time.Millisecond)
		}
	})
}

// linesOf reads the files of a folder.
func linesOf(t *testing.T, dir string) []string {
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, strings.FieldsFunc(string(b), func(r rune) bool { return r == '\n' })...)
	}
	return all
}
