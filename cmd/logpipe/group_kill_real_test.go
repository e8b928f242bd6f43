//go:build unix

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/kafka"
)

// groupReader reads a topic with consume in a group, a process after the other.
type groupReader struct {
	k    onKafka
	dir  string
	runs int
	cmd  *exec.Cmd
}

// start lets the next process read into a file of its own.
func (g *groupReader) start() {
	g.k.t.Helper()
	g.runs++
	out, err := os.Create(g.file(g.runs)) // here: read may be asked before a shell would have made it
	if err != nil {
		g.k.t.Fatal(err)
	}
	defer out.Close()
	g.cmd = exec.Command("bash", "-c", `exec logpipe consume in -q -g g --session-timeout 2s -o beginning -f '%p %o %s\n'`)
	g.cmd.Env, g.cmd.Stdout = append(clean(g.k.t), g.k.env...), out
	if err := g.cmd.Start(); err != nil {
		g.k.t.Fatal(err)
	}
}

func (g *groupReader) file(run int) string { return filepath.Join(g.dir, strconv.Itoa(run)) }

func (g *groupReader) kill() {
	_ = g.cmd.Process.Kill()
	_ = g.cmd.Wait() // it was killed
}

// read looks at what the processes have written: how often each record came, by
// its number, and how many each process has read again that one had read before.
// Within a process the places in a partition follow each other.
func (g *groupReader) read() (seen map[int]int, again []int) {
	g.k.t.Helper()
	seen = map[int]int{}
	for run := 1; run <= g.runs; run++ {
		text, err := os.ReadFile(g.file(run))
		if err != nil {
			g.k.t.Fatal(err)
		}
		repeats, last := 0, map[string]int{}
		for line := range strings.Lines(string(text)) {
			f := strings.Fields(line)
			if !strings.HasSuffix(line, "\n") || len(f) != 3 {
				continue // cut off by the kill
			}
			offset, _ := strconv.Atoi(f[1])
			number, err := strconv.Atoi(f[2])
			if err != nil {
				g.k.t.Fatalf("process %d has read %q", run, line)
			}
			if before, ok := last[f[0]]; ok && offset > before+1 {
				g.k.t.Errorf("process %d: partition %s goes on with offset %d behind %d", run, f[0], offset, before)
			}
			last[f[0]] = offset
			if seen[number] > 0 {
				repeats++
			}
			seen[number]++
		}
		again = append(again, repeats)
	}
	return seen, again
}

// await waits until as many records were read as there are.
func (g *groupReader) await(sent func() int) {
	g.k.t.Helper()
	for deadline := time.Now().Add(3 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		want := sent()
		seen, _ := g.read()
		if len(seen) >= want {
			return
		}
		if time.Now().After(deadline) {
			g.k.t.Fatalf("%d of %d records were read", len(seen), want)
		}
	}
}

// numbersFeeder sends the numbers from 0 with produce.
type numbersFeeder struct {
	r    *running
	t    *testing.T
	next atomic.Int64
	stop chan struct{}
	over chan error
}

// feedNumbers begins to send so many numbers a second.
func feedNumbers(k onKafka, second int) *numbersFeeder {
	k.t.Helper()
	cmd := exec.Command("bash", "-c", "exec logpipe produce in -q --partitioner round-robin")
	cmd.Env = append(clean(k.t), k.env...)
	f := &numbersFeeder{r: begin(k.t, cmd), t: k.t, stop: make(chan struct{}), over: make(chan error, 1)}
	k.t.Cleanup(func() { _ = cmd.Process.Kill() }) // where the test has failed
	go func() {
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-f.stop:
				f.over <- f.r.in.Close()
				return
			case <-tick.C:
			}
			for range second / 20 {
				if _, err := fmt.Fprintln(f.r.in, f.next.Load()); err != nil {
					f.over <- err
					return
				}
				f.next.Add(1)
			}
		}
	}()
	return f
}

func (f *numbersFeeder) sent() int { return int(f.next.Load()) }

// end waits until all is acknowledged and returns how many there were.
func (f *numbersFeeder) end() int {
	f.t.Helper()
	close(f.stop)
	if err := <-f.over; err != nil {
		f.t.Fatal(err)
	}
	if code, _ := f.r.code(f.t); code != 0 {
		f.t.Errorf("produce: exit code %d: %s", code, f.r.err)
	}
	return f.sent()
}

// TestRealGroupAndLeadersKilled reads three replicated partitions in a group while
// produce sends 2000 records a second at acks all. Leaders are killed, and then the
// reader is: nothing is lost, produce sends nothing twice, and what is read again for
// each kill is what could not be committed: no more than a block that is written, and
// one that is being written.
func TestRealGroupAndLeadersKilled(t *testing.T) {
	const second, leaders, kills, blocks = 2000, 3, 5, 2 * 2048
	k := startKafka(t, 3)
	k.want("", "logpipe topic create in --partitions 3 --replication-factor 3", "")
	feeder := feedNumbers(k, second)
	g := &groupReader{k: k, dir: t.TempDir()}
	g.start()
	defer func() { g.kill() }()

	admin, err := kafka.NewAdmin(t.Context(), kafka.Config{Brokers: k.Brokers()})
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	for round := range leaders {
		g.await(feeder.sent)
		topics, err := admin.DescribeTopics(t.Context(), "in")
		if err != nil {
			t.Fatal(err)
		}
		node := int(topics[0].Partitions[round].Leader)
		k.KillNode(t, node)
		g.await(feeder.sent)
		k.StartNode(t, node)
	}
	_, again := g.read()
	t.Logf("%d leaders killed after %d records: %d came again", leaders, feeder.sent(), again[0])
	if again[0] > leaders*second {
		t.Errorf("%d records were read again", again[0])
	}
	for range kills {
		g.await(feeder.sent) // what came while no process read
		sleepUpTo(1000)
		g.kill()
		g.start()
	}
	n := feeder.end()
	g.await(func() int { return n })
	seen, again := g.read()
	t.Logf("%d records; read again by each process: %v", n, again)
	for i := range n {
		if seen[i] == 0 {
			t.Fatalf("record %d is lost", i)
		}
	}
	for _, repeats := range again[1:] {
		if repeats > blocks {
			t.Errorf("a process has read %d records again, want no more than %d", repeats, blocks)
		}
	}
	k.want("", "logpipe consume in -o beginning -e | sort -n | cmp - <(seq 0 "+strconv.Itoa(n-1)+")", "")
}
