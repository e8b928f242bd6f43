package catalog

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/kafka"
	"github.com/logpipe/logpipe/pkg/op"
	"github.com/logpipe/logpipe/pkg/option"
	"github.com/logpipe/logpipe/pkg/stream"
)

// consumeCommand describes the source of a topic's records.
func consumeCommand() Command {
	return Command{
		Name: "consume", Group: Move,
		Usage: "consume <TOPIC>…",
		Short: "read records from Kafka topics",
		Long: "Each record's value is a line; a value with newlines in it is several, which -J avoids. Reading begins " +
			"at the end unless -o says otherwise: beginning, end, 100 (that offset), -100 (the last 100 of each " +
			"partition), @2026-11-20T10:00 or @-1h. Behind a colon stands the place before which it ends: 100:200, " +
			":end (where the topic ends now), @-2h:@-1h, @2026-11-20:1h (an hour of it). +100 is the hundredth behind the beginning, or the end of a " +
			"partition that has fewer; a bare offset past the end of each is an error. kcat's s@TIME and e@TIME " +
			"are understood. A topic that does not exist is not created. A TOPIC that begins with ^ is a regular expression: " +
			"all topics that match are read, and those that come later from their first record on.\n\n" +
			"Records of transactions are printed when these are committed, and never where they were aborted; with --isolation " +
			"uncommitted all are. --key, --header and --grep choose records; -n counts those that are chosen, and a group is " +
			"committed past the others.\n\n" +
			"With -g the partitions are shared with the other members of the group, and reading goes on where the " +
			"group has committed; -o counts only where it has not. What has been written is committed, ten times a " +
			"second at most and at the end; in `run` behind a stage that keeps records back, such as aggregate, at the end.\n\n" +
			"Messages about a record name it as topic/partition:number; its offset is one less.",
		Examples: []op.Example{{
			Note:    "a broker for this one line",
			Command: `logpipe broker -- sh -c 'echo hello | logpipe produce greetings; logpipe consume greetings -o beginning -e'`,
			Output:  "hello\n",
		}, {
			Note: "share the work with other members of the group, and go on after a restart",
			Command: `logpipe broker -- sh -c '
  printf "one\ntwo\nthree\n" | logpipe produce clicks
  logpipe consume clicks -g heat -o beginning -n 2
  echo restart
  logpipe consume clicks -g heat -e'`,
			Output: "one\ntwo\nrestart\nthree\n",
		}, {
			Note: "the last two records of each partition with all that Kafka knows of them (but the time)",
			Command: `logpipe broker -- sh -c 'printf "one\ntwo\nthree\n" | logpipe produce clicks; logpipe consume clicks -o -2 -e -J' |
  logpipe drop timestamp`,
			Output: `{"topic":"clicks","partition":0,"offset":1,"key":null,"headers":[],"value":"two"}
{"topic":"clicks","partition":0,"offset":2,"key":null,"headers":[],"value":"three"}
`,
		}, {
			Note: "what is chosen of each record, in the words of kcat; only records with such a key",
			Command: `logpipe broker -- sh -c '
  printf "%s\n" "{\"key\":\"user-1\",\"value\":\"one\"}" "{\"key\":\"order-1\",\"value\":\"two\"}" | logpipe produce clicks -J
  logpipe consume clicks -o beginning -e --key "user-*" -f "%p/%o %k: %s\n"'`,
			Output: "0/0 user-1: one\n",
		}, {
			Note: "all topics that match",
			Command: `logpipe broker -- sh -c '
  for t in clicks-de clicks-fr users; do echo $t | logpipe produce $t; done
  logpipe consume "^clicks-" -o beginning -e | sort'`,
			Output: "clicks-de\nclicks-fr\n",
		}},
		Source: func() SourceBuilder { return new(consumeBuilder) },
	}
}

type consumeBuilder struct {
	kafka     Kafka
	topics    []string
	chosen    []string // partitions
	included  []string // regular expressions, as the Java tool takes them
	beginning bool
	envelope  bool
	isolation string
	format    recordFormat
	filter    recordFilter
	chooses   *recordFilter // nil = all
	count     int64
	span      kafka.Range
	o         kafka.ConsumerConfig
	marks     bool
	every     time.Duration // between marks
	idle      time.Duration
	session   bool // --session-timeout was given
}

