package hdfs

import (
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/hadoopfile"
	"github.com/logpipe/logpipe/pkg/sink/serializer"
)

// format writes the events of one file. Its methods append to dst; after Flush
// the file is whole.
type format interface {
	Begin(dst []byte) []byte
	append(dst []byte, e *flume.Event, now time.Time) ([]byte, error)
	Flush(dst []byte) ([]byte, error)
	Forget()
}

// eventError is about one event that cannot be written as it is.
type eventError struct{ error }

func (s *settings) newFormat(schema *serializer.Schema) format {
	switch s.fileType {
	case sequenceFile:
		value := hadoopfile.BytesWritable
		if s.writeFormat == "Text" {
			value = hadoopfile.TextWritable
		}
		return &sequence{SequenceWriter: hadoopfile.NewSequenceWriter(hadoopfile.LongWritable, value, s.codec), text: s.writeFormat == "Text"}
	case compressedStream:
		return &packed{inner: s.text.New(schema), codec: s.codec}
	}
	return &plain{s.text.New(schema)}
}

// whole tells how much of a file that was not closed can be kept.
func (s *settings) whole(r io.ReaderAt, size int64) (int64, error) {
	switch s.fileType {
	case sequenceFile:
		return hadoopfile.WholeSequence(r, size)
	case compressedStream:
		return s.codec.Whole(r, size)
	}
	return s.text.Whole(r, size)
}

// plain is a DataStream.
type plain struct{ serializer.Serializer }

func (p *plain) append(dst []byte, e *flume.Event, _ time.Time) ([]byte, error) {
	return p.Append(dst, e)
}

// packed is a CompressedStream. Each flush ends a part that can be unpacked on
// its own, as in Flume: what is safe can be read.
type packed struct {
	inner serializer.Serializer
	codec *hadoopfile.Codec
	text  []byte // that is not packed yet
}

func (p *packed) Begin(dst []byte) []byte {
	p.text = p.inner.Begin(p.text[:0])
	return dst
}

func (p *packed) append(dst []byte, e *flume.Event, _ time.Time) (_ []byte, err error) {
	p.text, err = p.inner.Append(p.text, e)
	return dst, err
}

func (p *packed) Flush(dst []byte) ([]byte, error) {
	var err error
	if p.text, err = p.inner.Flush(p.text); err != nil || len(p.text) == 0 {
		return dst, err
	}
	dst, err = p.codec.Append(dst, p.text)
	p.text = p.text[:0]
	return dst, err
}

func (p *packed) Forget() {
	p.inner.Forget()
	p.text = p.text[:0]
}

// sequence is a SequenceFile with the time of each event as its key.
type sequence struct {
	*hadoopfile.SequenceWriter
	text       bool
	key, value []byte
}

func (q *sequence) append(dst []byte, e *flume.Event, now time.Time) ([]byte, error) {
	ms := now.UnixMilli()
	if text, there := e.Headers.Get("timestamp"); there {
		var err error
		if ms, err = strconv.ParseInt(text, 10, 64); err != nil {
			return dst, &eventError{fmt.Errorf("the header timestamp, which becomes the key, is no number of ms since 1970: %q", text)}
		}
	}
	q.key = hadoopfile.AppendLong(q.key[:0], ms)
	if q.text {
		q.value = hadoopfile.AppendText(q.value[:0], e.Body)
	} else {
		q.value = hadoopfile.AppendBytes(q.value[:0], e.Body)
	}
	return q.Append(dst, q.key, q.value)
}
