package source

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/logpipe/logpipe/pkg/avrofile"
	"github.com/logpipe/logpipe/pkg/flume"
)

// deserializer cuts a file into events.
type deserializer interface {
	// next returns up to about max events, in a slice that is valid until the
	// next call; none = there is nothing more now.
	// end is where to go on once they are stored. final says that the file does
	// not grow any more, so that what is at its end is whole. After a
	// *malformedError nothing more of the file can be read.
	next(max int, final bool) (events []flume.Event, end int64, err error)
}

// malformedError is a place in a file that cannot be read.
type malformedError struct {
	at  int64
	err error
}

func (e *malformedError) Error() string { return fmt.Sprintf("at byte %d: %v", e.at, e.err) }
func (e *malformedError) Unwrap() error { return e.err }

// deserializers are the settings of all of them.
type deserializers struct {
	kind      string
	maxLine   int
	oldMax    int
	output    string
	schema    string
	maxBlob   int
	input     string
	onBad     string
	inCharset charset
	out       charset
	policy    onMalformed
}

const (
	lineDeserializer = "LINE"
	avroDeserializer = "AVRO"
	blobDeserializer = "org.apache.flume.sink.solr.morphline.BlobDeserializer"
)

// deserializerNames are the names that each may be called by.
var deserializerNames = map[string]string{
	"line": lineDeserializer, "org.apache.flume.serialization.linedeserializer": lineDeserializer,
	"avro": avroDeserializer, "org.apache.flume.serialization.avroeventdeserializer": avroDeserializer,
	strings.ToLower(blobDeserializer): blobDeserializer,
}

func (d *deserializers) describe(p *flume.Properties) {
	p.String(&d.kind, "deserializer", lineDeserializer, "how a file is cut into events: LINE, AVRO or "+blobDeserializer+"$Builder")
	p.Int(&d.maxLine, "deserializer.maxLineLength", 2048, 1, "of LINE: a longer line becomes several events").In("characters")
	p.String(&d.output, "deserializer.outputCharset", "UTF-8", "of LINE: how bodies are written")
	p.Choice(&d.schema, "deserializer.schemaType", "HASH", []string{"HASH", "LITERAL"}, "of AVRO: what the header tells of the schema")
	p.Int(&d.maxBlob, "deserializer.maxBlobLength", 100_000_000, 1, "of BlobDeserializer: a longer file becomes several events").In("bytes")
	p.Int(&d.oldMax, "bufferMaxLineLength", 0, 0, "of LINE: older name of deserializer.maxLineLength").In("characters")
	p.String(&d.input, "inputCharset", "UTF-8", "of LINE: how files are written")
	p.Choice(&d.onBad, "decodeErrorPolicy", "FAIL", []string{"FAIL", "REPLACE", "IGNORE"},
		"of LINE: where bytes are no character: leave the rest of the file, put U+FFFD for them, or leave them out")
}

// check completes the settings and finds mistakes.
func (d *deserializers) check() []flume.Problem {
	var all []flume.Problem
	name, known := deserializerNames[strings.ToLower(strings.TrimSuffix(d.kind, "$Builder"))]
	if !known {
		all = append(all, flume.Problem{Property: "deserializer", Message: fmt.Sprintf("unknown deserializer %q", d.kind),
			Fix: "write LINE, AVRO or " + blobDeserializer + "$Builder"})
	} else {
		d.kind = name
	}
	if d.oldMax > 0 {
		d.maxLine = d.oldMax
	}
	d.policy = map[string]onMalformed{"FAIL": malformedFails, "REPLACE": malformedReplaced, "IGNORE": malformedIgnored}[d.onBad]
	var err error
	if d.inCharset, err = newCharset(d.input); err != nil {
		all = append(all, flume.Problem{Property: "inputCharset", Message: err.Error(), Fix: fixCharset})
	}
	if d.out, err = newCharset(d.output); err != nil {
		all = append(all, flume.Problem{Property: "deserializer.outputCharset", Message: err.Error(), Fix: fixCharset})
	}
	return all
}

