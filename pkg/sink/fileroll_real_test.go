package sink

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/avrofile"
	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/flumerpc"
	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// TestRealFileRollBesideFlume holds that a real Flume writes the same bytes by
// each serializer, but for the random marker of Avro files and what a packer
// makes of a block.
func TestRealFileRollBesideFlume(t *testing.T) {
	formats := []string{
		"sink.serializer=TEXT", "sink.serializer=text sink.serializer.appendNewline=false", "sink.serializer=HEADER_AND_TEXT",
		"sink.serializer=avro_event", "sink.serializer=avro_event sink.serializer.compressionCodec=deflate",
		"sink.serializer=org.apache.flume.serialization.FlumeEventAvroEventSerializer$Builder sink.serializer.compressionCodec=snappy sink.serializer.syncIntervalBytes=100",
	}
	var events []flume.Event
	for i := range 20 {
		events = append(events, flume.Event{Body: fmt.Appendf(nil, "event %d \xff größe", i),
			Headers: flume.Headers{{Key: "timestamp", Value: "1"}, {Key: "host", Value: "a"}, {Key: "key", Value: "größe"},
				{Key: "Facility", Value: "4"}, {Key: "b", Value: ""}, {Key: "r", Value: ""}, {Key: "Severity", Value: "2"}}[:i%8],
			Copied: flume.AsCopied(i % 8)}) // as by an avro source
	}
	besideFlume(t, formats, events)
}

// TestRealAvroDatumsBesideFlume does so where bodies are Avro's already.
func TestRealAvroDatumsBesideFlume(t *testing.T) {
	const class = "sink.serializer=org.apache.flume.sink.hdfs.AvroEventSerializer$Builder"
	path := filepath.Join(t.TempDir(), "text.avsc")
	if err := os.WriteFile(path, []byte(`"string"`), 0o666); err != nil {
		t.Fatal(err)
	}
	var events []flume.Event
	for i := range 20 {
		events = append(events, datum(`"string"`, fmt.Sprint("datum ", i)))
	}
	besideFlume(t, []string{class, class + " sink.serializer.compressionCodec=deflate", class + " sink.serializer.compressionCodec=bzip2"}, events)
	for i := range events {
		events[i] = datum("", fmt.Sprint("datum ", i))
	}
	besideFlume(t, []string{class + " sink.serializer.schemaURL=file://" + path}, events)
}

// besideFlume writes events by file_roll here and in a real Flume.
func besideFlume(t *testing.T, formats []string, events []flume.Event) {
	t.Helper()
	tools := logpipetest.NewFlumeTools(t)
	root := t.TempDir()
	var conf strings.Builder
	port := logpipetest.FreePort(t)
	var channels, sinks string
	for i, format := range formats {
		channels, sinks = channels+fmt.Sprint(" c", i), sinks+fmt.Sprint(" k", i)
		folder := filepath.Join(root, fmt.Sprint(i))
		if err := os.Mkdir(folder, 0o777); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&conf, "a1.channels.c%[1]d.type=memory\na1.sinks.k%[1]d.type=file_roll\na1.sinks.k%[1]d.channel=c%[1]d\na1.sinks.k%[1]d.sink.directory=%[2]s\na1.sinks.k%[1]d.sink.rollInterval=0\n", i, folder)
		for _, setting := range strings.Fields(format) {
			fmt.Fprintf(&conf, "a1.sinks.k%d.%s\n", i, setting)
		}
	}
	fmt.Fprintf(&conf, "a1.sources=r1\na1.sources.r1.type=avro\na1.sources.r1.bind=127.0.0.1\na1.sources.r1.port=%d\na1.sources.r1.channels=%s\na1.channels=%s\na1.sinks=%s\n", port, channels, channels, sinks)
	tools.Start(t, conf.String(), "Component type: SOURCE, name: r1 started")
	c, err := flumerpc.Dial(t.Context(), flumerpc.Config{Address: fmt.Sprintf("127.0.0.1:%d", port), Connect: time.Minute, Request: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Append(t.Context(), events); err != nil {
		t.Fatal(err)
	}
	for i, format := range formats {
		folder := t.TempDir()
		s := configure(t, NewFileRoll, append(strings.Fields(format), "sink.directory="+folder, "sink.rollInterval=0")...)
		s.(flume.Checker).Check()
		if err := s.Open(flume.Env{}); err != nil {
			t.Fatal(err)
		}
		if err := s.Write(t.Context(), events); err != nil {
			t.Fatal(err)
		}
		s.Close()
		_, ours := rolled(t, folder)
		var theirs []string
		same := false
		for wait := time.Now().Add(time.Minute); !same && time.Now().Before(wait); time.Sleep(50 * time.Millisecond) {
			_, theirs = rolled(t, filepath.Join(root, fmt.Sprint(i)))
			same = slices.Equal(plainAvro(ours), plainAvro(theirs))
		}
		if !same {
			t.Errorf("%s:\nours   %q\ntheirs %q", format, plainAvro(ours), plainAvro(theirs))
		}
	}
}

// plainAvro takes what is random and what is packed out of Avro files: it
// returns the header without the marker, and the records of all blocks.
func plainAvro(texts []string) (all []string) {
	for _, text := range texts {
		r, err := avrofile.NewReader(strings.NewReader(text))
		if err != nil {
			all = append(all, text)
			continue
		}
		all = append(all, text[:r.Begin()-avrofile.SyncSize])
		var records bytes.Buffer
		for {
			b, err := r.Next()
			if err != nil {
				break
			}
			plain, err := avrofile.Unpack(r.Codec(), b.Data)
			if err != nil {
				return append(all, err.Error())
			}
			records.Write(plain)
		}
		all = append(all, records.String())
	}
	return all
}
