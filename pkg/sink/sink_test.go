package sink

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logpipe/logpipe/pkg/channel"
	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/kafka"
	"github.com/logpipe/logpipe/pkg/logpipetest"
)

func configure[C any](t *testing.T, build func(*flume.Properties) C, settings ...string) C {
	t.Helper()
	return logpipetest.Configure(t, build, settings...)
}

// TestLoggerFormat holds lines that a real Flume 1.11 printed.
func TestLoggerFormat(t *testing.T) {
	pad := func(hex string) string { return fmt.Sprintf("%-48s", hex+" ") }
	tests := []struct {
		name    string
		headers flume.Headers
		body    string
		most    int
		want    string
	}{
		{"line", nil, "hello\r", 16, "{ headers:{} body: 68 65 6C 6C 6F 0D                               hello. }"},
		{"empty", nil, "", 16, "{ headers:{} body: }"},
		{"bytes beyond ASCII", nil, "größe 中文", 16, "{ headers:{} body: " + pad("67 72 C3 B6 C3 9F 65 20 E4 B8 AD E6 96 87") + "gr....e ...... }"},
		{"cut at 16", nil, "0123456789abcdefgh", 16, "{ headers:{} body: 30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66 0123456789abcdef }"},
		{"control characters", nil, "tab\tnul\x00esc\x1b~\x7f", 16, "{ headers:{} body: " + pad("74 61 62 09 6E 75 6C 00 65 73 63 1B 7E 7F") + "tab.nul.esc.~. }"},
		{"more rows", nil, "The quick brown fox jumps over t", 64,
			"{ headers:{} body: 54 68 65 20 71 75 69 63 6B 20 62 72 6F 77 6E 20 The quick brown \n" +
				"00000010 66 6F 78 20 6A 75 6D 70 73 20 6F 76 65 72 20 74 fox jumps over t }"},
		{"headers in HashMap order", flume.Headers{{Key: "timestamp", Value: "1"}, {Key: "host", Value: "a"}, {Key: "key", Value: "k"}}, "x", 16,
			"{ headers:{host=a, key=k, timestamp=1} body: " + pad("78") + "x }"},
	}
	for _, test := range tests {
		e := flume.Event{Headers: test.headers, Body: []byte(test.body)}
		if got := string(appendEvent(nil, &e, test.most)); got != test.want {
			t.Errorf("%s:\n got %q\nwant %q", test.name, got, test.want)
		}
	}
}

func TestLoggerLine(t *testing.T) {
	var out bytes.Buffer
	s := configure(t, NewLogger, "maxBytesToLog=4")
	s.Open(flume.Env{Stdout: &out})
	if err := s.Write(t.Context(), []flume.Event{{Body: []byte("abcdef")}, {}}); err != nil {
		t.Fatal(err)
	}
	want := regexp.MustCompile(`^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} \(SinkRunner-PollingRunner-DefaultSinkProcessor\) ` +
		`\[INFO - org\.apache\.flume\.sink\.LoggerSink\.process\(LoggerSink\.java:95\)\] Event: \{ headers:\{\} body: 61 62 63 64 {37}abcd \}\n` +
		`.* Event: \{ headers:\{\} body: \}\n$`)
	if !want.MatchString(out.String()) {
		t.Fatalf("printed %q", out.String())
	}
}

