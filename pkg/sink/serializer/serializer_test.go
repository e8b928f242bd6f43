package serializer

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/logpipe/logpipe/pkg/avrofile"
	"github.com/logpipe/logpipe/pkg/flume"
)

// configure makes settings from properties of a sink.
func configure(t *testing.T, settings ...string) (*Settings, []flume.Problem) {
	t.Helper()
	var p flume.Properties
	s := new(Settings)
	s.Describe(&p, "serializer")
	for _, setting := range settings {
		name, value, _ := strings.Cut(setting, "=")
		q, _ := p.Lookup(name)
		if q == nil {
			t.Fatalf("no property %q", name)
		}
		if err := q.Assign(name, value); err != nil {
			t.Fatalf("%s: %v", setting, err)
		}
	}
	return s, s.Check()
}

func write(t *testing.T, s Serializer, events ...flume.Event) []byte {
	t.Helper()
	b := s.Begin(nil)
	var err error
	for i := range events {
		if b, err = s.Append(b, &events[i]); err != nil {
			t.Fatal(err)
		}
	}
	if b, err = s.Flush(b); err != nil {
		t.Fatal(err)
	}
	return b
}

var twoEvents = []flume.Event{
	{Headers: flume.Headers{{Key: "timestamp", Value: "1"}, {Key: "host", Value: "a"}, {Key: "key", Value: "k"}}, Body: []byte("one")},
	{Body: []byte("two\xff")},
}

func TestText(t *testing.T) {
	tests := []struct {
		settings []string
		want     string
	}{
		{nil, "one\ntwo\xff\n"},
		{[]string{"serializer=TEXT", "serializer.appendNewline=false"}, "onetwo\xff"},
		{[]string{"serializer=org.apache.flume.serialization.BodyTextEventSerializer$Builder"}, "one\ntwo\xff\n"},
		{[]string{"serializer=HEADER_AND_TEXT"}, "{host=a, key=k, timestamp=1} one\n{} two\xff\n"},
		{[]string{"serializer=header_and_text", "serializer.appendNewline=false"}, "{host=a, key=k, timestamp=1} one{} two\xff"},
		{[]string{"serializer=org.apache.flume.serialization.HeaderAndBodyTextEventSerializer$Builder"}, "{host=a, key=k, timestamp=1} one\n{} two\xff\n"},
	}
	for _, test := range tests {
		s, problems := configure(t, test.settings...)
		if got := string(write(t, s.New(nil), twoEvents...)); got != test.want || len(problems) > 0 {
			t.Errorf("%v: %q %v", test.settings, got, problems)
		}
	}
}

// TestAvroEvent reads the file back, block by block.
func TestAvroEvent(t *testing.T) {
	for _, codec := range []string{"null", "deflate", "bzip2", "snappy"} {
		s, problems := configure(t, "serializer=org.apache.flume.serialization.FlumeEventAvroEventSerializer$Builder", "serializer.compressionCodec="+codec)
		if len(problems) > 0 || s.Kind() != AvroEvent {
			t.Fatal(problems, s.Kind())
		}
		w := s.New(nil)
		data := write(t, w, twoEvents...)
		data, _ = w.Flush(data) // nothing to write: no empty block
		first := len(data)
		data, _ = w.Append(data, &flume.Event{Body: []byte("three")})
		data, _ = w.Flush(data)
		r, err := avrofile.NewReader(bytes.NewReader(data))
		if err != nil || r.Codec() != codec || string(r.Meta("avro.schema")) != eventSchema {
			t.Fatalf("%v, codec %s, schema %s", err, r.Codec(), r.Meta("avro.schema"))
		}
		for _, want := range []string{"\x06\x08host\x02a\x06key\x02k\x12timestamp\x021\x00\x06one\x00\x08two\xff", "\x00\x0athree"} {
			b, err := r.Next()
			if err != nil {
				t.Fatal(err)
			}
			plain, err := avrofile.Unpack(codec, b.Data)
			if err != nil || string(plain) != want {
				t.Errorf("%s: block of %d: %q %v", codec, b.Count, plain, err)
			}
		}
		for cut := range len(data) {
			want := 0
			switch {
			case cut >= first:
				want = first
			case cut >= int(r.Begin()):
				want = int(r.Begin())
			}
			if got, err := s.Whole(bytes.NewReader(data[:cut]), int64(cut)); err != nil || int(got) != want {
				t.Fatalf("of %d bytes %d are whole, want %d", cut, got, want)
			}
		}
	}
}

func TestAvroSyncInterval(t *testing.T) {
	s, _ := configure(t, "serializer=avro_event", "serializer.syncIntervalBytes=32")
	var events []flume.Event
	for i := range 9 {
		events = append(events, flume.Event{Body: fmt.Appendf(nil, "event %03d", i)}) // 11 bytes each
	}
	r, err := avrofile.NewReader(bytes.NewReader(write(t, s.New(nil), events...)))
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if b, err := r.Next(); err != nil || b.Count != 3 {
			t.Fatal(b.Count, err)
		}
	}
}

func TestWholeText(t *testing.T) {
	long := strings.Repeat("x", 100_000)
	for text, want := range map[string]int64{"one\ntw": 4, "one": 0, "": 0, "one\n" + long: 4, long + "\n" + long: 100_001, long + "\n": 100_001} {
		s, _ := configure(t)
		if got, err := s.Whole(strings.NewReader(text), int64(len(text))); err != nil || got != want {
			t.Errorf("%.10q: %d %v", text, got, err)
		}
		s, _ = configure(t, "serializer.appendNewline=false")
		if got, err := s.Whole(strings.NewReader(text), int64(len(text))); err != nil || got != int64(len(text)) {
			t.Errorf("%.10q: %d %v", text, got, err)
		}
	}
}

func TestUnknown(t *testing.T) {
	for _, name := range []string{"csv", "com.example.Mine$Builder"} {
		if _, problems := configure(t, "serializer="+name); len(problems) != 1 || problems[0].Property != "serializer" {
			t.Errorf("%s: %v", name, problems)
		}
	}
}
