//go:build unix

package main

import (
	"bufio"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// TestRealClientsOnBroker uses the embedded broker, with three nodes and a folder,
// through the clients that people have, and our own commands beside them: what one
// side sends, the other reads, record for record.
func TestRealClientsOnBroker(t *testing.T) {
	logpipetest.Real(t)
	program := logpipetest.Program(t)
	for _, client := range []struct {
		name string
		use  func(onBroker)
	}{
		{"our commands", onBroker.commands},
		{"kcat", onBroker.kcat},
		{"franz-go", onBroker.franz},
		{"franz-go in a transaction", onBroker.franzTransactions},
		{"franz-go in a group", onBroker.franzGroup},
		{"Java topics", onBroker.javaTopics},
		{"Java console", onBroker.javaConsole},
		{"Java groups", onBroker.javaGroups},
		{"Java perf tools", onBroker.javaPerf},
		{"elections", onBroker.election},
		{"Flume", onBroker.flume},
		{"Spark", onBroker.spark},
	} {
		t.Run(client.name, func(t *testing.T) {
			begun := time.Now()
			b := startOnBroker(t, program)
			client.use(b)
			b.t.Logf("%s: %.1f s", client.name, time.Since(begun).Seconds())
		})
	}
}

// onBroker runs clients against `logpipe broker`, which is a process of its own.
type onBroker struct {
	shelled
	brokers string // with commas
}

// startOnBroker starts the broker, which ends with the test.
func startOnBroker(t *testing.T, program string) onBroker {
	t.Helper()
	cmd := exec.Command(program, "broker", "--dir", filepath.Join(t.TempDir(), "kept"), "--nodes", "3",
		"--listen", logpipetest.OwnAddress(t), // nodes are stopped, and nobody else takes their ports
		"--cleanup-every", "1h") // some records have old times, and no retention takes them away
	cmd.Env = clean(t)
	told, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	messages := bufio.NewReader(told)
	line, err := messages.ReadString('\n')
	_, brokers, ok := strings.Cut(strings.TrimSpace(line), "export LOGPIPE_BROKERS=")
	rest := make(chan string, 1)
	go func() {
		b, _ := io.ReadAll(messages)
		rest <- string(b)
	}()
	t.Cleanup(func() {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Errorf("end the broker: %v", err)
		}
		said := <-rest
		_ = cmd.Wait() // the code says it
		if code := cmd.ProcessState.ExitCode(); code != 143 || said != "" {
			t.Errorf("the broker ended with exit code %d:\n%s", code, said)
		}
	})
	if err != nil || !ok || strings.Count(brokers, ",") != 2 {
		t.Fatalf("the broker says %q: %v", line, err)
	}
	return onBroker{builtShell(t, program, brokers), brokers}
}

// numberedLines are the lines PREFIX0, PREFIX1, …
func numberedLines(prefix string, n int) []string {
	lines := make([]string, n)
	for i := range lines {
		lines[i] = fmt.Sprint(prefix, i)
	}
	return lines
}

// asLines ends each line.
func asLines(lines []string) string { return strings.Join(lines, "\n") + "\n" }

// sameLines holds that a text has exactly these lines, in any order.
func (b onBroker) sameLines(what, text string, want []string) {
	b.t.Helper()
	got := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	slices.Sort(got)
	want = slices.Sorted(slices.Values(want))
	if !slices.Equal(got, want) {
		b.t.Errorf("%s: %d lines, want %d\n%.600q\nwant\n%.600q", what, len(got), len(want), got, want)
	}
}

// run runs a line that has to end with 0, and returns what it printed.
func (b onBroker) run(in, line string) string {
	b.t.Helper()
	got := b.shell(in, line)
	if got.code != 0 {
		b.t.Fatalf("%s: exit code %d\n%s%s", line, got.code, got.out, got.err)
	}
	return got.out
}

// create makes topics of three partitions with three replicas.
func (b onBroker) create(topics ...string) {
	b.t.Helper()
	for _, topic := range topics {
		b.run("", "logpipe topic create "+topic+" --partitions 3 --replication-factor 3")
	}
}

// ours reads a topic from its beginning with our command.
func (b onBroker) ours(topic string) string {
	b.t.Helper()
	return b.run("", "logpipe consume "+topic+" -o beginning -e")
}

