//go:build unix

package main

import (
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// election stops and starts one node after the other while Java's perf tool, kcat
// and produce send and kcat reads: each of them goes on, and nothing is lost or
// there twice.
func (b onBroker) election() {
	if _, err := exec.LookPath("kcat"); err != nil {
		b.t.Skip("no kcat in the PATH")
	}
	tools := logpipetest.NewKafkaTools(b.t)
	for _, topic := range []string{"java", "cat", "ours"} {
		b.create(topic)
	}
	const n = 30_000
	ctx, cancel := context.WithTimeout(b.t.Context(), 5*time.Minute)
	defer cancel()
	slowly := fmt.Sprintf("for i in $(seq 0 99); do seq $((i*%d)) $((i*%[1]d+%d)); sleep 0.15; done | ", n/100, n/100-1)
	ended := make(chan string)
	// The shell takes out what a group reads again: some awks wait for a whole block of
	// their input, and with it for records that never come.
	// Without -E kcat ends where it finds all its connections down at one moment.
	senders := map[string]*exec.Cmd{
		"Java": tools.Command(ctx, "kafka-producer-perf-test", "--topic", "java", "--num-records", fmt.Sprint(n), "--record-size", "20", "--throughput", fmt.Sprint(n/15),
			"--bootstrap-server", b.brokers, "--command-property", "acks=all", "enable.idempotence=true"),
		"kcat":    exec.CommandContext(ctx, "bash", "-c", slowly+"kcat -E -b "+b.brokers+" -t cat -P -X enable.idempotence=true -X acks=all"),
		"produce": exec.CommandContext(ctx, "bash", "-c", slowly+"logpipe produce ours --partitioner round-robin"),
		"consume": exec.CommandContext(ctx, "bash", "-c", fmt.Sprintf("declare -A seen; logpipe consume ours -g g -o beginning | while read -r x; do [[ ${seen[$x]} ]] && continue; seen[$x]=1; echo $x; ((++n == %d)) && break; done | sort -n | cmp - <(seq 0 %d)", n, n-1)),
		"kcat reads": exec.CommandContext(ctx, "bash", "-c", fmt.Sprintf(
			"kcat -E -b %s -t cat -C -o beginning -q -c %d | sort -n | cmp - <(seq 0 %d)", b.brokers, n, n-1)),
	}
	for name, cmd := range senders {
		cmd.Env = append(cmd.Environ(), b.env...)
		// What bash has begun ends with it.
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
		go func() {
			out, err := cmd.CombinedOutput()
			if err != nil {
				ended <- fmt.Sprintf("%s: %v\n%.1000s", name, err, out)
				return
			}
			ended <- ""
		}()
	}
	for _, addr := range strings.Split(b.brokers, ",") {
		b.grows(3 * n)
		id := b.run("", "logpipe broker node list | awk '/"+addr+"/ {print $1}'")
		b.run("", "logpipe broker node stop -q "+id)
		b.grows(3 * n)
		b.run("", "logpipe broker node start -q "+id)
	}
	for range senders {
		if message := <-ended; message != "" {
			b.t.Error(message)
		}
	}
	for _, topic := range []string{"cat", "ours"} {
		b.want("", fmt.Sprintf("logpipe consume %s -o beginning -e | sort -n | cmp - <(seq 0 %d)", topic, n-1), "")
	}
	b.want("", "logpipe consume java -o beginning -e | wc -l | tr -d ' '", fmt.Sprintf("%d\n", n))
}

// grows waits until the topics have more records, or all that they get.
func (b onBroker) grows(all int) {
	b.t.Helper()
	size := func() int {
		n, err := strconv.Atoi(strings.TrimSpace(b.run("", "logpipe topic offsets java cat ours | awk '{n += $5} END {print n}'")))
		if err != nil {
			b.t.Fatal(err)
		}
		return n
	}
	for before, deadline := size(), time.Now().Add(2*time.Minute); before < all && size() == before; {
		if time.Now().After(deadline) {
			b.t.Fatalf("nothing is sent any more behind %d records", before)
		}
	}
}
