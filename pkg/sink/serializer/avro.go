package serializer

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"

	"github.com/logpipe/logpipe/pkg/avrofile"
	"github.com/logpipe/logpipe/pkg/flume"
)

// eventSchema is the schema of an event as Java's Avro prints it.
const eventSchema = `{"type":"record","name":"Event","fields":[{"name":"headers","type":{"type":"map","values":"string"}},{"name":"body","type":"bytes"}]}`

// container writes an Avro container file, of whole events or of the datums that
// their bodies are. A block ends at syncIntervalBytes and at each flush, as in
// Flume.
type container struct {
	interval int
	codec    string
	schema   string // "" = nobody knows it yet
	bodies   bool   // are the datums
	sync     avrofile.Sync
	block    []byte // of the records that are not written
	count    int
}

func newContainer(c container) *container {
	rand.Read(c.sync[:]) // it never fails
	return &c
}

func (a *container) Begin(dst []byte) []byte {
	if a.schema == "" {
		return dst
	}
	return avrofile.AppendHeader(dst, []avrofile.Entry{
		{Name: "avro.schema", Value: []byte(a.schema)},
		{Name: "avro.codec", Value: []byte(a.codec)},
	}, a.sync)
}

func (a *container) Append(dst []byte, e *flume.Event) ([]byte, error) {
	if a.bodies {
		a.block = append(a.block, e.Body...)
	} else {
		a.block = appendEvent(a.block, e)
	}
	a.count++
	if len(a.block) >= a.interval {
		return a.Flush(dst)
	}
	return dst, nil
}

func (a *container) Flush(dst []byte) ([]byte, error) {
	if a.count == 0 {
		return dst, nil
	}
	packed, err := avrofile.Pack(a.codec, a.block)
	if err != nil {
		return dst, fmt.Errorf("pack a block of %d events: %w", a.count, err)
	}
	dst = avrofile.AppendBlock(dst, a.count, packed, a.sync)
	a.Forget()
	return dst, nil
}

func (a *container) Forget() { a.block, a.count = a.block[:0], 0 }

// appendEvent appends the record of an event.
func appendEvent(dst []byte, e *flume.Event) []byte {
	if len(e.Headers) > 0 {
		dst = avrofile.AppendLong(dst, int64(len(e.Headers)))
		for _, h := range flume.JavaOrder(e.Headers, e.Copied) {
			dst = append(avrofile.AppendLong(dst, int64(len(h.Key))), h.Key...)
			dst = append(avrofile.AppendLong(dst, int64(len(h.Value))), h.Value...)
		}
	}
	dst = append(dst, 0)
	return append(avrofile.AppendLong(dst, int64(len(e.Body))), e.Body...)
}

// wholeBlocks is the length of the header and the blocks that are whole; 0 where
// the header is not.
func wholeBlocks(r io.ReaderAt, size int64) (int64, error) {
	in := &noting{r: r}
	file, err := avrofile.NewReader(in)
	switch {
	case in.err != nil:
		return 0, in.err
	case errors.Is(err, io.ErrUnexpectedEOF) && size < mostHeader:
		return 0, nil
	case err != nil:
		return 0, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if err := file.SeekSync(0); err != nil {
		return 0, err
	}
	end := file.Begin()
	for {
		b, err := file.Next()
		if err != nil {
			return end, in.err
		}
		end = b.End
	}
}

// noting tells mistakes of reading from those of what is read.
type noting struct {
	r   io.ReaderAt
	err error // but the end
}

func (n *noting) ReadAt(p []byte, at int64) (int, error) {
	got, err := n.r.ReadAt(p, at)
	if err != nil && err != io.EOF {
		n.err = err
	}
	return got, err
}
