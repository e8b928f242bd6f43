package catalog

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/broker"
	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/kafka"
	"github.com/logpipe/logpipe/pkg/stream"
)

// cluster starts an embedded broker and returns the words that name it.
func cluster(t *testing.T) string {
	t.Helper()
	// No retention takes records with old times away, however long a test takes.
	b, err := broker.Start(t.Context(), broker.Config{Listen: "127.0.0.1:0", Cleanup: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Errorf("close broker: %v", err)
		}
	})
	return " -b " + b.Addr()[0]
}

func testEnv() *stream.Env {
	return &stream.Env{Now: time.Now, Log: slog.New(slog.DiscardHandler)}
}

// openSource opens the pipeline text's source.
func openSource(t *testing.T, text string) stream.Source {
	t.Helper()
	p, err := Parse("", text, nil)
	if err != nil {
		t.Fatal(err)
	}
	src, err := p.Source().Open(t.Context(), testEnv())
	if err != nil {
		t.Fatal(err)
	}
	return src
}

func closeSource(t *testing.T, src stream.Source) {
	t.Helper()
	if err := src.(io.Closer).Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

// openSink opens the pipeline text's sink.
func openSink(t *testing.T, text string) stream.Sink {
	t.Helper()
	p, err := Parse("", text, nil)
	if err != nil {
		t.Fatal(err)
	}
	sink, err := p.Sink().Open(t.Context(), testEnv())
	if err != nil {
		t.Fatal(err)
	}
	return sink
}

func write(t *testing.T, sink stream.Sink, lines string) {
	t.Helper()
	if err := stream.WriteDurably(t.Context(), sink, []byte(lines)); err != nil {
		t.Fatal(err)
	}
}

func readBlock(t *testing.T, src stream.Source) *stream.Block {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		b, err := src.Read(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if len(b.Data) > 0 { // else it tells of a new session
			return b
		}
	}
}

// What is in a group's offsets is what was acknowledged, no more.
func TestConsumeCommits(t *testing.T) {
	b := cluster(t)
	sink := openSink(t, "produce t"+b)
	consume := "consume t -g g -o beginning" + b
	write(t, sink, "1\n2\n")
	src := openSource(t, consume)
	block := readBlock(t, src)
	if string(block.Data) != "1\n2\n" || block.Name != "t/0" || block.Line != 1 {
		t.Errorf("%q from %s:%d", block.Data, block.Name, block.Line)
	}
	block.Ack(nil)
	write(t, sink, "3\n")
	if block = readBlock(t, src); string(block.Data) != "3\n" || block.Line != 3 {
		t.Errorf("%q from line %d", block.Data, block.Line)
	}
	block.Ack(stream.ErrStop) // nobody took it
	closeSource(t, src)

	src = openSource(t, consume)
	if block = readBlock(t, src); string(block.Data) != "3\n" {
		t.Errorf("%q after the restart", block.Data)
	}
	block.Ack(nil)
	closeSource(t, src)

	src = openSource(t, consume+" -e")
	if _, err := src.Read(t.Context()); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
	closeSource(t, src)
	if err := sink.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// --tz is the zone of times without one, and of those that are printed.
func TestConsumeInZone(t *testing.T) {
	b := cluster(t)
	sink := openSink(t, "produce t -J"+b)
	write(t, sink, `{"timestamp":"2026-11-20T09:30:00Z","value":"early"}`+"\n"+`{"timestamp":"2026-11-20T11:30:00Z","value":"late"}`+"\n")
	if err := sink.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	p, err := Parse("", "consume t -J -o @2026-11-20T11:00:@2026-11-20T12:00"+b, nil)
	if err != nil {
		t.Fatal(err)
	}
	env := testEnv()
	env.Location = time.FixedZone("", 7200)
	src, err := p.Source().Open(t.Context(), env)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"topic":"t","partition":0,"offset":0,"timestamp":"2026-11-20T11:30:00.000+02:00","key":null,"headers":[],"value":"early"}` + "\n"
	if got := readBlock(t, src); string(got.Data) != want {
		t.Errorf("%s", got.Data)
	}
	closeSource(t, src)
	p, err = Parse("", "consume t -o @2026-11-20T10:00:00Z:@2026-11-20T11:00"+b, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Source().Open(t.Context(), env); fault.CodeOf(err) != fault.Usage {
		t.Errorf("a range that ends before its start: %v", err)
	}
}

// Every record of a topic passes a pipeline, the large and the many too.
func TestProduceConsumeRun(t *testing.T) {
	b := cluster(t)
	var in strings.Builder
	for i := range 30_000 {
		fmt.Fprintf(&in, "%d\r\n", i)
	}
	in.WriteString(strings.Repeat("x", 900_000) + "\n\n")
	sink := openSink(t, "produce t --compression zstd"+b)
	write(t, sink, in.String())
	if err := sink.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	u := mustLookup(t, "consume").New()
	args, _, err := ParseOptions(&u.Settings, strings.Fields("t -o beginning -e"+b))
	if err != nil {
		t.Fatal(err)
	}
	part, err := u.Build(args)
	if err != nil {
		t.Fatal(err)
	}
	p := Single(part)
	src, err := p.Source().Open(t.Context(), testEnv())
	if err != nil {
		t.Fatal(err)
	}
	var out collected
	ledger, err := stream.Run(t.Context(), stream.Pipeline{Source: src, Stages: p.Stages(), Sink: &out}, stream.Options{Env: testEnv()})
	if err != nil || ledger.Out != 30_002 || out.String() != in.String() {
		t.Errorf("%d records of %d bytes, want %d bytes; %v", ledger.Out, out.Len(), in.Len(), err)
	}
	closeSource(t, src)
}

type collected struct{ strings.Builder }

func (c *collected) Write(_ context.Context, lines []byte) error {
	c.Builder.Write(lines)
	return nil
}

func (c *collected) Close(context.Context) error { return nil }

func mustLookup(t *testing.T, name string) Command {
	t.Helper()
	c, ok := Lookup(name)
	if !ok {
		t.Fatalf("no command %s", name)
	}
	return c
}

func TestEnvelope(t *testing.T) {
	at := time.Date(2026, 11, 20, 10, 0, 0, 5e6, time.FixedZone("", 3600))
	for _, c := range []struct {
		record kafka.Record
		want   string
	}{
		{kafka.Record{Topic: "t", Partition: 2, Offset: 7, Time: at, Key: []byte("k"), Value: []byte(`a"b`)},
			`{"topic":"t","partition":2,"offset":7,"timestamp":"2026-11-20T09:00:00.005Z","key":"k","headers":[],"value":"a\"b"}`},
		{kafka.Record{Topic: "t", Time: time.UnixMilli(-1)},
			`{"topic":"t","partition":0,"offset":0,"timestamp":null,"key":null,"headers":[],"value":null}`},
		{kafka.Record{Topic: "t", Key: []byte{}, Value: []byte("\xff\x00"), Headers: []kafka.Header{{Key: "h", Value: []byte("1")}, {Key: "h"}, {Key: "\xfe", Value: []byte{}}}},
			`{"topic":"t","partition":0,"offset":0,"timestamp":null,"key":"","headers":[{"key":"h","value":"1"},{"key":"h","value":null},{"key":{"$b64":"/g=="},"value":""}],"value":{"$b64":"/wA="}}`},
	} {
		got := appendEnvelope(nil, &c.record)
		if string(got) != c.want || !json.Valid(got) {
			t.Errorf("%s\nwant\n%s", got, c.want)
		}
	}
}

