package serializer

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/logpipe/logpipe/pkg/avrofile"
	"github.com/logpipe/logpipe/pkg/flume"
)

const pageSchema = ` { "type": "record", "name": "Page",
 "fields": [ {"name": "url", "type": "string"}, {"name": "n", "type": "int"} ] } `

const pageText = `{"type":"record","name":"Page","fields":[{"name":"url","type":"string"},{"name":"n","type":"int"}]}`

// page is a datum of pageSchema.
func page(url string, n int64) []byte {
	return avrofile.AppendLong(append(avrofile.AppendLong(nil, int64(len(url))), url...), n)
}

func event(body []byte, headers ...string) *flume.Event {
	e := &flume.Event{Body: body}
	for i := 0; i < len(headers); i += 2 {
		e.Headers.Set(headers[i], headers[i+1])
	}
	return e
}

// TestSchema holds where the schema of an event comes from: the header with an
// address wins, then the header with the text, then the property.
func TestSchema(t *testing.T) {
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		switch r.URL.Path {
		case "/page":
			io.WriteString(w, pageSchema)
		case "/bad":
			io.WriteString(w, "{}")
		case "/busy":
			w.WriteHeader(http.StatusServiceUnavailable)
		case "/big":
			w.Write(make([]byte, mostSchema+1))
		default:
			http.NotFound(w, r)
		}
	}))
	defer server.Close()
	path := filepath.Join(t.TempDir(), "page.avsc")
	if err := os.WriteFile(path, []byte(pageSchema), 0o666); err != nil {
		t.Fatal(err)
	}
	const long = `"long"`
	one := page("/", 1)
	tests := []struct {
		property string
		event    *flume.Event
		want     string // the schema, or a part of the error
		later    bool   // it may be read later
	}{
		{"", event(one, schemaLiteralHeader, pageSchema), pageText, false},
		{"", event(one, schemaURLHeader, server.URL+"/page"), pageText, false},
		{"", event(one, schemaURLHeader, server.URL+"/page", schemaLiteralHeader, long), pageText, false},
		{server.URL + "/page", event(one), pageText, false},
		{"file://" + path, event(one), pageText, false},
		{"file:" + path, event(one), pageText, false},
		{"file://" + path, event([]byte{2}, schemaLiteralHeader, long), long, false},

		{"", event(one), "the event has no schema: neither header flume.avro.schema.literal nor", false},
		{"", event(one, schemaHashHeader, "x"), "set deserializer.schemaType = LITERAL at the source", false},
		{"", event(one, schemaLiteralHeader, "{"), "schema: unexpected end", false},
		{"", event(one[:1], schemaLiteralHeader, pageSchema), "no datum of its schema: it ends too early", false},
		{"", event(append(one, 0), schemaLiteralHeader, pageSchema), "no datum of its schema: 1 bytes follow it", false},
		{"", event(one, schemaURLHeader, server.URL+"/none"), "there is no schema http://", false},
		{"", event(one, schemaURLHeader, "file://"+path+".none"), "there is no schema file://", false},
		{"", event(one, schemaURLHeader, server.URL+"/bad"), "schema: ", false},
		{"", event(one, schemaURLHeader, "page.avsc"), "no address of a schema", false},
		{"", event(one, schemaURLHeader, server.URL+"/busy"), "the server answers 503", true},
		{"", event(one, schemaURLHeader, server.URL+"/big"), "more than 1048576 bytes", true},
		{"", event(one, schemaURLHeader, "http://127.0.0.1:1/page"), "read the schema http://127.0.0.1:1/page: ", true},
	}
	for _, test := range tests {
		settings := []string{"serializer=org.apache.flume.sink.hdfs.AvroEventSerializer$Builder"}
		if test.property != "" {
			settings = append(settings, "serializer.schemaURL="+test.property)
		}
		s, problems := configure(t, settings...)
		if len(problems) > 0 || !s.NeedsSchema() {
			t.Fatal(problems)
		}
		for range 2 {
			schema, err := s.Schema(t.Context(), test.event)
			if got := schema.Text(); err == nil && got != test.want || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("%q %v: %s, %v", test.property, test.event.Headers, got, err)
			}
			if later := errors.As(err, new(*FetchError)); later != test.later {
				t.Errorf("%q %v: it can be read later: %t", test.property, test.event.Headers, later)
			}
		}
	}
	if asked != 3+2*4 {
		t.Errorf("the server was asked %d times: what was read is asked for again", asked)
	}
	s, _ := configure(t, "serializer=text")
	if schema, err := s.Schema(t.Context(), event(nil)); schema != nil || err != nil {
		t.Error(schema, err)
	}
}

// TestAvroDatums reads bodies back as records of their schema.
func TestAvroDatums(t *testing.T) {
	s, _ := configure(t, "serializer=avro_datum", "serializer.compressionCodec=deflate")
	schema, err := s.Schema(t.Context(), event(page("/a", 1), schemaLiteralHeader, pageSchema))
	if err != nil {
		t.Fatal(err)
	}
	data := write(t, s.New(schema), flume.Event{Body: page("/a", 1)}, flume.Event{Body: page("/b", -2)})
	r, err := avrofile.NewReader(bytes.NewReader(data))
	if err != nil || string(r.Meta("avro.schema")) != pageText || r.Codec() != "deflate" {
		t.Fatalf("%v, schema %s", err, r.Meta("avro.schema"))
	}
	b, err := r.Next()
	if err != nil || b.Count != 2 {
		t.Fatal(b.Count, err)
	}
	plain, err := avrofile.Unpack("deflate", b.Data)
	if err != nil || !bytes.Equal(plain, append(page("/a", 1), page("/b", -2)...)) {
		t.Errorf("%q %v", plain, err)
	}
	if n, err := s.Whole(bytes.NewReader(data[:len(data)-1]), int64(len(data)-1)); err != nil || n != r.Begin() {
		t.Error(n, err)
	}
	if got := s.New(nil).Begin(nil); len(got) > 0 {
		t.Errorf("a file without an event has %d bytes", len(got))
	}
}

func TestSchemaURL(t *testing.T) {
	for _, bad := range []string{"event.avsc", "ftp://h/x", "http:/x", "file://host/x"} {
		if _, problems := configure(t, "serializer=avro_datum", "serializer.schemaURL="+bad); len(problems) != 1 || problems[0].Property != "serializer.schemaURL" {
			t.Errorf("%s: %v", bad, problems)
		}
	}
}
