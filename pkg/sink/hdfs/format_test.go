package hdfs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/logpipe/logpipe/pkg/avrofile"
	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/hadoopfile"
	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// TestSchemas holds that events of different schemas stand in different files,
// and that those without one are kept aside.
func TestSchemas(t *testing.T) {
	folder := t.TempDir()
	s, _ := open(t, "hdfs.path=file://"+folder, "hdfs.fileType=DataStream", "hdfs.fileSuffix=.avro",
		"serializer=org.apache.flume.sink.hdfs.AvroEventSerializer$Builder", "hdfs.rollCount=0", "hdfs.rollSize=0")
	const a, b = `flume.avro.schema.literal="long"`, `flume.avro.schema.literal="int"`
	batch := []flume.Event{event("\x02", a), event("\x04", b), event("\x06", a), event("\x08"), event("\x0a\x0b", a)}
	var rejected *RejectedError
	if err := s.Write(t.Context(), batch); !errors.As(err, &rejected) || len(rejected.Events) != 2 || rejected.Events[0].Index != 3 || rejected.Events[1].Index != 4 {
		t.Errorf("%v", err)
	}
	err := s.Write(t.Context(), []flume.Event{event("\x02", "flume.avro.schema.url=http://127.0.0.1:1/x")})
	if err == nil || errors.As(err, &rejected) {
		t.Errorf("a server that may come back: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	var got []string
	filepath.WalkDir(folder, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		r, err := avrofile.NewReader(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		block, err := r.Next()
		got = append(got, fmt.Sprintf("%s %s %x %v", filepath.Ext(path), r.Meta("avro.schema"), block.Data, err))
		return nil
	})
	slices.Sort(got)
	if want := []string{`.avro "int" 04 <nil>`, `.avro "long" 0206 <nil>`}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// read returns the bodies of a file, whole or not.
func read(t testing.TB, s *Sink, data []byte) (bodies []string) {
	t.Helper()
	if s.fileType == sequenceFile {
		r, err := hadoopfile.NewSequenceReader(bytes.NewReader(data))
		if err != nil {
			return nil
		}
		for {
			_, value, err := r.Next()
			if err != nil {
				return bodies
			}
			body, err := hadoopfile.ParseBytes(value)
			if s.writeFormat == "Text" {
				body, err = hadoopfile.ParseText(value)
			}
			if err != nil {
				t.Fatal(err)
			}
			bodies = append(bodies, string(body))
		}
	}
	if s.fileType == compressedStream {
		n, err := s.codec.Whole(bytes.NewReader(data), int64(len(data)))
		if err != nil || n == 0 {
			return nil
		}
		r, err := s.codec.NewReader(bytes.NewReader(data[:n]))
		if err != nil {
			t.Fatal(err)
		}
		if data, err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
	if s.text.Kind() == "avro_event" {
		return readAvro(t, data)
	}
	for line := range strings.Lines(string(data)) {
		if body, whole := strings.CutSuffix(line, "\n"); whole {
			bodies = append(bodies, body)
		}
	}
	return bodies
}

func readAvro(t testing.TB, data []byte) (bodies []string) {
	r, err := avrofile.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil
	}
	for {
		b, err := r.Next()
		if err != nil {
			return bodies
		}
		plain, err := avrofile.Unpack(r.Codec(), b.Data)
		if err != nil {
			t.Fatal(err)
		}
		for range b.Count { // no headers, then the body
			n, err := avrofile.ReadLong(plain[1:])
			if err != nil || n > 63 {
				t.Fatal(n, err)
			}
			bodies = append(bodies, string(plain[2:2+n]))
			plain = plain[2+n:]
		}
	}
}

// patient lets the search for files of a dead run come to its end.
type patient struct{ *Sink }

func (p patient) Close() error {
	p.work.Wait()
	return p.Sink.Close()
}

// TestFormats runs the suite of sinks for each format: what is acknowledged can
// be read while the file is open, and after a kill.
func TestFormats(t *testing.T) {
	for _, settings := range []string{
		"hdfs.fileType=DataStream", "hdfs.fileType=SequenceFile", "hdfs.fileType=SequenceFile hdfs.writeFormat=Text",
		"hdfs.fileType=SequenceFile hdfs.codeC=gzip", "hdfs.fileType=SequenceFile hdfs.codeC=snappy hdfs.writeFormat=Text",
		"hdfs.fileType=CompressedStream hdfs.codeC=gzip", "hdfs.fileType=CompressedStream hdfs.codeC=bzip2",
		"hdfs.fileType=CompressedStream hdfs.codeC=deflate",
		"hdfs.fileType=CompressedStream hdfs.codeC=snappy", "hdfs.fileType=DataStream serializer=avro_event",
		"hdfs.fileType=CompressedStream hdfs.codeC=gzip serializer=avro_event serializer.compressionCodec=null",
	} {
		t.Run(strings.ReplaceAll(settings, "hdfs.", ""), func(t *testing.T) {
			all := append(strings.Fields(settings), "hdfs.rollCount=70", "hdfs.rollSize=0", "hdfs.rollInterval=1")
			reader := configure(t, append(all, "hdfs.path=/x")...)
			if problems := reader.Check(); len(problems) > 0 {
				t.Fatal(problems)
			}
			logpipetest.FileSink{Kills: 6,
				New: func(t *testing.T, folder string) logpipetest.EventSink {
					return patient{configure(t, append(all, "hdfs.path=file://"+folder+"/%Y/%m-%d", "hdfs.useLocalTimeStamp=true", "hdfs.timeZone=UTC")...)}
				},
				Read: func(t *testing.T, folder string, final bool) (bodies []string) {
					look := func(path string, d os.DirEntry, err error) error {
						if err != nil || d.IsDir() {
							return err
						}
						data, err := os.ReadFile(path)
						if err != nil {
							return err
						}
						// An empty one may be of another program that writes it next.
						if final && strings.HasSuffix(path, ".tmp") && len(data) > 0 {
							t.Errorf("%s is left", path)
						}
						bodies = append(bodies, read(t, reader, data)...)
						return nil
					}
					err := filepath.WalkDir(folder, look)
					for errors.Is(err, fs.ErrNotExist) { // it got its name meanwhile, by rollInterval
						bodies = nil
						err = filepath.WalkDir(folder, look)
					}
					if err != nil {
						t.Fatal(err)
					}
					return bodies
				}}.Test(t)
		})
	}
}
