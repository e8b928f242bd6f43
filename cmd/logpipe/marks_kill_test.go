//go:build unix

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// exactly is a pipe of processes from a topic to a topic whose stages are killed at
// random moments, while records are sent to its source.
type exactly struct {
	t       *testing.T
	env     []string
	records int           // how many are sent, with ids from 0 on
	pace    time.Duration // between the hundreds of them
	kills   int
	copies  int            // of each partition; 0 = one
	chaos   func(kill int) // what else happens before a kill; may be nil
	middle  []string       // the stage between; nil = one that changes each record
	judges  func(out string)
	said    string // the folder of what the pipes said
	pipes   int    // so far
}

func (x *exactly) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "logpipe", args...)
	cmd.Env = x.env
	return cmd
}

// stages are the pipe: what is read is changed and sent on in transactions.
func (x *exactly) stages(more ...string) [][]string {
	consume := []string{"consume", "in", "-g", "g", "-o", "beginning", "--marks", "--mark-every", "50ms", "--session-timeout", "1s", "--wait", "20s"}
	middle := x.middle
	if middle == nil {
		middle = []string{"set", "twice=id*2"}
	}
	return [][]string{append(consume, more...), middle, {"produce", "out", "--tx", "kill-test", "--wait", "20s"}}
}

// begin starts the pipe.
func (x *exactly) begin(stages [][]string) []*exec.Cmd {
	x.pipes++
	errs, err := os.Create(x.file())
	if err != nil {
		x.t.Fatal(err)
	}
	defer errs.Close()
	var list []*exec.Cmd
	var in *os.File
	for i, args := range stages {
		cmd := x.command(context.Background(), args...)
		cmd.Stderr = errs
		if in != nil {
			cmd.Stdin = in
		}
		var next *os.File
		if i < len(stages)-1 {
			r, w, err := os.Pipe()
			if err != nil {
				x.t.Fatal(err)
			}
			cmd.Stdout, next = w, r
		}
		if err := cmd.Start(); err != nil {
			x.t.Fatal(err)
		}
		if w, ok := cmd.Stdout.(*os.File); ok {
			w.Close()
		}
		if in != nil {
			in.Close()
		}
		in = next
		list = append(list, cmd)
	}
	return list
}

// end waits for all, which end by themselves when one is gone, and returns whether
// all have ended well.
func (x *exactly) end(list []*exec.Cmd, patience time.Duration) bool {
	slow := time.AfterFunc(patience, func() {
		for _, cmd := range list {
			cmd.Process.Kill()
		}
		x.t.Errorf("the pipe did not end within %v; it said:\n%s", patience, x.last())
	})
	defer slow.Stop()
	well := true
	for _, cmd := range list {
		well = cmd.Wait() == nil && well
	}
	return well
}

// last is what the last pipe said.
func (x *exactly) last() string {
	text, err := os.ReadFile(x.file())
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func (x *exactly) file() string { return filepath.Join(x.said, fmt.Sprintf("pipe%d", x.pipes)) }

// feed sends the records.
func (x *exactly) feed(done chan<- error) {
	cmd := x.command(context.Background(), "produce", "in", "-q", "--wait", "20s")
	w, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		done <- err
		return
	}
	for i := range x.records {
		fmt.Fprintf(w, "{\"id\":%d}\n", i)
		if i%100 == 99 {
			time.Sleep(x.pace) // the pace of the feed, which nothing awaits
		}
	}
	w.Close()
	done <- cmd.Wait()
}

// run does it all and returns the ids that the target holds.
func (x *exactly) run() {
	copies := fmt.Sprint(max(1, x.copies))
	x.must("topic", "create", "in", "--partitions", "3", "--replication-factor", copies, "-q")
	x.must("topic", "create", "out", "--partitions", "2", "--replication-factor", copies, "-q")
	fed := make(chan error, 1)
	go x.feed(fed)
	for kill := range x.kills {
		if x.chaos != nil {
			x.chaos(kill)
		}
		list := x.begin(x.stages())
		time.Sleep(time.Duration(50+rand.IntN(700)) * time.Millisecond) // a random moment
		list[rand.IntN(len(list))].Process.Kill()
		x.end(list, time.Minute)
	}
	if err := <-fed; err != nil {
		x.t.Fatalf("feed: %v", err)
	}
	for range 20 { // a pipe meets members that were killed: what they hold is for the next one
		if list := x.begin(x.stages("-e")); x.end(list, 2*time.Minute) && x.lag() == 0 {
			break
		}
	}
	out := x.must("consume", "out", "-o", "beginning", "-e", "-q")
	if x.judges != nil {
		x.judges(out)
		return
	}
	x.judge(out)
}

