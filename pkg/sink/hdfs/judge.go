package hdfs

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/logpipe/logpipe/pkg/hadoopfile"
	"github.com/logpipe/logpipe/pkg/sink/serializer"
)

// strangeError says why a file has to be left as it is: it may not be of this
// sink, or of this sink as it was set up once, or it cannot be kept beside a copy.
type strangeError struct {
	why  string
	torn int64 // its bytes behind the last whole event, where these are all that is wrong
}

func (e *strangeError) Error() string { return e.why }

// judge tells how much of a file can be kept that somebody has left, most likely
// a dead run. A strangeError says that nobody can know.
func (s *settings) judge(r io.ReaderAt, size int64) (int64, error) {
	if size == 0 {
		return 0, nil
	}
	if kind := s.text.Kind(); s.fileType == dataStream && (kind == serializer.Text || kind == serializer.HeaderAndText) {
		return s.judgeText(r, size)
	}
	whole, err := s.whole(r, size)
	if errors.Is(err, hadoopfile.ErrFormat) || errors.Is(err, serializer.ErrFormat) {
		return 0, &strangeError{why: fmt.Sprintf("it is no %s (%v)", s.formatName(), err)}
	}
	return whole, err
}

// formatName is what files are.
func (s *settings) formatName() string {
	switch s.fileType {
	case sequenceFile:
		return "SequenceFile of those that are written here"
	case compressedStream:
		return "stream that " + s.codecName + " has packed"
	}
	return "container file of Avro"
}

// textHead is how much of a file is looked at for whether it is text.
const textHead = 4 << 10

// judgeText judges what shall be lines. Text has no mark of its own: what begins
// with that of another format, or has no line at all, is none.
func (s *settings) judgeText(r io.ReaderAt, size int64) (int64, error) {
	head := make([]byte, min(size, textHead))
	if n, err := r.ReadAt(head, 0); n < len(head) {
		return 0, fmt.Errorf("read its beginning: %w", err)
	}
	if name := packedBy(head); name != "" {
		return 0, &strangeError{why: "it begins as " + name + " does"}
	}
	whole, err := s.text.Whole(r, size)
	switch {
	case err != nil || whole == size:
		return whole, err
	case whole == 0:
		return 0, &strangeError{why: "it has no end of a line"}
	case bytes.IndexByte(head, 0) >= 0:
		return 0, &strangeError{why: "it holds more than text, and its last line has no end"}
	}
	return whole, nil
}

// packedBy names the format that begins as head does; "" where that is none but
// text.
func packedBy(head []byte) string {
	for _, f := range []struct{ begin, name string }{
		{"Obj\x01", "a container file of Avro"}, {"\x1f\x8b", "gzip"}, {"x\x9c", "deflate"}, {"x\x01", "deflate"}, {"x\xda", "deflate"},
		{"\x28\xb5\x2f\xfd", "zstd"}, {"\x04\x22\x4d\x18", "lz4"}, {"\x89LZO", "lzop"}, {"\xfd7zXZ\x00", "xz"},
		{"\xff\x06\x00\x00", "snappy"}, {"\x82SNAPPY\x00", "snappy"}, {"\x00", "a packed block"},
	} {
		if bytes.HasPrefix(head, []byte(f.begin)) {
			return f.name
		}
	}
	switch {
	case bytes.HasPrefix(head, []byte("SEQ")) && len(head) > 3 && head[3] < ' ' && head[3] != '\t' && head[3] != '\r' && head[3] != '\n':
		return "a SequenceFile"
	case bytes.HasPrefix(head, []byte("BZh")) && len(head) > 9 && (string(head[4:10]) == "1AY&SY" || string(head[4:10]) == "\x17\x72\x45\x38\x50\x90"):
		return "bzip2"
	}
	return ""
}
