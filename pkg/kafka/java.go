package kafka

import (
	"log/slog"
	"strings"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
)

// Flume's components pass the properties below kafka.producer. and
// kafka.consumer. on to Kafka's Java clients. Those that change what is sent,
// read or promised are mapped; those that tune the Java client are known and have
// no effect.

// JavaProducer holds the settings of a Java producer.
type JavaProducer struct {
	acks, compression, client string
	linger, timeout           time.Duration
	limit, buffer             int
	idempotent                bool
	security                  JavaSecurity
}

// Describe describes the settings, whose names begin with prefix; it returns the
// property of acks.
func (j *JavaProducer) Describe(p *flume.Properties, prefix, acks string) *flume.Property {
	answer := p.Choice(&j.acks, prefix+"acks", acks, []string{"all", "-1", "1", "0"}, "which brokers answer")
	p.Choice(&j.compression, prefix+"compression.type", "none", []string{"none", "gzip", "snappy", "lz4", "zstd"}, "compression of batches")
	p.Duration(&j.linger, prefix+"linger.ms", 0, time.Millisecond, "how long to wait for more records to fill a request")
	p.Int(&j.limit, prefix+"max.request.size", 1<<20, 1, "largest record").In("bytes")
	p.Int(&j.buffer, prefix+"buffer.memory", 32<<20, 1, "records on their way").In("bytes")
	p.Duration(&j.timeout, prefix+"delivery.timeout.ms", DefaultTimeout, time.Millisecond, "how long a record is tried before its batch begins anew")
	p.Bool(&j.idempotent, prefix+"enable.idempotence", true, "with acks all, no retry writes a record twice")
	p.String(&j.client, prefix+"client.id", "", "name in the brokers' logs")
	j.security.Describe(p, prefix)
	describeUnused(p, prefix, unusedByProducers)
	return answer
}

// Config is the way to the cluster; what is to be told goes to logf.
func (j *JavaProducer) Config(brokers string, logf func(string, ...any)) Config {
	return Config{Brokers: Addresses(brokers), ClientID: j.client, Logger: tellTo(logf), Security: j.security.Security()}
}

// Producer is how records are sent.
func (j *JavaProducer) Producer() ProducerConfig {
	return ProducerConfig{Acks: j.acks, Compression: j.compression, MaxMessageBytes: j.limit, BufferBytes: int64(j.buffer),
		Linger: j.linger, Timeout: j.timeout, MayRepeat: !j.idempotent}
}

// Acks is all, -1, 1 or 0.
func (j *JavaProducer) Acks() string { return j.acks }

// Check finds what cannot be done.
func (j *JavaProducer) Check(prefix string) []flume.Problem { return j.security.Check(prefix) }

// Survey reads the files that the settings name.
func (j *JavaProducer) Survey(prefix string) []flume.Problem { return j.security.Survey(prefix) }

// Survey reads the files that the settings name.
func (j *JavaConsumer) Survey(prefix string) []flume.Problem { return j.security.Survey(prefix) }

// JavaConsumer holds the settings of a Java consumer that is a member of a group.
type JavaConsumer struct {
	group, from, client, instance string
	session                       time.Duration
	fetch                         int
	isolation                     string
	security                      JavaSecurity
	reset                         *flume.Property
}

// Describe describes the settings, whose names begin with prefix; it returns the
// property of the group.
func (j *JavaConsumer) Describe(p *flume.Properties, prefix, group, from string) *flume.Property {
	name := p.String(&j.group, prefix+"group.id", group, "the group of consumers that share the topic")
	j.reset = p.Choice(&j.from, prefix+"auto.offset.reset", from, []string{"earliest", "latest", "none"},
		"where to begin where the group has committed nothing")
	p.Duration(&j.session, prefix+"session.timeout.ms", 10*time.Second, time.Millisecond, "when a silent member is taken for dead")
	p.String(&j.instance, prefix+"group.instance.id", "", "a member that keeps its partitions over a restart")
	p.Int(&j.fetch, prefix+"max.partition.fetch.bytes", 4<<20, 1, "asked of a partition at once").In("bytes")
	p.Choice(&j.isolation, prefix+"isolation.level", "read_uncommitted", []string{"read_uncommitted", "read_committed"},
		"whether records of open and aborted transactions are read too")
	p.String(&j.client, prefix+"client.id", "", "name in the brokers' logs")
	j.security.Describe(p, prefix)
	describeUnused(p, prefix, unusedByConsumers)
	return name
}

// Config is the way to the cluster; what is to be told goes to logf.
func (j *JavaConsumer) Config(brokers string, logf func(string, ...any)) Config {
	return Config{Brokers: Addresses(brokers), ClientID: j.client, Logger: tellTo(logf), Security: j.security.Security()}
}

// Consumer is how topics are read.
func (j *JavaConsumer) Consumer(topics ...string) ConsumerConfig {
	from := Beginning
	if j.from == "latest" {
		from = End
	}
	return ConsumerConfig{Topics: topics, Group: j.group, From: from, FetchBytes: int32(min(j.fetch, 1<<30)),
		Session: j.session, Instance: j.instance, Open: j.isolation == "read_uncommitted"}
}