func (b *consumeBuilder) Options(s *option.Set) {
	b.kafka.Options(s)
	s.String(&b.o.Group, "group,g", "", "share the partitions with this consumer `group`, and commit")
	s.Add("offset,o", &b.span, "`where` to begin, and to end: beginning, end, N, -N, +N, @TIME, @-1h, START:END, :end")
	s.Bool(&b.o.ExitAtEnd, "exit,e", "end where the topic ended when reading began")
	s.Int64(&b.count, "count,n", 0, "end after this `number` of records; 0 = no limit")
	s.Bool(&b.envelope, "envelope,J", "a JSON object with topic, partition, offset, timestamp, key, headers and value")
	s.Add("format,f", &b.format, "print each record so: %s value, %k key, %h headers, %t topic, %p partition, %o offset, %T time in ms …; \\n ends a line, nothing else does")
	b.filter.options(s)
	levels := []string{"committed", "uncommitted"}
	s.Add("isolation", &isolation{&b.isolation}, "with `uncommitted` also the records of transactions that are open or aborted").Words = levels
	s.Add("isolation-level", &isolation{&b.isolation}, "the same as --isolation").Hidden = true
	s.Strings(&b.included, "include", "the same as ^REGEX").Hidden = true
	s.Strings(&b.included, "whitelist", "the same as ^REGEX").Hidden = true
	s.Bool(&b.beginning, "from-beginning", "the same as -o beginning")
	s.Int64(&b.count, "max-messages,c", 0, "the same as --count").Hidden = true
	s.Bool(&b.marks, "marks", "write marks between the records: the end of the pipe commits what it is done with (`logpipe help marks`)")
	s.Duration(&b.every, "mark-every", time.Second, "how often a mark is written while records come")
	s.Duration(&b.idle, "idle", 30*time.Second, "a partition that is silent for so long holds back no window; 0 = it does for ever")
	s.String(&b.o.Instance, "instance", "", "static membership: a member that comes back under this `NAME` keeps its partitions")
	b.o.Session = 10 * time.Second
	s.Add("session-timeout", &noted{(*option.Duration)(&b.o.Session), &b.session}, "a member that is silent for this long loses its partitions")
	s.Strings(&b.chosen, "partition,p", "read only these `partitions`, 0,1,…")
	topicFlag(s, &b.topics)
	without(s, "consumer,C", "unbuffered,u")
	foreign(s, consumerFlags())
}

func (b *consumeBuilder) Build(args []string) (Source, error) {
	b.name(append(slices.Clone(b.topics), args...))
	switch {
	case len(b.o.Topics)+len(b.o.Patterns) == 0:
		return nil, fault.Hint(fault.Usagef("consume: say which topic"), "logpipe topic list shows the topics")
	case b.count < 0:
		return nil, fault.Usagef("consume: --count: want a number of records, not %d", b.count)
	case b.envelope && b.format.text != "":
		return nil, fault.Usagef("consume: --format and --envelope contradict each other")
	case b.format.raw && b.marks:
		return nil, fault.Hint(fault.Usagef("consume: --marks stand between lines, and --format %q ends none", b.format.text), `write \n at its end`)
	case b.beginning && b.span.From != kafka.End && b.span.From != kafka.Beginning:
		return nil, fault.Usagef("consume: --from-beginning and -o %s contradict each other", &b.span)
	case b.beginning:
		b.span.From = kafka.Beginning
	}
	b.o.Same = b.marks // those of the old topic would commit offsets of the new one
	b.o.Open = b.isolation == "uncommitted"
	var err error
	if b.chooses, err = b.filter.build(); err != nil {
		return nil, err
	}
	if b.chooses == nil {
		b.o.MaxRecords = b.count
	}
	for _, text := range b.chosen {
		n, err := strconv.ParseInt(text, 10, 32)
		if err != nil || n < 0 {
			return nil, fault.Usagef("consume: --partition: want the number of a partition, not %q", text)
		}
		b.o.Partitions = append(b.o.Partitions, int32(n))
	}
	if len(b.chosen) > 0 && b.o.Group != "" {
		return nil, fault.Usagef("consume: --partition and --group contradict each other: a group shares out all partitions")
	}
	if err := b.checkMarks(); err != nil {
		return nil, err
	}
	return &consumeSource{b}, nil
}

