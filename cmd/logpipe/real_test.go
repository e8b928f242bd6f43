package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// shelled runs lines of a shell with the built program in its PATH.
type shelled struct {
	t   *testing.T
	env []string // PATH and LOGPIPE_BROKERS
}

// builtShell is a shell with the program at a path, for the brokers of a list with commas.
func builtShell(t *testing.T, program, brokers string) shelled {
	return shelled{t, []string{
		"PATH=" + filepath.Dir(program) + string(os.PathListSeparator) + os.Getenv("PATH"),
		"LOGPIPE_BROKERS=" + brokers,
	}}
}

// onKafka runs the built program against a cluster of Apache Kafka.
type onKafka struct {
	*logpipetest.Kafka
	shelled
}

func startKafka(t *testing.T, nodes int, settings ...string) onKafka {
	t.Helper()
	begun := time.Now()
	k := logpipetest.StartKafka(t, nodes, settings...)
	t.Logf("%d nodes of Apache Kafka %s: %.1f s", nodes, logpipetest.KafkaVersion, time.Since(begun).Seconds())
	return onKafka{k, builtShell(t, logpipetest.Program(t), k.Bootstrap())}
}

// shell runs a line.
func (k shelled) shell(in, line string) result {
	k.t.Helper()
	cmd := start(k.t, bash(k.t), "-c", "set -o pipefail; "+line)
	cmd.Env = append(cmd.Env, k.env...)
	return finish(k.t, cmd, in)
}

// want runs a line that has to end with 0 and to print out.
func (k shelled) want(in, line, out string) {
	k.t.Helper()
	if got := k.shell(in, line); got.code != 0 || got.out != out {
		k.t.Errorf("%s: exit code %d\n%s\nwant\n%s\nstderr\n%s", line, got.code, got.out, out, got.err)
	}
}

// fails runs a line that has to end with a code and a message, and prints nothing.
func (k shelled) fails(code int, line, message string) {
	k.t.Helper()
	if got := k.shell("", line); got.code != code || got.err != message || got.out != "" {
		k.t.Errorf("%s: exit code %d, want %d\n%s%s\nwant\n%s", line, got.code, code, got.out, got.err, message)
	}
}

// topics runs the Java tool.
func (k onKafka) topics(args ...string) string {
	k.t.Helper()
	return k.Tools.Run(k.t, "", "kafka-topics", append([]string{"--bootstrap-server", k.Bootstrap()}, args...)...)
}

// TestRealKafkaConsole does the exercises that a newcomer to Kafka does, with
// one broker and with three.
func TestRealKafkaConsole(t *testing.T) {
	for _, nodes := range []int{1, 3} {
		t.Run(fmt.Sprint(nodes, " nodes"), func(t *testing.T) { startKafka(t, nodes).exercises(nodes) })
	}
}

func (k onKafka) exercises(nodes int) {
	t := k.t
	k.want("", fmt.Sprintf("logpipe topic create t3 --partitions 3 --replication-factor %d", nodes), "")
	k.want("", "logpipe topic create set --config retention.ms=3600000 --config cleanup.policy=compact --config max.message.bytes=2000000", "")
	k.fails(1, "logpipe topic create t3",
		"logpipe topic create: topic \"t3\" exists already: Topic 't3' already exists\nhint: logpipe topic describe t3 shows it\n")
	got := k.shell("", "logpipe topic create nine --replication-factor 9")
	for _, words := range []string{fmt.Sprintf("topic \"nine\": replication factor 9 is larger than the number of brokers, %d\n", nodes),
		fmt.Sprintf("hint: --replication-factor takes at most %d here", nodes)} {
		if got.code != 1 || !strings.Contains(got.err, words) {
			t.Errorf("9 replicas: exit code %d: %s", got.code, got.err)
		}
	}
	k.wrongSettings()

	k.typed("t3")
	k.pasted("pasted", nodes)
	for _, line := range []string{"logpipe topic describe nope", "logpipe consume nope --from-beginning -e"} {
		command := strings.TrimSuffix(line, " --from-beginning -e")
		k.fails(1, line, strings.TrimSuffix(command, " nope")+": topic \"nope\" does not exist\nhint: logpipe topic create nope\n")
	}

	// Nothing that failed has left a topic.
	k.want("", "logpipe topic list", "pasted\nset\nt3\n")
	if got := k.topics("--list", "--exclude-internal"); got != "pasted\nset\nt3\n" {
		t.Errorf("the Java tool lists\n%s", got)
	}
	for _, topic := range []string{"t3", "set"} {
		theirs := k.topics("--describe", "--topic", topic)
		if !strings.HasPrefix(theirs, "Topic: "+topic+"\tTopicId: ") {
			t.Errorf("the Java tool describes\n%s", theirs)
		}
		k.want("", "logpipe topic describe --format java "+topic, theirs)
	}

	k.want("", "logpipe topic delete set", "")
	k.want("", "logpipe topic list", "pasted\nt3\n")
	k.down()
}