// BeginAtEnd is the older way to say auto.offset.reset, which counts where that
// is not set.
func (j *JavaConsumer) BeginAtEnd(yes bool) {
	if j.reset.IsSet() {
		return
	}
	if j.from = "earliest"; yes {
		j.from = "latest"
	}
}

// Check finds what cannot be done.
func (j *JavaConsumer) Check(prefix string) []flume.Problem {
	all := j.security.Check(prefix)
	if j.from == "none" {
		all = append(all, flume.Problem{Property: prefix + "auto.offset.reset", Message: "with none a new group reads nothing",
			Fix: "write earliest or latest"})
	}
	return all
}

// Addresses cuts a list of brokers at commas and blanks.
func Addresses(brokers string) []string {
	return strings.FieldsFunc(brokers, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' })
}

// CheckBrokers finds what is wrong with a list of brokers, which property names.
func CheckBrokers(property, brokers string) []flume.Problem {
	if brokers == "" {
		return nil // that it is missing is said elsewhere
	}
	problem := flume.Problem{Property: property, Message: "no broker in " + brokers, Fix: "write HOST:PORT,HOST:PORT"}
	for part := range strings.SplitSeq(brokers, ",") {
		if words := strings.Fields(part); len(words) > 1 {
			problem.Message = property + ": brokers are separated by commas, not by blanks"
			problem.Fix = "write " + strings.Join(Addresses(brokers), ",")
			return []flume.Problem{problem}
		}
	}
	list := Addresses(brokers)
	if len(list) > 0 {
		_, err := Config{Brokers: list}.brokers()
		if err == nil {
			return withoutPort(property, list)
		}
		problem.Message = err.Error()
	}
	return []flume.Problem{problem}
}

// withoutPort refuses brokers without a port, which Java's clients refuse.
func withoutPort(property string, list []string) []flume.Problem {
	for _, broker := range list {
		if i := strings.LastIndexByte(broker, ':'); i < 0 || strings.HasSuffix(broker, "]") {
			return []flume.Problem{{Property: property, Message: property + ": " + broker + " has no port, and Flume does not start with that",
				Fix: "write " + broker + ":9092"}}
		}
	}
	return nil
}

// unused are settings without an effect, and why.
type unused struct{ names, why string }

const (
	tunes    = "it tunes the Java client"
	retries  = "a record is tried for delivery.timeout.ms"
	measured = "the agent has its own metrics"
	elsewise = "another property says it"
)

var unusedByClients = []unused{
	{"bootstrap.servers", elsewise},
	{"retry.backoff.ms retry.backoff.max.ms reconnect.backoff.ms reconnect.backoff.max.ms request.timeout.ms " +
		"socket.connection.setup.timeout.ms socket.connection.setup.timeout.max.ms connections.max.idle.ms metadata.max.age.ms " +
		"metadata.recovery.strategy client.dns.lookup send.buffer.bytes receive.buffer.bytes", tunes},
	{"interceptor.classes metric.reporters", "Java classes are not run"},
	{"metrics.num.samples metrics.recording.level metrics.sample.window.ms auto.include.jmx.reporter enable.metrics.push", measured},
}

var unusedByProducers = []unused{
	{"key.serializer value.serializer", "keys are texts and values bytes, as in Flume"},
	{"partitioner.class", "keys choose partitions as in Java's own partitioner"},
	{"transactional.id transaction.timeout.ms", "Flume does not use transactions of Kafka"},
	{"retries", retries},
	{"batch.size max.block.ms max.in.flight.requests.per.connection metadata.max.idle.ms partitioner.ignore.keys " +
		"partitioner.adaptive.partitioning.enable partitioner.availability.timeout.ms compression.gzip.level compression.lz4.level " +
		"compression.zstd.level block.on.buffer.full timeout.ms metadata.fetch.timeout.ms", tunes},
}

var unusedByConsumers = []unused{
	{"key.deserializer value.deserializer", "keys are texts and values bytes, as in Flume"},
	{"enable.auto.commit auto.commit.interval.ms auto.commit.enable", "what was delivered is committed, and nothing else"},
	{"partition.assignment.strategy group.protocol group.remote.assignor", "the range strategy is used"},
	{"heartbeat.interval.ms", "it is a third of session.timeout.ms"},
	{"max.poll.interval.ms max.poll.records", "a slow sink does not end the membership"},
	{"fetch.min.bytes fetch.max.bytes fetch.max.wait.ms check.crcs client.rack allow.auto.create.topics exclude.internal.topics " +
		"default.api.timeout.ms timeout.ms consumer.timeout.ms", tunes},
}

func describeUnused(p *flume.Properties, prefix string, groups []unused) {
	var nowhere string
	for _, list := range [][]unused{groups, unusedByClients} {
		for _, u := range list {
			for _, name := range strings.Fields(u.names) {
				p.String(&nowhere, prefix+name, "", "of Kafka's Java client").Without(u.why)
			}
		}
	}
}

// tellTo is a logger that tells warnings and errors to logf; nil tells nobody.
func tellTo(logf func(string, ...any)) *slog.Logger {
	if logf == nil {
		return nil
	}
	return slog.New(&lines{logf: logf})
}
