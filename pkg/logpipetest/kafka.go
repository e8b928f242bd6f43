package logpipetest

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// KafkaVersion is the version of Apache Kafka that tests run.
const KafkaVersion = "4.3.1"

// javaFor says which Java that needs.
const javaFor = "Apache Kafka " + KafkaVersion + " needs Java 17"

// kafkaJars is Apache Kafka with its tools, without Kafka Connect.
func kafkaJars() download {
	return download{dir: filepath.Join("kafka", "libs"), version: KafkaVersion, artifacts: []artifact{
		{group: "org.apache.kafka", name: "kafka_2.13", version: KafkaVersion},
		{group: "org.apache.kafka", name: "kafka-tools", version: KafkaVersion,
			without: []string{"org.apache.kafka:connect-runtime", "org.apache.kafka:connect-transforms"}},
		{group: "org.apache.logging.log4j", name: "log4j-slf4j-impl", version: "2.25.4"},
	}}
}

// KafkaTools are the command-line tools of Apache Kafka, and its server.
type KafkaTools struct {
	java string
	jars string // folder
	logs string // folder with log4j's settings
}

// NewKafkaTools finds Java and downloads Apache Kafka where that was not done
// before. It skips the test outside of the real suite, and where one of them
// cannot be had.
func NewKafkaTools(t testing.TB) *KafkaTools {
	t.Helper()
	java, jars := javaTools(t, kafkaJars(), "Apache Kafka "+KafkaVersion, javaFor)
	tools := &KafkaTools{java: java, jars: jars, logs: t.TempDir()}
	for level, target := range map[string]string{"INFO": "SYSTEM_OUT", "WARN": "SYSTEM_ERR"} {
		text := fmt.Appendf(nil, `<Configuration status="ERROR">
<Appenders><Console name="C" target="%s"><PatternLayout pattern="[%%d] %%p %%m (%%c)%%n"/></Console></Appenders>
<Loggers><Root level="%s"><AppenderRef ref="C"/></Root></Loggers></Configuration>
`, target, level)
		if err := os.WriteFile(tools.logSettings(level), text, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return tools
}

func (k *KafkaTools) logSettings(level string) string {
	return filepath.Join(k.logs, "log4j-"+level+".xml")
}

// command runs a class; flags are those of the Java machine.
func (k *KafkaTools) command(ctx context.Context, level string, flags []string, class string, args ...string) *exec.Cmd {
	flags = append(flags, "-Djava.awt.headless=true", "-Dlog4j2.configurationFile="+k.logSettings(level),
		"-cp", filepath.Join(k.jars, "*"), class)
	return exec.CommandContext(ctx, k.java, append(flags, args...)...)
}

// toolClasses are the classes of the tools by the names of the scripts that start
// them.
func toolClasses() map[string]string {
	const tools = "org.apache.kafka.tools."
	return map[string]string{
		"kafka-topics":             tools + "TopicCommand",
		"kafka-configs":            "kafka.admin.ConfigCommand",
		"kafka-console-producer":   tools + "ConsoleProducer",
		"kafka-console-consumer":   tools + "consumer.ConsoleConsumer",
		"kafka-consumer-groups":    tools + "consumer.group.ConsumerGroupCommand",
		"kafka-groups":             tools + "GroupsCommand",
		"kafka-get-offsets":        tools + "GetOffsetShell",
		"kafka-delete-records":     tools + "DeleteRecordsCommand",
		"kafka-producer-perf-test": tools + "ProducerPerformance",
		"kafka-consumer-perf-test": tools + "ConsumerPerformance",
		"kafka-transactions":       tools + "TransactionsCommand",
		"kafka-storage":            "kafka.tools.StorageTool",
	}
}

// Run runs a tool, such as kafka-topics, or a class by its name, with in as its
// standard input, and returns what it printed on its standard output. The test
// fails where the tool does, or takes more than five minutes.
func (k *KafkaTools) Run(t testing.TB, in, tool string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startLimit)
	defer cancel()
	out, err := k.run(ctx, in, tool, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Command is a tool, ready to be run.
func (k *KafkaTools) Command(ctx context.Context, tool string, args ...string) *exec.Cmd {
	class, ok := toolClasses()[tool]
	if !ok {
		class = tool
	}
	return k.command(ctx, "WARN", []string{"-Xmx128m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"}, class, args...)
}

func (k *KafkaTools) run(ctx context.Context, in, tool string, args ...string) (string, error) {
	// The first compiler is enough for a process that lives for seconds.
	cmd := k.Command(ctx, tool, args...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(in), &out, &errs
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s%s", tool, strings.Join(args, " "), err, &errs, &out)
	}
	return out.String(), nil
}

// Kafka is a cluster of Apache Kafka (KRaft), each node of which is a broker and
// a controller. Its nodes have the ids 1, 2, …
type Kafka struct {
	Tools *KafkaTools
	nodes []*kafkaNode

	more   func(*kafkaNode) string // settings behind the usual ones
	format []string                // flags of kafka-storage format
}

type kafkaNode struct {
	id                 int
	broker, controller int // ports
	dir                string
	server             *server
}

// startLimit is how long a cluster may take to be ready on a busy machine: three nodes
// take 40 s of a processor's time. A tool of Java may take as long.
const startLimit = 5 * time.Minute

var errPortTaken = errors.New("a port was taken meanwhile")

// StartKafka starts a cluster of Apache Kafka and returns when all its nodes are
// ready. It ends with the test. Three nodes are the least of which one may fail.
// settings (NAME=VALUE) count before the usual ones.
func StartKafka(t testing.TB, nodes int, settings ...string) *Kafka {
	t.Helper()
	return startKafka(t, nodes, Kafka{more: func(*kafkaNode) string { return strings.Join(settings, "\n") }})
}

func startKafka(t testing.TB, nodes int, like Kafka) *Kafka {
	t.Helper()
	like.Tools = NewKafkaTools(t)
	for try := 1; ; try++ {
		k := &like
		k.nodes = nil
		err := k.start(t, nodes)
		if err == nil {
			return k
		}
		if strings.Contains(err.Error(), "UnsupportedClassVersionError") {
			t.Skipf("%s, and %s is older", javaFor, k.Tools.java)
		}
		if !errors.Is(err, errPortTaken) || try == 3 {
			t.Fatal(err)
		}
		t.Logf("start again: %v", err)
	}
}

func (k *Kafka) start(t testing.TB, nodes int) error {
	ports, err := freePorts(t, 2*nodes)
	if err != nil {
		return err
	}
	dir := t.TempDir()
	for i := range nodes {
		k.nodes = append(k.nodes, &kafkaNode{id: i + 1, broker: ports[2*i], controller: ports[2*i+1],
			dir: filepath.Join(dir, "n"+strconv.Itoa(i+1))})
	}
	// After the folder was made: it is removed when the nodes are gone.
	t.Cleanup(func() { k.close(t) })
	ctx, cancel := context.WithTimeoutCause(t.Context(), startLimit, fmt.Errorf("%v are over", startLimit))
	defer cancel()
	if err := k.formatAll(ctx); err != nil {
		return err
	}
	for _, n := range k.nodes {
		if err := k.startNode(n); err != nil {
			return err
		}
	}
	for _, n := range k.nodes {
		if err := n.server.wait(ctx); err != nil {
			if strings.Contains(err.Error(), "Address already in use") {
				err = errors.Join(errPortTaken, err)
			}
			return errors.Join(err, k.kill())
		}
	}
	return nil
}

// formatAll prepares the folders of the nodes.
func (k *Kafka) formatAll(ctx context.Context) error {
	cluster, err := clusterID()
	if err != nil {
		return err
	}
	results := make(chan error)
	for _, n := range k.nodes {
		go func() {
			err := os.MkdirAll(n.dir, 0o777)
			if err == nil {
				err = os.WriteFile(n.properties(), k.properties(n), 0o666)
			}
			if err == nil {
				_, err = k.Tools.run(ctx, "", "kafka-storage", append([]string{"format", "-t", cluster, "-c", n.properties()}, k.format...)...)
			}
			results <- err
		}()
	}
	for range k.nodes {
		err = errors.Join(err, <-results)
	}
	return err
}

// clusterID makes an id as Kafka prints them: not with a '-' in front, which
// tools take for a flag.
func clusterID() (string, error) {
	var b [16]byte
	for {
		if _, err := rand.Read(b[:]); err != nil {
			return "", err
		}
		if id := base64.RawURLEncoding.EncodeToString(b[:]); id[0] != '-' {
			return id, nil
		}
	}
}

func (n *kafkaNode) properties() string { return filepath.Join(n.dir, "server.properties") }

// properties are a node's settings: those of a small cluster, and short times, so
// that a node's death is seen in seconds.
func (k *Kafka) properties(n *kafkaNode) []byte {
	var voters []string
	for _, v := range k.nodes {
		voters = append(voters, fmt.Sprintf("%d@%s", v.id, loopback(v.controller)))
	}
	copies, more := min(len(k.nodes), 3), ""
	if k.more != nil {
		more = k.more(n)
	}
	return fmt.Appendf(nil, `process.roles=broker,controller
node.id=%d
controller.quorum.voters=%s
listeners=PLAINTEXT://%[3]s,CONTROLLER://%[4]s
advertised.listeners=PLAINTEXT://%[3]s
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs=%[5]s
default.replication.factor=%[6]d
offsets.topic.replication.factor=%[6]d
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=%[6]d
transaction.state.log.num.partitions=4
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=%[6]d
share.coordinator.state.topic.min.isr=1
min.insync.replicas=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=500
broker.session.timeout.ms=4000
broker.heartbeat.interval.ms=1000
log.cleaner.dedupe.buffer.size=16777216
%[7]s`, n.id, strings.Join(voters, ","), loopback(n.broker), loopback(n.controller), filepath.ToSlash(filepath.Join(n.dir, "logs")), copies, more)
}

func (k *Kafka) startNode(n *kafkaNode) error {
	cmd := k.Tools.command(context.Background(), "INFO", []string{"-Xms128m", "-Xmx384m", "-XX:+UseG1GC"}, "kafka.Kafka", n.properties())
	var err error
	n.server, err = startServer(fmt.Sprintf("Kafka's node %d", n.id), "Kafka Server started", cmd)
	return err
}

// KillNode ends a node by SIGKILL, so that its partitions get other leaders. Nodes
// count from 1.
func (k *Kafka) KillNode(t testing.TB, id int) {
	t.Helper()
	if err := k.nodes[id-1].server.kill(); err != nil {
		t.Fatalf("kill node %d: %v", id, err)
	}
}

// StartNode starts a node again that was killed, and returns when it is ready.
func (k *Kafka) StartNode(t testing.TB, id int) {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), startLimit, fmt.Errorf("%v are over", startLimit))
	defer cancel()
	n := k.nodes[id-1]
	if err := k.startNode(n); err != nil {
		t.Fatal(err)
	}
	if err := n.server.wait(ctx); err != nil {
		t.Fatalf("start node %d: %v", id, err)
	}
}

// Brokers are the addresses of the nodes.
func (k *Kafka) Brokers() []string {
	var list []string
	for _, n := range k.nodes {
		list = append(list, loopback(n.broker))
	}
	return list
}

// Bootstrap is the addresses of the nodes as flags take them: with commas.
func (k *Kafka) Bootstrap() string { return strings.Join(k.Brokers(), ",") }

// Stop ends all nodes at once, without a farewell: their data are thrown away,
// and nodes that leave in order wait for each other. The end of the test does it
// otherwise.
func (k *Kafka) Stop(t testing.TB) {
	t.Helper()
	if err := k.kill(); err != nil {
		t.Errorf("end Kafka: %v", err)
	}
}

func (k *Kafka) kill() error {
	var err error
	for _, n := range k.nodes {
		if n.server != nil {
			err = errors.Join(err, n.server.kill())
		}
	}
	return err
}

func (k *Kafka) close(t testing.TB) {
	k.Stop(t)
	if !t.Failed() {
		return
	}
	for _, n := range k.nodes {
		if n.server != nil {
			t.Logf("the last lines of %s:\n%s", n.server.name, n.server.log.tail())
		}
	}
}
