//go:build unix

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// TestRealRefusedRecords holds that a record that the broker refuses is told with its
// line, or kept, and that all others of its batch arrive in order.
func TestRealRefusedRecords(t *testing.T) {
	addr := logpipetest.StartKafka(t, 1).Bootstrap()
	if got := finish(t, at(t, addr, "topic", "create", "latest", "--partitions", "3", "--config", "cleanup.policy=compact"), ""); got.code != 0 {
		t.Fatal(got.err)
	}
	var in, bad strings.Builder
	const n, every = 20_000, 5000
	for i := 1; i <= n; i++ {
		if i%every == 2 {
			fmt.Fprintf(&in, "alone%d\n", i)
			fmt.Fprintf(&bad, "alone%d\n", i)
		} else {
			fmt.Fprintf(&in, "k%d=%d\n", i%7, i)
		}
	}
	got := finish(t, at(t, addr, "produce", "latest", "--key-delimiter", "=", "--compression", "lz4"), in.String())
	for _, want := range []string{"stdin:2: topic \"latest\": the broker refuses the record: Compacted topic cannot accept message without key",
		"hint: --key-field NAME or --key-delimiter TEXT", "stdin:15002: ", "in 20,000 out 19,996 rejected 4 ", "4 of 20,000 records were refused"} {
		if !strings.Contains(got.err, want) {
			t.Errorf("%q is missing in\n%s", want, got.err)
		}
	}
	if got.code != 1 {
		t.Errorf("exit code %d", got.code)
	}
	last := map[string]int{}
	total := 0
	for line := range strings.Lines(finish(t, at(t, addr, "consume", "latest", "-o", "beginning", "-e", "-f", `%k %s\n`), "").out) {
		var key string
		var i int
		if _, err := fmt.Sscanf(line, "%s %d", &key, &i); err != nil || i <= last[key] {
			t.Fatalf("%q behind %d: %v", line, last[key], err)
		}
		last[key] = i
		total++
	}
	if total != n-4 {
		t.Errorf("%d records in the topic, want %d", total, n-4)
	}

	kept := filepath.Join(t.TempDir(), "refused")
	if got := finish(t, at(t, addr, "produce", "latest", "--key-delimiter", "=", "--on-error", "file="+kept), in.String()); strings.Contains(got.err, "were refused") {
		t.Errorf("kept: exit code %d: %s", got.code, got.err)
	}
	if text, err := os.ReadFile(kept); err != nil || string(text) != bad.String() {
		t.Errorf("kept %q, %v", text, err)
	}
	finish(t, at(t, addr, "topic", "create", "now", "--config", "message.timestamp.before.max.ms=60000"), "")
	got = finish(t, at(t, addr, "produce", "now", "--time-field", "t"), `{"t":"2020-01-01T00:00:00Z"}`+"\n"+`{"t":null}`+"\n")
	if want := `stdin:1: topic "now": the broker refuses the record's time: Timestamp 1577836800000 `; got.code != 1 || !strings.Contains(got.err, want) {
		t.Errorf("an old time: exit code %d: %s", got.code, got.err)
	}
}
