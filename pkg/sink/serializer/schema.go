package serializer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/logpipe/logpipe/pkg/avrofile"
	"github.com/logpipe/logpipe/pkg/filesystem"
	"github.com/logpipe/logpipe/pkg/flume"
)

// The headers by which the events of Flume's AvroEventSerializer tell their
// schema, and the one of which it knows nothing.
const (
	schemaURLHeader     = "flume.avro.schema.url"
	schemaLiteralHeader = "flume.avro.schema.literal"
	schemaHashHeader    = "flume.avro.schema.hash"
)

const (
	mostSchema   = 1 << 20 // bytes of one
	mostSchemas  = 1000    // that are remembered
	fetchTimeout = 10 * time.Second
)

// Schema is that of all events of one file.
type Schema struct {
	text  string // without blanks
	shape *avrofile.Schema
}

// Text is the schema in JSON; "" of no schema.
func (s *Schema) Text() string {
	if s == nil {
		return ""
	}
	return s.text
}

// FetchError says that a schema cannot be read now.
type FetchError struct {
	URL string
	Err error
}

func (e *FetchError) Error() string { return fmt.Sprintf("read the schema %s: %v", e.URL, e.Err) }

// Unwrap returns what happened.
func (e *FetchError) Unwrap() error { return e.Err }

// schemas remembers schemas by their address or their text.
type schemas struct {
	mu   sync.Mutex
	seen map[string]*Schema
}

// Schema finds the schema of an event: by the address in its header, by the
// text in its header, or by schemaURL. It is nil where the format needs none. A
// *FetchError is about the schema; all other errors are about the event, which
// has none, or whose body is no datum of it.
func (s *Settings) Schema(ctx context.Context, e *flume.Event) (*Schema, error) {
	if s.kind != AvroDatum {
		return nil, nil
	}
	schema, err := s.find(ctx, e)
	if err != nil {
		return nil, err
	}
	n, err := schema.shape.Skip(e.Body)
	if err == nil && n < len(e.Body) {
		err = fmt.Errorf("%d bytes follow it", len(e.Body)-n)
	}
	if err != nil {
		return nil, fmt.Errorf("the body is no datum of its schema: %w", err)
	}
	return schema, nil
}

func (s *Settings) find(ctx context.Context, e *flume.Event) (*Schema, error) {
	if address, there := e.Headers.Get(schemaURLHeader); there {
		return s.fetched(ctx, address)
	}
	if text, there := e.Headers.Get(schemaLiteralHeader); there {
		return s.schemas.get(text, func() ([]byte, error) { return []byte(text), nil })
	}
	if s.schemaURL != "" {
		return s.fetched(ctx, s.schemaURL)
	}
	if _, there := e.Headers.Get(schemaHashHeader); there {
		return nil, fmt.Errorf("the event tells only the hash of its schema: set deserializer.schemaType = LITERAL at the source, or %s.schemaURL here", s.name)
	}
	return nil, fmt.Errorf("the event has no schema: neither header %s nor header %s; set %s.schemaURL for those without", schemaLiteralHeader, schemaURLHeader, s.name)
}

func (s *Settings) fetched(ctx context.Context, address string) (*Schema, error) {
	return s.schemas.get(address, func() ([]byte, error) { return fetch(ctx, address) })
}

// get returns a schema that was seen before, or reads it.
func (all *schemas) get(key string, read func() ([]byte, error)) (*Schema, error) {
	all.mu.Lock()
	defer all.mu.Unlock()
	if s := all.seen[key]; s != nil {
		return s, nil
	}
	text, err := read()
	if err != nil {
		return nil, err
	}
	s := new(Schema)
	if s.shape, err = avrofile.ParseSchema(text); err != nil {
		return nil, err
	}
	var plain bytes.Buffer
	if err := json.Compact(&plain, text); err != nil {
		return nil, err
	}
	s.text = plain.String()
	if all.seen == nil || len(all.seen) >= mostSchemas {
		all.seen = map[string]*Schema{}
	}
	all.seen[strings.Clone(key)] = s // its memory is the event's
	return s, nil
}

// fetch reads a schema. That it is not there is no matter of time.
func fetch(ctx context.Context, address string) (text []byte, err error) {
	if err := checkSchemaURL(address); err != nil {
		return nil, err
	}
	ctx, done := context.WithTimeout(ctx, fetchTimeout)
	defer done()
	if scheme, _, _ := strings.Cut(address, ":"); strings.EqualFold(scheme, "http") || strings.EqualFold(scheme, "https") {
		text, err = fetchHTTP(ctx, address)
	} else {
		text, err = filesystem.ReadFile(ctx, address, filesystem.Config{Timeout: fetchTimeout}, mostSchema)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("there is no schema %s", address)
	case err != nil:
		return nil, &FetchError{address, err}
	}
	return text, nil
}

func fetchHTTP(ctx context.Context, address string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	switch answer.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound, http.StatusGone:
		return nil, fs.ErrNotExist
	default:
		return nil, fmt.Errorf("the server answers %s", answer.Status)
	}
	text, err := io.ReadAll(io.LimitReader(answer.Body, mostSchema+1))
	if len(text) > mostSchema {
		err = fmt.Errorf("it has more than %d bytes", mostSchema)
	}
	return text, err
}

// checkSchemaURL refuses what no schema can be read from.
func checkSchemaURL(address string) error {
	u, err := url.Parse(address)
	if err != nil {
		return fmt.Errorf("%q is no address of a schema", address)
	}
	switch u.Scheme {
	case "http", "https":
		if u.Host != "" {
			return nil
		}
	case "file", "hdfs", "webhdfs", "swebhdfs":
		if _, _, err := filesystem.Split(address); err == nil {
			return nil
		}
	}
	return fmt.Errorf("%q is no address of a schema: it begins with http://, https://, hdfs://, webhdfs:// or file:///", address)
}