// wrongSettings holds that settings which Kafka refuses are refused by the
// embedded broker in the same words.
func (k onKafka) wrongSettings() {
	k.t.Helper()
	for _, set := range []string{"nonsense=1", "retention.ms=week", "retention.ms=-2", "max.message.bytes=3000000000", "cleanup.policy=keep",
		"compression.type=rar", "message.timestamp.type=now", "unclean.leader.election.enable=maybe", "min.cleanable.dirty.ratio=half", "min.insync.replicas=0"} {
		create := "logpipe topic create wrong --config " + set
		theirs, ours := k.shell("", create), k.shell("", "logpipe broker -- "+create)
		if theirs.code != 1 || !strings.Contains(theirs.err, "a setting is refused") || ours.code != 1 || ours.err != theirs.err {
			k.t.Errorf("%s: exit code %d\n%sand of the embedded broker %d\n%s", set, theirs.code, theirs.err, ours.code, ours.err)
		}
	}
}

// typed types lines into produce, which sends each while it waits for the next.
func (k onKafka) typed(topic string) {
	t := k.t
	t.Helper()
	cmd := start(t, bash(t), "-c", "exec logpipe produce "+topic)
	cmd.Env = append(cmd.Env, k.env...)
	keyboard, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var errs bytes.Buffer
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for i, line := range []string{"one", "", "drei €"} {
		if _, err := io.WriteString(keyboard, line+"\n"); err != nil {
			t.Fatal(err)
		}
		// It waits for as many records as were typed.
		got := k.shell("", fmt.Sprintf("logpipe consume %s --from-beginning -n %d", topic, i+1))
		if !slices.Contains(strings.Split(got.out, "\n"), line) || strings.Count(got.out, "\n") != i+1 || got.code != 0 {
			t.Errorf("after %q was typed: exit code %d, %q %s", line, got.code, got.out, got.err)
		}
	}
	if err := keyboard.Close(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil || errs.Len() > 0 {
		t.Errorf("produce: %v %s", err, &errs)
	}
	const sorted = "\ndrei €\none\n"
	k.want("", "logpipe consume "+topic+" --from-beginning -e | LC_ALL=C sort", sorted)
	theirs := strings.SplitAfter(k.Tools.Run(t, "", "kafka-console-consumer", "--bootstrap-server", k.Bootstrap(),
		"--topic", topic, "--from-beginning", "--max-messages", "3", "--timeout-ms", "60000"), "\n")
	slices.Sort(theirs)
	if got := strings.Join(theirs, ""); got != sorted {
		t.Errorf("the Java consumer reads %q, want %q", got, sorted)
	}
}

// pasted uses the flags of Kafka's own tools, which name the brokers too.
func (k onKafka) pasted(topic string, nodes int) {
	k.t.Helper()
	brokers := k.Bootstrap()
	k.env = slices.Concat(k.env, []string{"LOGPIPE_BROKERS="})
	k.want("", fmt.Sprintf("logpipe topic --create --topic "+topic+" --partition 2 --replica %d", min(nodes, 2))+" --bootstrap-server "+brokers, "")
	k.want("a\n", "logpipe produce --broker-list "+brokers+" --topic "+topic+" --request-required-acks -1", "")
	k.want("", "logpipe consume --bootstrap-server "+brokers+" --topic "+topic+" --from-beginning --max-messages 1", "a\n")
}

// down stops the cluster: before the first contact all commands fail within a
// second.
func (k onKafka) down() {
	k.t.Helper()
	k.Stop(k.t)
	for _, line := range []string{"topic list", "topic describe t3", "consume t3", "produce t3"} {
		var got result
		logpipetest.Prompt(k.t, aSecond(k.t), func() { got = k.shell("lost\n", "logpipe "+line) })
		if got.code != 4 || got.out != "" {
			k.t.Errorf("%s without a broker: exit code %d %s", line, got.code, got.out)
		}
		for _, words := range []string{k.Brokers()[0], "connection refused", "hint: `logpipe broker` starts one"} {
			if !strings.Contains(got.err, words) {
				k.t.Errorf("%s does not say %q:\n%s", line, words, got.err)
			}
		}
	}
}

// statuses counts the status codes of an access log without logpipe, as lines of
// aggregate.
func statuses(t *testing.T, path string) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	status := regexp.MustCompile(`" (\d{3}) (\d+|-) "`)
	counts := map[int]int{}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		m := status.FindSubmatch(lines.Bytes())
		if m == nil {
			t.Fatalf("no status: %s", lines.Text())
		}
		n, err := strconv.Atoi(string(m[1]))
		if err != nil {
			t.Fatal(err)
		}
		counts[n]++
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	var codes []int
	for code := range counts {
		codes = append(codes, code)
	}
	slices.Sort(codes)
	var rows strings.Builder
	for _, code := range codes {
		fmt.Fprintf(&rows, "{\"status\":%d,\"count\":%d}\n", code, counts[code])
	}
	return rows.String()
}