// lag is how many records the group has not read.
func (x *exactly) lag() (lag int) {
	x.t.Helper()
	var group struct{ Lag *int }
	if err := json.Unmarshal([]byte(x.must("group", "describe", "g", "--json")), &group); err != nil || group.Lag == nil {
		x.t.Fatalf("the group's lag: %v", err)
	}
	return *group.Lag
}

func (x *exactly) must(args ...string) string {
	x.t.Helper()
	cmd := x.command(x.t.Context(), args...)
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		x.t.Fatalf("logpipe %s: %v\n%s", strings.Join(args, " "), err, errs.String())
	}
	return out.String()
}

// judge compares what arrived with what was sent.
func (x *exactly) judge(out string) {
	seen := make([]int, x.records)
	d := json.NewDecoder(strings.NewReader(out))
	for {
		var r struct{ ID, Twice int }
		if err := d.Decode(&r); err == io.EOF {
			break
		} else if err != nil {
			x.t.Fatal(err)
		}
		if r.Twice != 2*r.ID {
			x.t.Errorf("id %d has twice %d", r.ID, r.Twice)
		}
		seen[r.ID]++
	}
	lost, repeated := 0, 0
	for _, n := range seen {
		if n == 0 {
			lost++
		}
		repeated += max(0, n-1)
	}
	if lost > 0 || repeated > 0 {
		x.t.Errorf("%d records, %d kills: %d lost, %d repeated\nthe last pipe said:\n%s", x.records, x.kills, lost, repeated, x.last())
	}
	x.t.Logf("%d records, %d kills: %d lost, %d repeated", x.records, x.kills, lost, repeated)
}

// TestExactlyOnce kills stages of a marked pipe that writes in transactions: its
// target holds every record exactly once.
func TestExactlyOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("kills processes for ten seconds")
	}
	x := &exactly{t: t, env: append(clean(t), "LOGPIPE_BROKERS="+cluster(t)), records: 20_000, pace: 25 * time.Millisecond, kills: 8,
		said: t.TempDir()}
	x.run()
}

// TestWindowsExactlyOnce is TestExactlyOnce with windows between: the rows of each hold
// every record of it once. The partitions are apart by many windows, for which marks
// wait, and a window may come in several rows, each of other records.
func TestWindowsExactlyOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("kills processes for some seconds")
	}
	x := &exactly{t: t, env: append(clean(t), "LOGPIPE_BROKERS="+cluster(t)), records: 12_000, pace: 60 * time.Millisecond, kills: 8,
		said: t.TempDir(), middle: []string{"aggregate", "--time", "id", "--window", "1m", "count"}}
	x.judges = func(out string) {
		counts := map[time.Time]int{}
		d := json.NewDecoder(strings.NewReader(out))
		for d.More() {
			var row struct {
				Start time.Time `json:"window_start"`
				Count int
			}
			if err := d.Decode(&row); err != nil {
				t.Fatal(err)
			}
			counts[row.Start] += row.Count
		}
		for id := 0; id < x.records; id += 60 {
			if at := time.Unix(int64(id), 0).UTC(); counts[at] != 60 {
				t.Errorf("window %s has %d records, not 60", at.Format(time.TimeOnly), counts[at])
			}
		}
		if len(counts) != x.records/60 || t.Failed() {
			t.Errorf("%d windows of %d; the last pipe said\n%s", len(counts), x.records/60, x.last())
		}
	}
	x.run()
}

// TestRealExactlyOnce is TestExactlyOnce on three brokers of Apache Kafka, of which
// one after the other is killed and started again, with a hundred kills of stages.
func TestRealExactlyOnce(t *testing.T) {
	k := startKafka(t, 3)
	x := &exactly{t: t, env: append(clean(t), k.env...), records: 100_000, pace: 90 * time.Millisecond, kills: 100,
		said: t.TempDir(), copies: 3}
	down := 0
	x.chaos = func(kill int) {
		switch {
		case kill%10 == 5:
			down = kill/10%3 + 1
			k.KillNode(t, down)
		case kill%10 == 8 && down > 0:
			k.StartNode(t, down)
			down = 0
		}
	}
	x.run()
}
