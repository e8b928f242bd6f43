//go:build unix

package main

import (
	"strings"
	"testing"

	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// TestRealProduce holds that keys lead to the partitions that Kafka's own
// producer chooses, that its consumer reads every compression, and that a
// topic's own limit is known.
func TestRealProduce(t *testing.T) {
	real := logpipetest.StartKafka(t, 1)
	addr := real.Bootstrap()
	run := func(in string, args ...string) string {
		t.Helper()
		got := finish(t, at(t, addr, args...), in)
		if got.code != 0 {
			t.Errorf("logpipe %v: exit code %d: %s", args, got.code, got.err)
		}
		return got.out
	}
	run("", "topic", "create", "keyed", "--partitions", "3")
	run(`{"k":"anna"}`+"\n"+`{"k":"b"}`+"\n"+`{"k":7}`+"\n"+`{"n":1}`+"\n", "produce", "keyed", "--key-field", "k")
	real.Tools.Run(t, "anna:x\nb:x\n7:x\n", "kafka-console-producer", "--bootstrap-server", addr, "--topic", "keyed",
		"--property", "parse.key=true", "--property", "key.separator=:")
	placed := strings.Fields(run("", "run", "consume keyed -o beginning -e -J | where key | select key partition | sort key"))
	for i := 0; i+1 < len(placed); i += 2 {
		if placed[i] != placed[i+1] {
			t.Errorf("partitions of a key: %v", placed)
		}
	}
	if len(placed) != 6 {
		t.Errorf("%d records with keys", len(placed))
	}

	codecs := []string{"none", "gzip", "snappy", "lz4", "zstd"}
	for _, codec := range codecs {
		run(codec+"\n", "produce", "codecs", "--compression", codec)
	}
	if got, want := real.Tools.Run(t, "", "kafka-console-consumer", "--bootstrap-server", addr, "--topic", "codecs",
		"--from-beginning", "--max-messages", "5"), strings.Join(codecs, "\n")+"\n"; got != want {
		t.Errorf("read by the Java tool: %q", got)
	}

	run("", "topic", "create", "small", "--config", "max.message.bytes=1000")
	large := finish(t, at(t, addr, "produce", "small"), "a\n"+strings.Repeat("x", 2000)+"\nb\n")
	if large.code != 1 || !strings.Contains(large.err, "stdin:2: the record is too large") {
		t.Errorf("too large: exit code %d: %s", large.code, large.err)
	}
	if got := run("", "consume", "small", "-o", "beginning", "-e"); got != "a\nb\n" {
		t.Errorf("the others: %q", got)
	}
}
