package catalog

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/broker"
	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/kafka"
	"github.com/logpipe/logpipe/pkg/logpipetest"
	"github.com/logpipe/logpipe/pkg/record"
	"github.com/logpipe/logpipe/pkg/stream"
)

func TestProduceWords(t *testing.T) {
	for words, want := range map[string]string{
		"t":             "t: ",
		"t a b":         "t: a b",
		"--topic t a b": "t: a b",
		"a --topic=t":   "t: a",
	} {
		b := new(produceBuilder)
		u := Command{Sink: func() SinkBuilder { return b }}.New()
		args, _, err := ParseOptions(&u.Settings, strings.Fields(words))
		if err != nil {
			t.Fatal(err)
		}
		part, err := u.Build(args)
		if got := strings.Join(b.topics, " ") + ": " + strings.Join(part.Files, " "); err != nil || got != want {
			t.Errorf("%s: %s, %v", words, got, err)
		}
		if part.Sink == nil || part.Stage == nil {
			t.Errorf("%s: sink %v, stage %v", words, part.Sink, part.Stage)
		}
	}
}

func TestKeyOf(t *testing.T) {
	field, err := record.NewField("k")
	if err != nil {
		t.Fatal(err)
	}
	deep, err := record.NewField("a.b")
	if err != nil {
		t.Fatal(err)
	}
	key := func(line string, f *record.Field) ([]byte, error) {
		data := append([]byte(line+"\n"), make([]byte, record.Padding)...)[:len(line)+1]
		var r record.Record
		r.Reset(nil, new(record.Arena))
		if _, err := record.NewScanner().Scan(data, 0, &r); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		return keyOf(&r, f)
	}
	for text, want := range map[string]string{
		`"a"`: "a", `""`: "", `"\u00fc\n"`: "ü\n", `"\ud83d\ude00"`: "😀", "\"\xff\"": "\xff", "\"\xff\\t\"": "\xff\t",
		`7`: "7", `-0`: "-0", `1.50`: "1.50", `1e3`: "1e3", `18446744073709551617`: "18446744073709551617", `true`: "true",
		`{"a":1}`: `{"a":1}`, `[1]`: "[1]",
	} {
		for line, f := range map[string]*record.Field{`{"k":` + text + `}`: field, `{"a":{"b":` + text + `}}`: deep} {
			if got, err := key(line, f); got == nil || string(got) != want || err != nil {
				t.Errorf("%s: %q (nil: %v), %v, want %q", line, got, got == nil, err, want)
			}
		}
	}
	for _, line := range []string{`{"k":null}`, `{"j":1}`} {
		if got, err := key(line, field); got != nil || err != nil {
			t.Errorf("%s: %q, %v", line, got, err)
		}
	}
	for _, text := range []string{`"\ud800"`, `"\ud800\ud800"`, `"\udc00x"`, `"x\ud800\n"`} {
		if got, err := key(`{"k":`+text+`}`, field); !errors.Is(err, record.ErrSurrogate) {
			t.Errorf("%s: %q, %v", text, got, err)
		}
	}
}

// A record that is too large is refused where its line is known, whatever it
// has become of it before.
func TestProduceTooLarge(t *testing.T) {
	s := &produceSink{produceBuilder: new(produceBuilder)}
	s.limit.Store(100)
	operator, err := s.Parallel(testEnv())
	if err != nil {
		t.Fatal(err)
	}
	check := func(name string, want bool, make func(r *record.Record)) {
		t.Helper()
		b := stream.NewBatch()
		make(b.New())
		var kept int
		if err := operator.Process(b, func(b *stream.Batch) error { kept = len(b.Records); return nil }); err != nil {
			t.Fatal(err)
		}
		if kept == 1 != want {
			t.Errorf("%s: kept %d", name, kept)
		}
		var large *kafka.TooLargeError
		if !want && (len(b.Rejected) != 1 || !errors.As(b.Rejected[0].Err, &large) || large.Limit != 100) {
			t.Errorf("%s: %v", name, b.Rejected)
		}
	}
	line := func(n int) func(r *record.Record) {
		return func(r *record.Record) { r.Reset([]byte(strings.Repeat("x", n)), &record.Arena{}) }
	}
	check("small", true, line(10))
	check("just right", true, line(100-61-7)) // what Kafka counts beside the value
	check("too large", false, line(100-61-6))
	check("grown", false, func(r *record.Record) {
		line := []byte(`{"a":1}` + "\n" + strings.Repeat("\x00", record.Padding))
		r.Reset(nil, &record.Arena{})
		if _, err := record.NewScanner().Scan(line, 0, r); err != nil {
			t.Fatal(err)
		}
		r.Set(record.Intern("b"), record.StringValue([]byte(strings.Repeat("y", 80))))
	})
	if n := s.tooLarge.Load(); n != 2 {
		t.Errorf("%d refused", n)
	}
}

// A broker that goes away for good ends the sending with what was not
// acknowledged.
func TestProduceBrokerGone(t *testing.T) {
	// Nobody else takes its port when it is gone.
	b, err := broker.Start(t.Context(), broker.Config{Listen: logpipetest.OwnAddress(t)})
	if err != nil {
		t.Fatal(err)
	}
	sink := openSink(t, "produce t -b "+b.Addr()[0])
	write(t, sink, "1\n2\n")
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if err := sink.Write(t.Context(), []byte("3\n")); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	sink.(stream.Early).After(func(err error) { ended <- err })
	select {
	case err := <-ended:
		t.Fatalf("the record counts as sent: %v", err)
	case <-time.After(100 * time.Millisecond): // it is being repeated
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	closeErr := sink.Close(over)
	if err := <-ended; err == nil && closeErr == nil {
		t.Error("no error for the last record")
	}
	s := sink.(Summarizer)
	if !s.Incomplete() || s.Summary() != `2 records acknowledged in topic "t"; 1 record read and not acknowledged` {
		t.Errorf("%v, %s", s.Incomplete(), s.Summary())
	}
}

func TestProduceUnreachable(t *testing.T) {
	p, err := Parse("", "produce t -b 127.0.0.1:1", nil)
	if err != nil {
		t.Fatal(err)
	}
	logpipetest.Prompt(t, time.Second, func() { _, err = p.Sink().Open(t.Context(), testEnv()) })
	if fault.CodeOf(err) != fault.Unreachable || !strings.Contains(fault.HintOf(err), "logpipe broker") {
		t.Errorf("%v, hint %q", err, fault.HintOf(err))
	}
}