func FuzzEnvelope(f *testing.F) {
	f.Add([]byte("key"), []byte("value\n"))
	f.Add([]byte("\xff"), []byte("{\"$b64\":\"\"}"))
	f.Fuzz(func(t *testing.T, key, value []byte) {
		got := appendEnvelope(nil, &kafka.Record{Topic: "t", Key: key, Value: value, Headers: []kafka.Header{{Key: string(key), Value: value}}})
		var back struct{ Key, Value any }
		if err := json.Unmarshal(got, &back); err != nil {
			t.Fatalf("%s: %v", got, err)
		}
		for _, c := range []struct {
			in  []byte
			out any
		}{{key, back.Key}, {value, back.Value}} {
			var b []byte
			switch v := c.out.(type) {
			case string:
				b = []byte(v)
			case map[string]any:
				if err := json.Unmarshal([]byte(fmt.Sprintf("%q", v["$b64"])), &b); err != nil {
					t.Fatal(err)
				}
			}
			if string(b) != string(c.in) {
				t.Fatalf("%q came back as %q in %s", c.in, b, got)
			}
		}
	})
}

func TestKafkaSettings(t *testing.T) {
	settings := func(u *Use, words string) error {
		_, given, err := ParseOptions(&u.Settings, strings.Fields(words))
		if err == nil && !strings.Contains(strings.Join(given, " "), "brokers") {
			err = u.Settings.Lookup("brokers").Value.Set("env:1,env:2")
		}
		return err
	}
	for words, want := range map[string]string{
		"":                               "env:1 env:2",
		"-b a:1":                         "a:1",
		"--brokers a:1,b:2":              "a:1 b:2",
		"--bootstrap-server a:1":         "a:1",
		"--broker-list a:1,b:2":          "a:1 b:2",
		"--bootstrap-server a:1 -b b:2":  "a:1",
		"-b b:2 --bootstrap-server=a:1 ": "a:1",
	} {
		b := new(consumeBuilder)
		u := Command{Source: func() SourceBuilder { return b }}.New()
		if err := settings(u, words); err != nil {
			t.Errorf("%s: %v", words, err)
		}
		if got := strings.Join(b.kafka.Config(nil).Brokers, " "); got != want {
			t.Errorf("%s: %s, want %s", words, got, want)
		}
	}
	for words, hint := range map[string]string{"-b ,": "", "--zookeeper z:2181": "-b HOST:9092", "--sasl GSSAPI": "use one of plain, scram-sha-256", "--sasl kerberos": "use one of plain"} {
		err := settings(mustLookup(t, "produce").New(), words)
		if fault.CodeOf(err) != fault.Usage || !strings.Contains(fault.HintOf(err), hint) {
			t.Errorf("%s: %v, hint %q", words, err, fault.HintOf(err))
		}
	}
}
