//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestQuietTransaction holds that rows whose mark is long in coming, because it waits
// for windows of a stream that has gone quiet, are committed with it: no transaction
// is open meanwhile that the cluster could take back. Those that produce keeps when it
// is killed come again.
func TestQuietTransaction(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for as long as a transaction may take")
	}
	x := &exactly{t: t, env: append(clean(t), "LOGPIPE_BROKERS="+cluster(t)), said: t.TempDir()}
	send := func(seconds ...int) {
		cmd := x.command(t.Context(), "produce", "in", "-q")
		var lines strings.Builder
		for _, s := range seconds {
			fmt.Fprintf(&lines, "{\"ts\":%d}\n", (1772323200+s)*1000)
		}
		cmd.Stdin = strings.NewReader(lines.String())
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	stages := [][]string{
		{"consume", "in", "-g", "g", "-o", "beginning", "--marks", "--session-timeout", "2s", "-q"},
		{"aggregate", "--window", "1m", "count"},
		{"produce", "out", "--tx", "quiet", "--transaction-timeout", "3s"},
	}
	const quiet = 6500 * time.Millisecond // a mark, the time that a transaction may take, and more

	x.must("topic", "create", "in", "-q")
	x.must("topic", "create", "out", "-q")
	send(1, 2, 61) // the row of the first minute is out; the mark covers a record of the second
	list := x.begin(stages)
	time.Sleep(quiet)
	list[2].Process.Kill()
	x.end(list, time.Minute)

	list = x.begin(stages)
	time.Sleep(quiet)
	if out := x.must("consume", "out", "-o", "beginning", "-e", "-q"); out != "" {
		t.Errorf("committed before the mark: %s", out)
	}
	sent := []string{"2026-03-01T00:00:00Z 2", "2026-03-01T00:01:00Z 1"}
	for end := time.Now().Add(time.Minute); strings.Count(x.must("consume", "out", "-o", "beginning", "-e", "-q"), "\n") < 2; {
		if time.Now().After(end) {
			t.Fatalf("no row comes; the pipe said\n%s", x.last())
		}
		minute := len(sent) // the stream goes on
		sent = append(sent, time.Unix(int64(1772323200+60*minute), 0).UTC().Format(time.RFC3339)+" 1")
		send(60*minute + 1)
	}
	if err := list[0].Process.Signal(os.Interrupt); err != nil {
		t.Error(err)
	}
	for i, cmd := range list[1:] {
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: %v", stages[i+1][0], err)
		}
	}
	_ = list[0].Wait() // of the signal
	var got []string
	d := json.NewDecoder(strings.NewReader(x.must("consume", "out", "-o", "beginning", "-e", "-q")))
	for d.More() {
		var row struct {
			Start string `json:"window_start"`
			Count int
		}
		if err := d.Decode(&row); err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%s %d", row.Start, row.Count))
	}
	if !slices.Equal(got, sent) {
		t.Errorf("the target holds %q\nwant %q\nthe pipe said\n%s", got, sent, x.last())
	}
}