// open makes a deserializer that goes on at a position. bad is told of
// malformed places that were passed over.
func (d *deserializers) open(r io.ReaderAt, at int64, w *blockWindow, bad func(n int)) (deserializer, error) {
	switch d.kind {
	case avroDeserializer:
		return newAvroRecords(r, at, d.schema)
	case blobDeserializer:
		return &blobs{r, at, d.maxBlob}, nil
	}
	w.clear()
	l := &lines{r: r, at: at, w: w, max: d.maxLine, in: d.inCharset, out: d.out, policy: d.policy, bad: bad}
	var head [4]byte
	n, _ := r.ReadAt(head[:], 0)
	l.at = max(at, int64(l.in.marked(head[:n])))
	return l, nil
}

// blobs makes a file one event.
type blobs struct {
	r   io.ReaderAt
	at  int64
	max int
}

func (b *blobs) next(_ int, final bool) ([]flume.Event, int64, error) {
	if !final {
		return nil, b.at, nil // as long as it may grow
	}
	body, err := io.ReadAll(io.NewSectionReader(b.r, b.at, int64(b.max)))
	if err != nil || len(body) == 0 {
		return nil, b.at, err
	}
	b.at += int64(len(body))
	return []flume.Event{{Body: body}}, b.at, nil
}

// avroRecords makes each record of a container file an event.
type avroRecords struct {
	file   *avrofile.Reader
	schema *avrofile.Schema
	header flume.Header

	data  []byte // of the block, what is not read yet
	left  int    // records in data
	begin int64  // of the block
	end   int64
}

func newAvroRecords(r io.ReaderAt, at int64, schemaType string) (deserializer, error) {
	file, err := avrofile.NewReader(r)
	if err != nil {
		return nil, &malformedError{0, err}
	}
	text := file.Meta("avro.schema")
	schema, err := avrofile.ParseSchema(text)
	if err != nil {
		return nil, &malformedError{0, err}
	}
	a := &avroRecords{file: file, schema: schema, header: flume.Header{Key: "flume.avro.schema.literal", Value: string(text)}}
	if schemaType == "HASH" {
		sum := schema.Fingerprint()
		a.header = flume.Header{Key: "flume.avro.schema.hash", Value: hex.EncodeToString(sum[:])}
	}
	a.end = at + avrofile.SyncSize
	return a, file.SeekSync(at)
}

func (a *avroRecords) next(most int, final bool) ([]flume.Event, int64, error) {
	for a.left == 0 {
		if len(a.data) > 0 {
			return nil, a.at(), &malformedError{a.begin, fmt.Errorf("%d bytes are left over in a block", len(a.data))}
		}
		b, err := a.file.Next()
		switch {
		case err == io.EOF, errors.Is(err, io.ErrUnexpectedEOF) && !final:
			return nil, a.at(), nil
		case err != nil:
			return nil, a.at(), &malformedError{a.end, err}
		}
		if a.data, err = avrofile.Unpack(a.file.Codec(), b.Data); err != nil {
			return nil, a.at(), &malformedError{b.Begin, err}
		}
		if b.Count > len(a.data) && b.Count > mostEmptyRecords {
			return nil, a.at(), &malformedError{b.Begin, fmt.Errorf("a block claims %d records in %d bytes", b.Count, len(a.data))}
		}
		a.left, a.begin, a.end = b.Count, b.Begin, b.End
	}
	events := make([]flume.Event, 0, min(most, a.left))
	for ; len(events) < cap(events) && a.left > 0; a.left-- {
		n, err := a.schema.Skip(a.data)
		if err != nil {
			if len(events) > 0 {
				break // it comes again
			}
			return nil, a.at(), &malformedError{a.begin, err}
		}
		events = append(events, flume.Event{Body: a.data[:n:n], Headers: flume.Headers{a.header}})
		a.data = a.data[n:]
	}
	return events, a.at(), nil
}

// mostEmptyRecords bounds records without a byte in one block.
const mostEmptyRecords = 1 << 20

// at is the marker before what is not read: a position as Flume keeps it.
func (a *avroRecords) at() int64 {
	if a.left > 0 {
		return max(0, a.begin-avrofile.SyncSize)
	}
	return max(0, a.end-avrofile.SyncSize)
}
