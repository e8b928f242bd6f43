//go:build unix

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// java runs a tool of Apache Kafka against the broker.
func (b onBroker) java(tools *logpipetest.KafkaTools, in, tool string, args ...string) string {
	b.t.Helper()
	return tools.Run(b.t, in, tool, append([]string{"--bootstrap-server", b.brokers}, args...)...)
}

// javaTopics makes, lists, shows, changes and deletes topics with Java's tools.
func (b onBroker) javaTopics() {
	tools := logpipetest.NewKafkaTools(b.t)
	topics := func(args ...string) string { return b.java(tools, "", "kafka-topics", args...) }
	configs := func(args ...string) string {
		return b.java(tools, "", "kafka-configs", append(args, "--entity-type", "topics", "--entity-name", "j")...)
	}
	is := func(what, got, want string) {
		b.t.Helper()
		if got != want {
			b.t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
	is("create", topics("--create", "--topic", "j", "--partitions", "3", "--replication-factor", "3", "--config", "retention.ms=3600000"), "Created topic j.\n")
	is("create if it is not there", topics("--create", "--topic", "j", "--if-not-exists"), "")
	b.want("", "logpipe topic create ours", "")
	is("list", topics("--list"), "j\nours\n")
	is("alter", topics("--alter", "--topic", "j", "--partitions", "5"), "")
	is("alter settings", configs("--alter", "--add-config", "max.message.bytes=2000000,cleanup.policy=compact"), "Completed updating config for topic j.\n")
	is("delete a setting", configs("--alter", "--delete-config", "cleanup.policy"), "Completed updating config for topic j.\n")
	is("settings", configs("--describe"), "Dynamic configs for topic j are:\n"+
		"  max.message.bytes=2000000 sensitive=false synonyms={DEFAULT_CONFIG:max.message.bytes=1048588}\n"+
		"  retention.ms=3600000 sensitive=false synonyms={DEFAULT_CONFIG:retention.ms=604800000}\n")
	theirs := topics("--describe", "--topic", "j")
	b.want("", "logpipe topic describe --format java j", theirs)
	form := regexp.MustCompile(`^Topic: j\tTopicId: \S{22}\tPartitionCount: 5\tReplicationFactor: 3\tConfigs: max.message.bytes=2000000,retention.ms=3600000\n(.*\n){5}$`)
	if !form.MatchString(theirs) {
		b.t.Errorf("described as\n%s", theirs)
	}
	if got := configs("--describe", "--all"); !strings.Contains(got, "cleanup.policy=delete ") || !strings.Contains(got, "min.insync.replicas=1 ") {
		b.t.Errorf("all settings: %s", got)
	}
	if got := b.java(tools, "", "kafka-configs", "--describe", "--entity-type", "clients"); got != "" {
		b.t.Errorf("quotas of clients: %q", got)
	}
	is("delete", topics("--delete", "--topic", "j"), "")
	b.want("", "logpipe topic list", "ours\n")
}

// javaConsole sends and reads with Java's console tools, and with ours on the
// other side.
func (b onBroker) javaConsole() {
	tools := logpipetest.NewKafkaTools(b.t)
	b.create("typed")
	lines := numberedLines("line ", 2000)
	b.java(tools, asLines(lines), "kafka-console-producer", "--topic", "typed", "--compression-codec", "zstd", "--command-property", "acks=all")
	b.sameLines("consume reads the console producer", b.ours("typed"), lines)
	want := append([]string{"", "größe"}, lines...)
	b.run("\ngröße\n", "logpipe produce typed --compression lz4")
	console := func(n int, args ...string) string {
		return b.java(tools, "", "kafka-console-consumer", append(args, "--topic", "typed", "--from-beginning",
			"--timeout-ms", "60000", "--max-messages", fmt.Sprint(n))...)
	}
	b.sameLines("the console consumer reads both", console(len(want)), want)

	// A group goes on where it has stopped, with either protocol of Java's.
	for _, protocol := range []string{"classic", "consumer"} {
		group := []string{"--group", protocol, "--command-property", "group.protocol=" + protocol}
		first := console(1500, group...)
		b.sameLines(protocol, first+console(len(want)-1500, group...), want)
		b.want("more\n", "logpipe produce typed --partition 1", "")
		b.want("", "logpipe group describe "+protocol+" --json | logpipe aggregate 'sum(lag)'", "{\"sum_lag\":1}\n")
		want = append(want, "more")
	}
	b.want("", "logpipe consume typed -g classic -e", "more\nmore\n")

	// Keys, headers and values that are nothing.
	b.java(tools, "h:1,i:2|k1#one\n<none>|k2#<none>\n", "kafka-console-producer", "--topic", "full", "--reader-property", "parse.key=true", "--reader-property", "key.separator=#",
		"--reader-property", "parse.headers=true", "--reader-property", "headers.delimiter=|", "--reader-property", "null.marker=<none>")
	b.want("", "logpipe consume full -o beginning -e -J | logpipe select key headers value",
		`{"key":"k1","headers":[{"key":"h","value":"1"},{"key":"i","value":"2"}],"value":"one"}`+"\n"+`{"key":"k2","headers":[],"value":null}`+"\n")
	got := b.java(tools, "", "kafka-console-consumer", "--topic", "full", "--from-beginning", "--timeout-ms", "60000", "--max-messages", "2",
		"--formatter-property", "print.key=true", "--formatter-property", "print.headers=true", "--formatter-property", "print.partition=true")
	if want := "Partition:0\th:1,i:2\tk1\tone\nPartition:0\tNO_HEADERS\tk2\tnull\n"; got != want {
		b.t.Errorf("the console consumer prints\n%s\nwant\n%s", got, want)
	}
}

// javaGroups looks at groups and offsets with Java's tools.
func (b onBroker) javaGroups() {
	tools := logpipetest.NewKafkaTools(b.t)
	b.run("", "logpipe topic create t --partitions 2")
	b.run(asLines(numberedLines("", 100)), "logpipe produce t --partitioner round-robin")
	b.run("", "logpipe consume t -g g -o beginning -n 60")
	groups := func(args ...string) string { return b.java(tools, "", "kafka-consumer-groups", args...) }
	say := func(what, got string, want ...string) {
		b.t.Helper()
		for _, w := range want {
			if !regexp.MustCompile(w).MatchString(got) {
				b.t.Errorf("%s prints\n%s\nwant %s", what, got, w)
			}
		}
	}
	say("list", groups("--list"), `^g\n$`)
	say("list of a type", groups("--list", "--type", "classic"), `(?m)^g +Classic *$`)
	say("list of a state", groups("--list", "--state", "empty"), `(?m)^g +Empty *$`)
	say("kafka-groups", b.java(tools, "", "kafka-groups", "--list"), `(?m)^g +Classic +consumer *$`)
	for _, which := range [][]string{{"--group", "g"}, {"--all-groups"}} {
		theirs := groups(append(which, "--describe")...)
		b.want("", "logpipe group describe --format java g", theirs)
	}
	say("describe state", groups("--describe", "--group", "g", "--state"), `(?m)^g +127\.\d+\.\d+\.\d+:\d+ +\(\d\) +- +Empty +0 *$`)

	reset := func(args ...string) string {
		return groups(append([]string{"--reset-offsets", "--group", "g", "--topic", "t"}, args...)...)
	}
	say("reset, dry", reset("--to-earliest", "--dry-run"), `(?m)^g +t +0 +0 *$`, `(?m)^g +t +1 +0 *$`)
	b.want("", "logpipe group describe g --json | logpipe aggregate 'sum(lag)'", "{\"sum_lag\":40}\n")
	reset("--to-earliest", "--execute")
	b.want("", "logpipe group describe g --json | logpipe aggregate 'sum(lag)'", "{\"sum_lag\":100}\n")
	reset("--by-duration", "PT0S", "--execute")
	b.want("", "logpipe group describe g --json | logpipe aggregate 'sum(lag)'", "{\"sum_lag\":0}\n")
	reset("--shift-by", "-3", "--execute")
	b.want("", "logpipe group describe g --json | logpipe aggregate 'sum(lag)'", "{\"sum_lag\":6}\n")
	say("delete offsets", groups("--delete-offsets", "--group", "g", "--topic", "t"), `(?m)^t +0 +Successful`, `(?m)^t +1 +Successful`)
	say("delete", groups("--delete", "--group", "g"), `^Deletion of requested consumer groups \('g'\) was successful\.\n$`)
	b.want("", "logpipe group list", "")

	offsets := func(args ...string) string {
		return b.java(tools, "", "kafka-get-offsets", append(args, "--topic", "t")...)
	}
	say("offsets", offsets(), `^t:0:50\nt:1:50\n$`)
	path := filepath.Join(b.t.TempDir(), "delete.json")
	if err := os.WriteFile(path, []byte(`{"partitions":[{"topic":"t","partition":0,"offset":10},{"topic":"t","partition":1,"offset":-1}],"version":1}`), 0o666); err != nil {
		b.t.Fatal(err)
	}
	say("delete records", b.java(tools, "", "kafka-delete-records", "--offset-json-file", path), `partition: t-0\tlow_watermark: 10\n`, `partition: t-1\tlow_watermark: 50\n`)
	say("earliest offsets", offsets("--time", "earliest"), `^t:0:10\nt:1:50\n$`)
	b.want("", "logpipe consume t -o beginning -e | wc -l | tr -d ' '", "40\n")
}

// javaPerf runs Java's tools for measuring, idempotent and in transactions.
func (b onBroker) javaPerf() {
	tools := logpipetest.NewKafkaTools(b.t)
	b.create("perf")
	perf := func(n int, args ...string) {
		b.t.Helper()
		out := tools.Run(b.t, "", "kafka-producer-perf-test", append(args, "--topic", "perf", "--throughput", "-1",
			"--num-records", fmt.Sprint(n), "--bootstrap-server", b.brokers)...)
		if !strings.Contains(out, fmt.Sprintf("%d records sent, ", n)) {
			b.t.Errorf("kafka-producer-perf-test prints\n%s", out)
		}
		b.t.Log(strings.TrimSpace(out))
	}
	perf(100_000, "--record-size", "244", "--command-property", "acks=all", "enable.idempotence=true", "compression.type=lz4")
	b.want("", "logpipe consume perf -o beginning -e | wc -lc | tr -s ' '", " 100000 24500000\n")
	perf(20_000, "--record-size", "100", "--command-property", "acks=all", "--transactional-id", "perf", "--transaction-duration-ms", "50")
	b.want("", "logpipe consume perf -o beginning -e | wc -l | tr -d ' '", "120000\n")
	b.run(asLines(numberedLines("ours ", 1000)), "logpipe produce perf")

	out := b.java(tools, "", "kafka-consumer-perf-test", "--topic", "perf", "--num-records", "121000", "--timeout", "60000", "--command-property", "isolation.level=read_committed")
	if !strings.Contains(out, ", 121000, ") {
		b.t.Errorf("kafka-consumer-perf-test prints\n%s", out)
	}
	b.t.Log(strings.TrimSpace(out))
	if listed := b.java(tools, "", "kafka-transactions", "list"); !strings.Contains(listed, "perf ") {
		b.t.Errorf("kafka-transactions lists\n%s", listed)
	}
}
