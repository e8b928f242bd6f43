//go:build unix

package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/logpipe/logpipe/pkg/broker"
)

// Machine A follows a log and sends it by avro, machine B prints what comes:
// exec-memory-avro.conf and avro-memory-logger.conf of the notes.
func TestSeedMachineAToMachineB(t *testing.T) {
	b, _, toldB := startNamed(t, "avro-memory-logger", seed(t, "avro-memory-logger.conf", "44444", "0"))
	_, port, err := net.SplitHostPort(await(t, toldB, "listens on "))
	if err != nil {
		t.Fatal(err)
	}
	a, home, toldA := startNamed(t, "exec-memory-avro", seed(t, "exec-memory-avro.conf", "44444", port, "/Users/xiangluo/data/example.log", "data.log"))
	if line := b.read(t); !strings.HasSuffix(line, "Event: { headers:{} body: 66 69 72 73 74                                  first }") {
		t.Fatalf("event %q", line)
	}
	write(t, filepath.Join(home, "data.log"), "second\n")
	if line := b.read(t); !strings.HasSuffix(line, " second }") {
		t.Fatalf("event %q", line)
	}
	finished(t, a, toldA, syscall.SIGTERM, "exec-memory-avro stopped: 2 received, 2 delivered, 0 left")
	finished(t, b, toldB, syscall.SIGTERM, "avro-memory-logger stopped: 2 received, 2 delivered, 0 left")
}

// What comes by avro goes into a topic, by the property names of an older Flume.
func TestSeedAvroMemoryKafka(t *testing.T) {
	broker, err := broker.Start(t.Context(), broker.Config{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer broker.Close()
	r, _, messages := startNamed(t, "avro-memory-kafka", seed(t, "avro-memory-kafka.conf", "44444", "0", "localhost:9095", broker.Addr()[0]))
	_, port, err := net.SplitHostPort(await(t, messages, "listens on "))
	if err != nil {
		t.Fatal(err)
	}
	values := follow(t, broker.Addr()[0], "flume")
	if got := logpipe(t, "one\ntwo\n", "avro-client", "-H", "localhost", "-p", port); got.code != 0 {
		t.Fatal(got.err)
	}
	for _, want := range []string{"one", "two"} {
		if v := <-values; v != want {
			t.Fatalf("record %q, want %q", v, want)
		}
	}
	finished(t, r, messages, syscall.SIGTERM, "avro-memory-kafka stopped: 2 received, 2 delivered, 0 left")
}

// The sink of others with its command on one line: it starts with a warning,
// and delivers.
func TestSeedKafkaLog(t *testing.T) {
	broker, err := broker.Start(t.Context(), broker.Config{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer broker.Close()
	conf := seed(t, "kafka-log.conf", "/opt/xcdong/spark-1.4.1-2/spark-1.4.1-bin-\n\thadoop2.6/app_logs/app-20160219012631-0000.inprogress", "data.log",
		"127.0.0.1:9092", broker.Addr()[0])
	r, home, messages := startNamed(t, "producer", conf)
	await(t, messages, `:21:21: warning: source s has no property "channel"; it has no effect; did you mean "channels"?`)
	await(t, messages, "producer runs:")
	values := follow(t, broker.Addr()[0], "test13")
	if v := <-values; v != "first" {
		t.Fatalf("record %q", v)
	}
	write(t, filepath.Join(home, "data.log"), "second\n")
	if v := <-values; v != "second" {
		t.Fatalf("record %q", v)
	}
	finished(t, r, messages, syscall.SIGTERM, "producer stopped: 2 received, 2 delivered, 0 left")
}

// The files with mistakes, as they are: nothing starts, with or without
// --lenient, and every mistake is told in one run.
func TestSeedMistakes(t *testing.T) {
	for _, c := range []struct {
		file, agent string
		errors      int
		some        []string
	}{
		{"typos-exec-memory-avro.conf", "exec-memory-avro", 3, []string{
			":21:49: error: channel c1 does not exist", ":22:24: error: a blank ends the key at exec-memory-avro.sinks.; did you mean exec-memory-avro.sinks.avro-sink.channel = c1?"}},
		{"typos-avro-memory-logger.conf", "avro-memory-logger", 7, []string{
			":2:1: error: avro-memory-loggersinks: a dot is missing; did you mean avro-memory-logger.sinks?", ":20:26: error: a blank ends the key"}},
		{"kafka-log.conf", "producer", 1, []string{":7:2: error: hadoop2.6/app_logs/app-20160219012631-0000.inprogress is no property: the value of line 6 seems to go on here"}},
	} {
		home := t.TempDir()
		path := filepath.Join(home, c.file)
		write(t, path, seed(t, c.file))
		for _, flags := range [][]string{nil, {"--check"}, {"--strict"}} {
			got := logpipe(t, "", append([]string{"agent", "-c", home, "-f", path, "-n", c.agent}, flags...)...)
			all := got.out + got.err
			if got.code != 2 || strings.Count(all, path+":") < c.errors || strings.Count(all, ": error: ") != c.errors {
				t.Errorf("%s %v: exit code %d, want %d errors in\n%s", c.file, flags, got.code, c.errors, all)
			}
			for _, text := range c.some {
				if !strings.Contains(all, path+text) {
					t.Errorf("%s %v: no %s in\n%s", c.file, flags, text, all)
				}
			}
		}
		if entries, err := os.ReadDir(home); err != nil || len(entries) != 1 {
			t.Errorf("%s: %d files were left, %v", c.file, len(entries)-1, err)
		}
	}
}