func TestLoggerEndsWithItsReader(t *testing.T) {
	s := configure(t, NewLogger)
	s.Open(flume.Env{Stdout: failingWriter{}})
	var fatal *flume.FatalError
	if err := s.Write(t.Context(), make([]flume.Event, 1)); !errors.As(err, &fatal) || !errors.Is(err, io.ErrClosedPipe) {
		t.Fatalf("error %v", err)
	}
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

// recorder is a sink that fails as long as it is told to.
type recorder struct {
	failures int
	bodies   []string
	times    []time.Time
}

func (r *recorder) Open(flume.Env) error { return nil }
func (r *recorder) Close() error         { return nil }
func (r *recorder) Write(_ context.Context, batch []flume.Event) error {
	r.times = append(r.times, time.Now())
	if r.failures > 0 {
		r.failures--
		return errors.New("server down")
	}
	for _, e := range batch {
		r.bodies = append(r.bodies, string(e.Body))
	}
	return nil
}

func TestRunnerBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := configure(t, channel.NewMemory)
		c.Put(t.Context(), []flume.Event{{Body: []byte("a")}, {Body: []byte("b")}})
		c.Drain()
		var told []string
		sink := &recorder{failures: 7}
		r := NewRunner(c, []*Member{{Sink: sink}}, nil, func(f string, args ...any) { told = append(told, fmt.Sprintf(f, args...)) })
		if err := r.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		var pauses []time.Duration
		for i := 1; i < len(sink.times); i++ {
			pauses = append(pauses, sink.times[i].Sub(sink.times[i-1])/time.Second)
		}
		if got := fmt.Sprint(pauses); got != "[1ns 2ns 3ns 4ns 5ns 5ns 5ns]" {
			t.Fatalf("pauses in seconds: %s", got)
		}
		if strings.Join(sink.bodies, "") != "ab" || r.members[0].Delivered() != 2 || c.Size() != 0 {
			t.Fatalf("delivered %q, %d; left %d", sink.bodies, r.members[0].Delivered(), c.Size())
		}
		if len(told) != 4 || told[3] != "delivers again" {
			t.Fatalf("told %q", told)
		}
	})
}

func TestRunnerKeepsWhatItCannotDeliver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := configure(t, channel.NewMemory)
		c.Put(t.Context(), make([]flume.Event, 3))
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		r := NewRunner(c, []*Member{{Sink: &recorder{failures: 1000}}}, nil, func(string, ...any) {})
		if err := r.Run(ctx); err != nil {
			t.Fatal(err)
		}
		if c.Size() != 3 || r.members[0].Delivered() != 0 {
			t.Fatalf("left %d", c.Size())
		}
	})
}

// fakeProducer stands for pkg/kafka.
type fakeProducer struct {
	sent  []kafka.Record
	fail  error
	flush int
}

func (f *fakeProducer) SendFor(_ context.Context, r kafka.Record, _ *kafka.Receipt) error {
	if f.fail != nil {
		return f.fail
	}
	f.sent = append(f.sent, r)
	return nil
}
func (f *fakeProducer) Flush(context.Context) error { f.flush++; return nil }
func (f *fakeProducer) Close() error                { return nil }

func TestKafkaRecords(t *testing.T) {
	tests := []struct {
		name     string
		settings []string
		headers  flume.Headers
		want     string
	}{
		{"new names", []string{"kafka.bootstrap.servers=b:1", "kafka.topic=t"}, nil, "t -1 <nil> body []"},
		{"old names", []string{"brokerList=b:1", "topic=t"}, nil, "t -1 <nil> body []"},
		{"default topic", []string{"brokerList=b:1"}, nil, "default-flume-topic -1 <nil> body []"},
		{"headers", []string{"topic=t"}, flume.Headers{{Key: "topic", Value: "u"}, {Key: "key", Value: "k"}}, "u -1 k body []"},
		{"topic fixed", []string{"topic=t", "allowTopicOverride=false"}, flume.Headers{{Key: "topic", Value: "u"}}, "t -1 <nil> body []"},
		{"topic header renamed", []string{"topicHeader=to"}, flume.Headers{{Key: "to", Value: "u"}}, "u -1 <nil> body []"},
		{"topic from a header", []string{"topic=log-%{dc}-x"}, flume.Headers{{Key: "dc", Value: "east"}}, "log-east-x -1 <nil> body []"},
		{"partition", []string{"topic=t", "defaultPartitionId=2", "partitionIdHeader=p"}, nil, "t 2 <nil> body []"},
		{"partition header", []string{"topic=t", "defaultPartitionId=2", "partitionIdHeader=p"}, flume.Headers{{Key: "p", Value: "4"}}, "t 4 <nil> body []"},
		{"record headers", []string{"topic=t", "header.a=x", "header.b=y"}, flume.Headers{{Key: "b", Value: "2"}, {Key: "a", Value: "1"}}, "t -1 <nil> body [x=1 y=2]"},
	}
	for _, test := range tests {
		s := configure(t, NewKafka, test.settings...).(*Kafka)
		fake := &fakeProducer{}
		s.connect = func(context.Context) (producer, error) { return fake, nil }
		s.Open(flume.Env{})
		if err := s.Write(t.Context(), []flume.Event{{Headers: test.headers, Body: []byte("body")}}); err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		if got := describe(fake.sent[0]); got != test.want || fake.flush != 1 {
			t.Errorf("%s: sent %s, want %s", test.name, got, test.want)
		}
	}
}