// name takes the words of topics: one that begins with ^ is a regular
// expression.
func (b *consumeBuilder) name(words []string) {
	for _, word := range words {
		list := &b.o.Topics
		if strings.HasPrefix(word, "^") {
			list = &b.o.Patterns
		}
		if !slices.Contains(*list, word) {
			*list = append(*list, word)
		}
	}
	for _, text := range b.included {
		b.o.Patterns = append(b.o.Patterns, "^(?:"+text+")$")
	}
}

// isolation is the value of --isolation; Kafka's own words for it are understood.
type isolation struct{ level *string }

func (v *isolation) Set(text string) error {
	level := strings.TrimPrefix(text, "read_")
	if level != "committed" && level != "uncommitted" {
		return fmt.Errorf("want committed or uncommitted, not %q", text)
	}
	*v.level = level
	return nil
}

func (v *isolation) String() string {
	if *v.level == "" {
		return "committed"
	}
	return *v.level
}
func (v *isolation) Type() string { return "word" }

// noted is a value that remembers whether it was given, be it the default.
type noted struct {
	option.Value
	given *bool
}

func (v *noted) Set(text string) error {
	*v.given = true
	return v.Value.Set(text)
}

// checkMarks finds what contradicts itself in the flags of groups and of marks.
func (b *consumeBuilder) checkMarks() error {
	switch {
	case b.marks && b.o.Group == "":
		return fault.Hint(fault.Usagef("consume: --marks needs a group: marks say what it is to commit"), "-g NAME")
	case b.every <= 0:
		return fault.Usagef("consume: --mark-every: want a duration longer than nothing, not %s", option.FormatDuration(b.every))
	case b.o.Group == "" && b.o.Instance != "":
		return fault.Hint(fault.Usagef("consume: --instance has no effect without a group: it names a member of one"), "-g NAME")
	case b.o.Group == "" && b.session:
		return fault.Hint(fault.Usagef("consume: --session-timeout has no effect without a group: it is for the members of one"), "-g NAME")
	case b.o.Session < time.Second:
		return fault.Usagef("consume: --session-timeout: want 1s or more, not %s", option.FormatDuration(b.o.Session))
	case b.idle < 0:
		return fault.Usagef("consume: --idle: want a duration, or 0 for ever, not %s", option.FormatDuration(b.idle))
	}
	return nil
}

// consumeSource opens topics.
type consumeSource struct{ *consumeBuilder }

// Live tells whether it waits for new records.
func (s *consumeSource) Live() bool { return !s.o.ExitAtEnd && s.span.Live() }

// Exact tells that lines leave as they came where no stage follows.
func (s *consumeSource) Exact() {}

func (s *consumeSource) Open(ctx context.Context, env *stream.Env) (stream.Source, error) {
	o, zone := s.o, env.Location
	if zone == nil {
		zone = time.UTC
	}
	span := s.span.In(zone)
	if err := span.Check(); err != nil {
		return nil, err
	}
	o.From, o.Until = span.From, span.Until
	c, err := kafka.NewConsumer(ctx, s.kafka.Config(env.Log), o)
	if err != nil {
		return nil, err
	}
	in := &consumed{consumer: c, zone: zone, group: s.o.Group, marks: s.marks, envelope: s.envelope, chooses: s.chooses, free: make(chan []byte, 16)}
	if s.format.text != "" {
		in.format = &s.format
	}
	if s.chooses != nil {
		in.left = s.count
		in.passed = &passed{open: map[place]int{}, after: map[place]kafka.Batch{}}
	}
	if s.o.Group != "" && !s.marks {
		in.commits = newCommits(c, env)
	}
	return newMarking(in, s.consumeBuilder, env), nil
}
