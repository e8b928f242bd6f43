package sink

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/logpipe/logpipe/pkg/avrofile"
	"github.com/logpipe/logpipe/pkg/flume"
)

// datum is an event whose body is a text of Avro; "" has no schema.
func datum(schema, text string) flume.Event {
	e := flume.Event{Body: append(avrofile.AppendLong(nil, int64(len(text))), text...)}
	if schema != "" {
		e.Headers.Set("flume.avro.schema.literal", schema)
	}
	return e
}

// records returns the schema and the records of a file of texts.
func records(t *testing.T, text string) string {
	t.Helper()
	if text == "" {
		return "empty"
	}
	r, err := avrofile.NewReader(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	all := string(r.Meta("avro.schema"))
	for {
		b, err := r.Next()
		if err != nil {
			return all
		}
		for data := b.Data; len(data) > 0; {
			n, _ := avrofile.ReadLong(data)
			all += " " + string(data[1:1+n])
			data = data[1+n:]
		}
	}
}

// TestFileRollSchemas holds that each schema gets files of its own, and that no
// file has what nobody could read.
func TestFileRollSchemas(t *testing.T) {
	folder := t.TempDir()
	s := configure(t, NewFileRoll, "sink.directory="+folder, "sink.rollInterval=0",
		"sink.serializer=org.apache.flume.sink.hdfs.AvroEventSerializer$Builder").(*FileRoll)
	if problems := s.Check(); len(problems) > 0 {
		t.Fatal(problems)
	}
	if err := s.Open(flume.Env{}); err != nil {
		t.Fatal(err)
	}
	const a, b = `"string"`, `{"type":"string","doc":"b"}`
	none := datum("", "none")
	if err := s.Write(t.Context(), []flume.Event{none}); err == nil || errors.As(err, new(*RejectedError)) || !strings.Contains(err.Error(), "has no schema") {
		t.Errorf("a file without a schema at all: %v", err)
	}
	disk, writes, plenty := s.file.(*os.File), 0, 1
	s.file = brokenFile{disk, &writes, &plenty, &plenty}
	if err := s.Write(t.Context(), []flume.Event{datum(b, "lost?")}); err == nil {
		t.Error("a full disk is no error")
	}
	s.file = disk
	if err := s.Write(t.Context(), []flume.Event{datum(a, "1")}); err != nil {
		t.Fatal(err)
	}
	half := datum(a, "half")
	half.Body = half.Body[:3]
	err := s.Write(t.Context(), []flume.Event{datum(b, "2"), datum(a, "3"), none, datum(b, "4"), half})
	var rejected *RejectedError
	if !errors.As(err, &rejected) || len(rejected.Events) != 2 || rejected.Events[0].Index != 2 || rejected.Events[1].Index != 4 {
		t.Errorf("%v", err)
	}
	if err := s.Write(t.Context(), []flume.Event{datum(b, "5")}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, texts := rolled(t, folder)
	var got []string
	for _, text := range texts {
		got = append(got, records(t, text))
	}
	if want := fmt.Sprintf("[%s 1 3 %s 2 4 5]", a, b); fmt.Sprint(got) != want {
		t.Errorf("%v, want %s", got, want)
	}
}
