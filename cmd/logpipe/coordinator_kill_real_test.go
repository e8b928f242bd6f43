//go:build unix

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/kafka"
)

// groupPipe is a pipe that reads topic in with a group into a file.
type groupPipe struct {
	k     onKafka
	group string
	out   string
	errs  bytes.Buffer
	ended chan struct{}
}

func startGroupPipe(k onKafka, group, line string) *groupPipe {
	k.t.Helper()
	p := &groupPipe{k: k, group: group, out: filepath.Join(k.t.TempDir(), group), ended: make(chan struct{})}
	out, err := os.Create(p.out)
	if err != nil {
		k.t.Fatal(err)
	}
	cmd := exec.Command("bash", "-c", line)
	cmd.Env, cmd.Stdout, cmd.Stderr = append(clean(k.t), k.env...), out, &p.errs
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		k.t.Fatal(err)
	}
	go func() {
		_ = cmd.Wait() // that it ends is the failure
		close(p.ended)
	}()
	k.t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		<-p.ended
		out.Close()
	})
	return p
}

// numbers are the different ones that it has written.
func (p *groupPipe) numbers() map[int]bool {
	p.k.t.Helper()
	text, err := os.ReadFile(p.out)
	if err != nil {
		p.k.t.Fatal(err)
	}
	seen := map[int]bool{}
	for line := range strings.Lines(string(text)) {
		if n, err := strconv.Atoi(strings.TrimSuffix(line, "\n")); err == nil && strings.HasSuffix(line, "\n") {
			seen[n] = true
		}
	}
	return seen
}

// await waits until the pipe has written, and its group has committed, all numbers
// before n.
func (p *groupPipe) await(admin *kafka.Admin, n int) {
	p.k.t.Helper()
	for deadline := time.Now().Add(5 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		select {
		case <-p.ended:
			p.k.t.Fatalf("the pipe of group %s has ended: %s", p.group, &p.errs)
		default:
		}
		var committed int64
		groups, err := admin.DescribeGroups(p.k.t.Context(), p.group)
		if err == nil {
			for _, o := range groups[0].Offsets {
				committed += o.Committed
			}
		}
		written := len(p.numbers())
		if written >= n && committed >= int64(n) {
			return
		}
		if time.Now().After(deadline) {
			p.k.t.Fatalf("group %s: %d written, %d committed of %d (%v)", p.group, written, committed, n, err)
		}
	}
}

// TestRealCoordinatorKilled kills the coordinators of groups: that of a pipe that commits
// marks at its end, and that of a consume that commits what it has written. Both go on
// when the cluster has another coordinator: it knows after the brokers' session only,
// which is as long here as Kafka's own settings have it.
func TestRealCoordinatorKilled(t *testing.T) {
	k := startKafka(t, 3, "broker.session.timeout.ms=9000")
	k.want("", "logpipe topic create in --partitions 3 --replication-factor 3", "")
	admin, err := kafka.NewAdmin(t.Context(), kafka.Config{Brokers: k.Brokers()})
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	feeder := feedNumbers(k, 500)
	pipes := []*groupPipe{
		startGroupPipe(k, "marks", "logpipe consume in -q -g marks --session-timeout 6s -o beginning --marks --mark-every 100ms | logpipe commit -q"),
		startGroupPipe(k, "plain", "exec logpipe consume in -q -g plain --session-timeout 6s -o beginning"),
	}
	for _, victim := range pipes {
		for _, p := range pipes {
			p.await(admin, feeder.sent())
		}
		groups, err := admin.DescribeGroups(t.Context(), victim.group)
		if err != nil {
			t.Fatal(err)
		}
		node := int(groups[0].Broker)
		k.KillNode(t, node)
		killed := time.Now()
		n := feeder.sent()
		for _, p := range pipes {
			p.await(admin, n+1)
			t.Logf("the coordinator of %s was killed: %s has committed again %.1f s later", victim.group, p.group, time.Since(killed).Seconds())
		}
		k.StartNode(t, node)
	}
	n := feeder.end()
	for _, p := range pipes {
		p.await(admin, n)
		seen := p.numbers()
		for i := range n {
			if !seen[i] {
				t.Errorf("group %s: record %d is lost", p.group, i)
				break
			}
		}
	}
	k.want("", "logpipe consume in -o beginning -e | sort -n | cmp - <(seq 0 "+fmt.Sprint(n-1)+")", "")
}