// commands does what our own commands do.
func (b onBroker) commands() {
	lines := numberedLines("line ", 5000)
	b.create("ours", "source", "copy")
	b.want("", "logpipe topic list", "copy\nours\nsource\n")
	for _, codec := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
		b.run(asLines(numberedLines(codec, 1000)), "logpipe produce codecs --compression "+codec)
		b.sameLines(codec, b.run("", "logpipe consume codecs -o -1000 -e"), numberedLines(codec, 1000))
	}
	b.run(asLines(lines), "logpipe produce source --partitioner round-robin")
	b.run("", "logpipe consume source -g mover -o beginning -e --marks | logpipe produce ours --tx mover")
	b.sameLines("read committed", b.ours("ours"), lines)
	b.run("", "logpipe consume ours -o beginning -e -J | logpipe produce copy -J")
	// Not their offsets: the ends of transactions have some too.
	b.want("", `all() { logpipe consume $1 -o beginning -e -J | logpipe select partition timestamp key headers value | sort; }; cmp <(all copy) <(all ours)`, "")
	b.sameLines("of a group", b.run("", "logpipe consume ours -g g -o beginning -e"), lines)
	b.want("", "logpipe consume ours -g g -e", "")
	b.want("", "logpipe group list", "g\nmover\n")
	b.run("", "logpipe group reset g --to beginning --execute")
	b.sameLines("of a group that was reset", b.run("", "logpipe consume ours -g g -e"), lines)
	b.run("", "logpipe group delete g mover")
	b.run("", "logpipe topic delete ours copy codecs source")
	b.want("", "logpipe topic list", "")
}

// kcat does what people do with kcat.
func (b onBroker) kcat() {
	if _, err := exec.LookPath("kcat"); err != nil {
		b.t.Skip("no kcat in the PATH")
	}
	b.env = append(b.env, "B="+b.brokers)
	b.create("cat")
	listed := b.run("", "kcat -b $B -L")
	for _, words := range []string{" 3 brokers:\n", "(controller)", " 1 topics:\n", `topic "cat" with 3 partitions:`} {
		if !strings.Contains(listed, words) {
			b.t.Errorf("kcat -L does not say %q:\n%s", words, listed)
		}
	}

	// Every codec, keys, headers, a tombstone; both ways.
	var want []string
	for _, codec := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
		for i := range 1000 {
			want = append(want, fmt.Sprintf("k%d %s%[1]d h1=v1,h2=v2", i, codec))
		}
		b.run("", "for i in $(seq 0 999); do echo k$i:"+codec+"$i; done | kcat -b $B -t cat -P -K: -H h1=v1 -H h2=v2 -z "+codec)
	}
	const format = "'%k %s %h\\n'"
	b.sameLines("kcat reads itself", b.run("", "kcat -b $B -t cat -C -o beginning -e -q -f "+format), want)
	b.sameLines("consume reads kcat", b.run("", "logpipe consume cat -o beginning -e -f "+format), want)
	b.run("gone:\n", "kcat -b $B -t cat -P -K: -Z")
	b.run("", "logpipe consume cat -o beginning -e -J | logpipe produce copied -J")
	b.sameLines("kcat reads produce", b.run("", "kcat -b $B -t copied -C -o beginning -e -q -f "+format), append(want, "gone  "))

	b.run("", "seq 100000 | kcat -b $B -t same -P -X enable.idempotence=true -X acks=all")
	b.want("", "kcat -b $B -t same -C -o beginning -e -q | cmp - <(seq 100000)", "")
	b.run("", "seq 1000 | kcat -b $B -t tx -P -X transactional.id=cat")
	b.want("", "kcat -b $B -t tx -C -o beginning -e -q | cmp - <(seq 1000)", "")
	b.want("", "logpipe consume tx -o beginning -e | cmp - <(seq 1000)", "")

	b.want("", "kcat -b $B -Q -t same:0:-1", "same [0] offset 100000\n")
	b.want("", "kcat -b $B -Q -t same:0:1", "same [0] offset 0\n")
	b.want("", "kcat -b $B -t same -C -o -3 -e -q", "99998\n99999\n100000\n")

	// A group goes on where it has committed, whoever has read before.
	for _, strategy := range []string{"range", "cooperative-sticky"} {
		group := "kcat -b $B -G " + strategy + " -X partition.assignment.strategy=" + strategy + " -X auto.offset.reset=earliest -e -q same"
		b.want("", group+" | cmp - <(seq 100000)", "")
		b.want("more\n", "logpipe produce same", "")
		b.want("", group, "more\n")
		b.want("last\n", "logpipe produce same", "")
		b.want("", "logpipe consume same -g "+strategy+" -e", "last\n")
		b.run("", "logpipe topic delete same; seq 100000 | logpipe produce same")
	}
}