func describe(r kafka.Record) string {
	key := "<nil>"
	if r.Key != nil {
		key = string(r.Key)
	}
	headers := []string{}
	for _, h := range r.Headers {
		headers = append(headers, h.Key+"="+string(h.Value))
	}
	return fmt.Sprintf("%s %d %s %s %v", r.Topic, r.Partition, key, r.Value, headers)
}

func TestPluginKafka(t *testing.T) {
	s := configure(t, NewPluginKafka, "metadata.broker.list=127.0.0.1:9092", "partition.key=0",
		"partitioner.class=org.apache.flume.plugins.SinglePartition", "custom.topic.name=test13").(*Kafka)
	fake := &fakeProducer{}
	s.connect = func(context.Context) (producer, error) { return fake, nil }
	if err := s.Write(t.Context(), make([]flume.Event, 1)); err != nil {
		t.Fatal(err)
	}
	if got := describe(fake.sent[0]); got != "test13 0 0  []" || fake.sent[0].Value == nil {
		t.Fatalf("sent %s", got)
	}
}

func TestKafkaFailures(t *testing.T) {
	s := configure(t, NewKafka, "topic=t", "partitionIdHeader=p").(*Kafka)
	down := errors.New("connection refused")
	s.connect = func(context.Context) (producer, error) { return nil, down }
	if err := s.Write(t.Context(), make([]flume.Event, 1)); !errors.Is(err, down) {
		t.Fatalf("error %v", err)
	}
	fake := &fakeProducer{fail: errors.New("too large")}
	s.connect = func(context.Context) (producer, error) { return fake, nil }
	if err := s.Write(t.Context(), make([]flume.Event, 1)); !errors.Is(err, fake.fail) || fake.flush != 1 {
		t.Fatalf("error %v, %d flushes", err, fake.flush)
	}
	fake.fail = nil
	bad := []flume.Event{{Headers: flume.Headers{{Key: "p", Value: "x"}}}}
	if err := s.Write(t.Context(), bad); err == nil {
		t.Fatal("a partition that is no number was sent")
	}
}

func TestKafkaCheck(t *testing.T) {
	tests := []struct{ setting, want string }{
		{"kafka.topic=t", ""},
		{"kafka.bootstrap.servers= , ", "no broker"},
		{"useFlumeEventFormat=true", ""},
		{"kafka.producer.security.protocol=SASL_SSL", "GSSAPI"},
		{"kafka.producer.security.protocol=SSL", ""},
		{"kafka.producer.retries=3", ""},
	}
	for _, test := range tests {
		problems := configure(t, NewKafka, "brokerList=b:9092", test.setting).(flume.Checker).Check()
		if len(problems) > 1 || (test.want == "") != (len(problems) == 0) {
			t.Errorf("%s: %v", test.setting, problems)
			continue
		}
		if test.want != "" && (!strings.Contains(problems[0].Message, test.want) || problems[0].Fix == "") {
			t.Errorf("%s: %v", test.setting, problems)
		}
	}
}

func TestTypesAreDescribed(t *testing.T) {
	for _, typ := range Types() {
		if typ.New == nil {
			continue
		}
		var p flume.Properties
		typ.New(&p)
		for _, q := range p.All() {
			if q.Help == "" {
				t.Errorf("%s.%s has no help", typ.Name(), q.Name)
			}
		}
	}
}

// A full device is told, not swallowed.
func TestLoggerFullDevice(t *testing.T) {
	f, err := os.OpenFile(filepath.FromSlash("/dev/full"), os.O_WRONLY, 0)
	if err != nil {
		t.Skip("no /dev/full here")
	}
	defer f.Close()
	s := configure(t, NewLogger)
	s.Open(flume.Env{Stdout: f})
	if err := s.Write(t.Context(), make([]flume.Event, 1)); err == nil {
		t.Fatal("no error")
	}
}

func bodies(texts ...string) []flume.Event {
	var all []flume.Event
	for _, text := range texts {
		all = append(all, flume.Event{Body: []byte(text)})
	}
	return all
}
