package source

import (
	"bytes"
	"compress/flate"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/avrofile"
	"github.com/logpipe/logpipe/pkg/flume"
)

func TestSpooldirDecodeErrors(t *testing.T) {
	const text = "good\nb\xffd\xe4\xb8\nnext\n"
	tests := []struct {
		policy string
		want   []string
	}{
		{"REPLACE", []string{"good", "b\uFFFDd\uFFFD", "next"}},
		{"ignore", []string{"good", "bd", "next"}},
	}
	for _, test := range tests {
		x := newTailTest(t)
		x.put("a.log", text, 0)
		r := start(t, x.spool("decodeErrorPolicy="+test.policy))
		wantBodies(t, r.take(t, 3), test.want...)
		x.await("a.log.COMPLETED")
		wantBodies(t, x.end(r))
	}
	// FAIL leaves the file, tells where, and goes on with others.
	x := newTailTest(t)
	var counts flume.Counters
	x.put("a.log", text, time.Hour)
	x.put("b.log", "other\n", 0)
	r := startCounted(t, x.spool(), &counts)
	wantBodies(t, r.take(t, 2), "good", "other")
	x.await("a.log b.log.COMPLETED")
	time.Sleep(50 * time.Millisecond)
	wantBodies(t, x.end(r))
	if n := counts.Values()["EventReadFail"]; n != 1 || !strings.Contains(r.diary.String(), "at byte 6") {
		t.Fatalf("counted %d; told %s", n, &r.diary)
	}
	// After a restart with another policy it goes on where it failed.
	r = start(t, x.spool("decodeErrorPolicy=REPLACE"))
	wantBodies(t, r.take(t, 2), "b\uFFFDd\uFFFD", "next")
	x.await("a.log.COMPLETED b.log.COMPLETED")
	wantBodies(t, x.end(r))
	if told := r.diary.String(); !strings.Contains(told, "a.log: bytes that are no character of UTF-8 were passed over in 2 places") {
		t.Errorf("told %s", told)
	}
}

func TestSpooldirCharsets(t *testing.T) {
	tests := []struct{ in, out, text, want string }{
		{"ISO-8859-1", "UTF-8", "gr\xfc\xdfe\nx\n", "grüße|x"},
		{"Cp1252", "UTF-8", "\x80\n", "€"},
		{"GBK", "UTF-8", "\xd6\xd0\xce\xc4\n", "中文"},
		{"UTF-16", "UTF-8", "\xfe\xff\x4e\x2d\x00\n\xd8\x3d\xde\x00\x00\n\x00x", "中|😀|x"},
		{"UTF-16", "UTF-8", "\xff\xfe\x2d\x4e\n\x00x\x00", "中|x"},
		{"UTF-32", "UTF-8", "\xff\xfe\x00\x00\x0a\x4e\x00\x00\n\x00\x00\x00\x00\xf6\x01\x00", "上|😀"},
		{"UTF-16LE", "UTF-8", "\x0a\x4e\n\x00", "上"},
		{"UTF-8", "ISO-8859-1", "grüße 中\n", "gr\xfc\xdfe ?"},
		{"UTF-8", "UTF-16BE", "中\n", "\x4e\x2d"},
	}
	for _, test := range tests {
		x := newTailTest(t)
		x.put("a.log", test.text, 0)
		r := start(t, x.spool("inputCharset="+test.in, "deserializer.outputCharset="+test.out))
		want := strings.Split(test.want, "|")
		wantBodies(t, r.take(t, len(want)), want...)
		wantBodies(t, x.end(r))
	}
}

func TestSpooldirLongLines(t *testing.T) {
	x := newTailTest(t)
	x.put("a.log", "1234\n12345\n😀😀😀\nab😀\n\n", 0)
	r := start(t, x.spool("deserializer.maxLineLength=4"))
	wantBodies(t, r.take(t, 7), "1234", "1234", "5", "😀😀", "😀", "ab😀", "")
	x.put("b.log", strings.Repeat("x", 2*windowSize), 0)
	for _, body := range r.take(t, windowSize/2) {
		if body != "xxxx" {
			t.Fatalf("%q", body)
		}
	}
	wantBodies(t, x.end(r))
	x.put("c.log", "12345\n", 0)
	r = start(t, x.spool("bufferMaxLineLength=3"))
	wantBodies(t, r.take(t, 2), "123", "45")
	wantBodies(t, x.end(r))
}

func TestSpooldirBlob(t *testing.T) {
	x := newTailTest(t)
	x.put("a.bin", "1\n2\x00\xff3", 0)
	r := start(t, x.spool("deserializer=org.apache.flume.sink.solr.morphline.BlobDeserializer$Builder", "deserializer.maxBlobLength=4"))
	wantBodies(t, r.take(t, 2), "1\n2\x00", "\xff3")
	wantBodies(t, x.end(r))
}