// TestRealKafkaPipe sends a log through Kafka into an aggregate, and reads on
// where the group has stopped.
func TestRealKafkaPipe(t *testing.T) {
	const n = 20000
	k := startKafka(t, 1)
	path := filepath.Join(t.TempDir(), "access.log")
	k.env = append(k.env, "LOG="+path)
	k.want("", fmt.Sprintf("logpipe gen access -n %d >$LOG", n), "")
	counts := statuses(t, path)
	k.want("", "logpipe parse access $LOG | logpipe aggregate --by status count", counts)

	k.want("", "logpipe topic create access --partitions 3", "")
	k.want("", fmt.Sprintf("logpipe gen access -n %d | logpipe produce access", n), "")
	const pipe = "logpipe consume access -g heat -o beginning -e -q | logpipe parse access | logpipe aggregate --by status count"
	k.want("", pipe, counts)
	k.want("", "logpipe run 'consume access -o beginning -e | parse access | aggregate --by status count'", counts)
	k.want("", "cmp <(LC_ALL=C sort $LOG) <(logpipe consume access -o beginning -e | LC_ALL=C sort)", "")

	// The group goes on where it has stopped: nothing, and then what is new.
	k.lag("heat", 0, n)
	k.want("", pipe, "")
	k.want("", "logpipe gen access -n 100 --seed 2 | tee $LOG.2 | logpipe produce access", "")
	k.lag("heat", 100, n)
	k.want("", "cmp <(LC_ALL=C sort $LOG.2) <(logpipe consume access -g heat -e -q | LC_ALL=C sort)", "")
	k.lag("heat", 0, n+100)
}

// lag checks what the Java tool says that a group has committed and what is left.
func (k onKafka) lag(group string, left, done int) {
	k.t.Helper()
	out := k.Tools.Run(k.t, "", "kafka-consumer-groups", "--bootstrap-server", k.Bootstrap(), "--describe", "--group", group)
	var sumLag, sumDone int
	for line := range strings.Lines(out) { // GROUP TOPIC PARTITION CURRENT-OFFSET LOG-END-OFFSET LAG …
		f := strings.Fields(line)
		if len(f) < 6 || f[0] != group {
			continue
		}
		current, err := strconv.Atoi(f[3])
		if err != nil {
			k.t.Fatalf("%v:\n%s", err, out)
		}
		lag, err := strconv.Atoi(f[5])
		if err != nil {
			k.t.Fatalf("%v:\n%s", err, out)
		}
		sumDone, sumLag = sumDone+current, sumLag+lag
	}
	if sumLag != left || sumDone != done {
		k.t.Errorf("committed %d and left %d, want %d and %d:\n%s", sumDone, sumLag, done, left, out)
	}
}
