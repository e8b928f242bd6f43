//go:build unix

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// brokerProcess runs `logpipe broker` as in a terminal of its own and returns
// its addresses. temp is its folder for temporary files, which those share that
// are to find it.
func brokerProcess(t *testing.T, temp string, args ...string) (addrs string, r *running) {
	t.Helper()
	cmd := start(t, "logpipe", append([]string{"broker", "--listen", "127.0.0.1:0"}, args...)...)
	cmd.Env = append(cmd.Env, "TMPDIR="+temp)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(stderr).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	_, addrs, ok := strings.Cut(strings.TrimSpace(line), "export LOGPIPE_BROKERS=")
	if !ok {
		t.Fatal(line)
	}
	return addrs, &running{Cmd: cmd}
}

// TestElection holds that a produce and a consume of ours that are under way go
// on while each node in turn is stopped from another terminal and started again:
// no record is lost or comes twice, and those of a partition stay in order.
func TestElection(t *testing.T) {
	temp := t.TempDir()
	// Nobody else takes the port of a node while it is stopped.
	addrs, _ := brokerProcess(t, temp, "--nodes", "3", "--listen", logpipetest.OwnAddress(t))
	run := func(args ...string) result {
		t.Helper()
		cmd := at(t, addrs, args...)
		cmd.Env = append(cmd.Env, "TMPDIR="+temp)
		got := finish(t, cmd, "")
		if got.code != 0 {
			t.Fatalf("%v: exit code %d\n%s", args, got.code, got.err)
		}
		return got
	}
	run("topic", "create", "t", "--partitions", "3", "--replication-factor", "3")
	consume := begin(t, at(t, addrs, "consume", "t", "-g", "g", "-o", "beginning", "-J"))
	produce := begin(t, at(t, addrs, "produce", "t", "--acks", "all", "--partitioner", "round-robin"))

	const rounds, perRound = 6, 200
	seen := map[int]bool{}
	last := map[int]int{}
	read := func() {
		var r struct {
			Partition int
			Value     int `json:",string"`
		}
		text := consume.read(t)
		if err := json.Unmarshal([]byte(text), &r); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		if seen[r.Value] { // a group may read again what it has not committed
			return
		}
		if before, ok := last[r.Partition]; ok && r.Value < before {
			t.Fatalf("partition %d: %d came behind %d", r.Partition, r.Value, before)
		}
		seen[r.Value], last[r.Partition] = true, r.Value
	}
	produce.write(t, "0")
	read() // both are under way
	sent := 1
	for round := range rounds {
		for i := range perRound {
			if i == perRound/2 {
				verb := []string{"stop", "start"}[round%2]
				run("broker", "node", verb, fmt.Sprint(round/2))
			}
			produce.write(t, fmt.Sprint(sent))
			sent++
		}
		for len(seen) < sent-perRound/2 {
			read()
		}
	}
	produce.in.Close()
	if code, _ := produce.code(t); code != 0 {
		t.Errorf("produce: exit code %d, %s", code, produce.err)
	}
	for len(seen) < sent {
		read()
	}
	if got := run("consume", "t", "-o", "beginning", "-e", "-q"); strings.Count(got.out, "\n") != sent {
		t.Errorf("%d records, want %d", strings.Count(got.out, "\n"), sent)
	}
}

// TestNodeMistakes holds what is said where a node cannot be stopped, with the
// exit code.
func TestNodeMistakes(t *testing.T) {
	temp := t.TempDir()
	addrs, broker := brokerProcess(t, temp, "--nodes", "2")
	stranger := cluster(t) // in this process, and without a way for others
	list := strings.Split(addrs, ",")
	for _, c := range []struct {
		args, want string
		code       int
	}{
		{"stop 7 -b " + addrs, "there is no node 7: this broker has 0, 1\n", 2},
		{"stop -b " + addrs, "want the number of one node\nhint: logpipe broker node list shows them\n", 2},
		{"stop one -b " + addrs, "want the number of a node, not \"one\"\nhint: logpipe broker node list shows them\n", 2},
		{"stop 0 1 -b " + addrs, "want the number of one node\n", 2},
		{"start 1 -b " + addrs, "node 1 runs already\n", 1},
		{"stop 1 -b " + list[0], "node 1 is stopped; no partition went to other nodes\n", 0},
		{"stop 1 -b " + list[1], "node 1 does not run\n", 1},
		{"stop 0 -b " + strings.Replace(list[0], "127.0.0.1", "localhost", 1), "node 0 is the last one that runs\nhint: the broker itself ends with Ctrl-C in its terminal\n", 1},
		{"start 1 -q --bootstrap-server " + list[1], "", 0},
		{"stop 0 -b 127.0.0.1:1", "no broker runs at 127.0.0.1:1\nhint: logpipe broker --nodes 3 runs one; -b names its address\n", 4},
		{"stop 0 -b " + stranger, "what answers at " + stranger + " is not a `logpipe broker` that this user started on this machine\n", 1},
		{"halt 0", "unknown command \"halt\"", 2},
	} {
		words := strings.Fields(c.args)
		cmd := start(t, "logpipe", append([]string{"broker", "node"}, words...)...)
		cmd.Env = append(cmd.Env, "TMPDIR="+temp)
		got := finish(t, cmd, "")
		if got.code != c.code || !strings.Contains(got.err, c.want) || c.want == "" && got.err != "" {
			t.Errorf("%s: exit code %d, %s\nwant %d, %s", c.args, got.code, got.err, c.code, c.want)
		}
	}

	folder := filepath.Join(temp, "logpipe-control-"+strconv.Itoa(os.Geteuid()))
	info, err := os.Stat(folder)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("others may enter %s: %v %v", folder, info.Mode(), err)
	}
	// A broker that is killed leaves its socket, which the next question removes.
	if err := broker.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = broker.Wait()
	cmd := start(t, "logpipe", "broker", "node", "list", "-b", addrs)
	cmd.Env = append(cmd.Env, "TMPDIR="+temp)
	if got := finish(t, cmd, ""); got.code != 4 {
		t.Errorf("exit code %d, %s", got.code, got.err)
	}
	if left, _ := filepath.Glob(filepath.Join(folder, "*")); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	// A folder of somebody else's is not trusted.
	if err := os.Chmod(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd = start(t, "logpipe", "broker", "node", "list", "-b", addrs)
	cmd.Env = append(cmd.Env, "TMPDIR="+temp)
	if got := finish(t, cmd, ""); got.code != 1 || !strings.Contains(got.err, "is not a folder of this user alone") {
		t.Errorf("exit code %d, %s", got.code, got.err)
	}
}