// avroSchema is one of records that hold a string.
const avroSchema = `{"type":"record","name":"R","fields":[{"name":"s","type":"string"}]}`

// avroFile makes a container file of records that hold a string.
func avroFile(codec string, blocks ...[]string) string {
	sync := avrofile.Sync{7}
	data := avrofile.AppendHeader(nil, []avrofile.Entry{{Name: "avro.schema", Value: []byte(avroSchema)}, {Name: "avro.codec", Value: []byte(codec)}}, sync)
	for _, block := range blocks {
		var records []byte
		for _, s := range block {
			records = append(avrofile.AppendLong(records, int64(len(s))), s...)
		}
		if codec == "deflate" {
			var b bytes.Buffer
			w, _ := flate.NewWriter(&b, 6)
			w.Write(records)
			w.Close()
			records = b.Bytes()
		}
		data = avrofile.AppendBlock(data, len(block), records, sync)
	}
	return string(data)
}

func TestSpooldirAvro(t *testing.T) {
	for _, codec := range []string{"null", "deflate"} {
		x := newTailTest(t)
		x.put("a.avro", avroFile(codec, []string{"a", "b", "c"}, []string{"d"}, []string{"e", "f"}), 0)
		r := start(t, x.spool("deserializer=AVRO", "batchSize=2"))
		tx, err := r.channel.Take(t.Context(), 1)
		x.must(err)
		if h := fmt.Sprint(tx.Events()[0].Headers); h != "[{flume.avro.schema.hash 5b9cf4b45f4a6b2d}]" {
			t.Fatalf("headers %s", h)
		}
		tx.Commit()
		wantBodies(t, r.take(t, 5), "\x02b", "\x02c", "\x02d", "\x02e", "\x02f")
		x.await("a.avro.COMPLETED")
		wantBodies(t, x.end(r))
	}
	x := newTailTest(t)
	whole := avroFile("null", []string{"a"}, []string{"b"})
	x.put("a.avro", whole[:len(whole)-3], 0)
	r := start(t, x.spool("deserializer=AVRO", "deserializer.schemaType=LITERAL"))
	tx, err := r.channel.Take(t.Context(), 1)
	x.must(err)
	if h := fmt.Sprint(tx.Events()[0].Headers); h != `[{flume.avro.schema.literal `+avroSchema+`}]` {
		t.Fatalf("headers %s", h)
	}
	tx.Commit()
	x.awaitThat(func() bool { return strings.Contains(r.diary.String(), "cannot be read") }, r.diary.String)
	x.add("a.avro", whole[len(whole)-3:])
	wantBodies(t, r.take(t, 1), "\x02b")
	wantBodies(t, x.end(r))
}

// FuzzLines holds that no byte of a file is lost between two lines, whatever
// the charset, and that both ways to read UTF-8 agree.
func FuzzLines(f *testing.F) {
	f.Add([]byte("a\nb\xff\xe4\xb8\n\r\n"), 0, 3)
	f.Add([]byte("\xfe\xff\x00\n\xd8\x00"), 1, 1)
	names := []string{"UTF-8", "UTF-16", "UTF-16LE", "ISO-8859-1", "GBK", "Shift_JIS", "UTF-32"}
	f.Fuzz(func(t *testing.T, data []byte, name, size int) {
		in := must(newCharset(names[uint(name)%uint(len(names))]))
		d := deserializers{kind: lineDeserializer, maxLine: max(1, size&0xFF), inCharset: in, out: must(newCharset("UTF-8")), policy: malformedReplaced}
		var w blockWindow
		l := must(d.open(bytes.NewReader(data), 0, &w, func(int) {}))
		at := int64(0)
		for {
			events, end, err := l.next(3, true)
			if err != nil {
				t.Fatal(err)
			}
			if len(events) == 0 {
				break
			}
			if end <= at {
				t.Fatalf("position %d after %d", end, at)
			}
			at = end
			for _, e := range events {
				if !in.utf8 && bytes.Count(e.Body, nil) > 4*len(data)+4 {
					t.Fatal("a body is longer than the file")
				}
			}
		}
		if left := int64(len(data)) - at; left != 0 && !(left <= 2 && at == 0) {
			t.Fatalf("%d of %d bytes are read", at, len(data))
		}
	})
}

func FuzzAvroRecords(f *testing.F) {
	f.Add([]byte(avroFile("null", []string{"a", "b"}, []string{"c"})))
	f.Add([]byte(avroFile("deflate", []string{"a", "b"}, []string{"c"})))
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := newAvroRecords(bytes.NewReader(data), 0, "HASH")
		if err != nil {
			return
		}
		for range 1000 {
			events, _, err := a.next(10, true)
			if err != nil || len(events) == 0 {
				return
			}
		}
	})
}
