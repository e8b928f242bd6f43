package avrofile

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash/crc32"
	"io"
	"reflect"
	"strings"
	"testing"
)

var marker = Sync{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}

func file(blocks ...[]byte) []byte {
	b := AppendHeader(nil, []Entry{{"avro.schema", []byte(`"long"`)}, {"file", []byte("/x")}}, marker)
	for _, block := range blocks {
		b = AppendBlock(b, 1, block, marker)
	}
	return b
}

func TestReader(t *testing.T) {
	data := file([]byte{2}, []byte{4}, []byte{6})
	r, err := NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if string(r.Meta("file")) != "/x" || r.Codec() != "null" || r.Meta("x") != nil {
		t.Fatal("metadata")
	}
	var ends []int64
	for i := range 3 {
		b, err := r.Next()
		if err != nil || b.Count != 1 || b.Data[0] != byte(2+2*i) {
			t.Fatalf("block %d: %v %v", i, b, err)
		}
		ends = append(ends, b.End)
	}
	if _, err := r.Next(); err != io.EOF {
		t.Fatal(err)
	}
	for i, pos := range []int64{0, ends[0] - SyncSize, ends[1] - SyncSize - 1} {
		r.SeekSync(pos)
		if b, err := r.Next(); err != nil || b.Data[0] != byte(2+2*i) {
			t.Fatalf("after seek to %d: %v %v", pos, b, err)
		}
	}
	r.SeekSync(ends[2] - 1)
	if _, err := r.Next(); err != io.EOF {
		t.Fatal(err)
	}
	for cut := 1; cut < SyncSize; cut++ {
		r, _ := NewReader(bytes.NewReader(data[:len(data)-cut]))
		r.SeekSync(ends[1] - SyncSize)
		if _, err := r.Next(); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("cut by %d: %v", cut, err)
		}
	}
}

// The canonical forms and fingerprints are those of Avro's own test cases.
func TestSchema(t *testing.T) {
	tests := []struct{ text, canonical string }{
		{`"null"`, `"null"`},
		{`{"type":"string"}`, `"string"`},
		{`[ "int", {"type":"boolean"} ]`, `["int","boolean"]`},
		{`{"fields":[], "type":"record", "name":"foo", "namespace":"x.y", "doc":"d"}`, `{"name":"x.y.foo","type":"record","fields":[]}`},
		{`{"fields":[{"type":{"type":"boolean"}, "name":"f1", "default":true}], "type":"record", "name":"a.b.foo"}`,
			`{"name":"a.b.foo","type":"record","fields":[{"name":"f1","type":"boolean"}]}`},
		{`{"type":"enum", "name":"foo", "symbols":["A1","A2"]}`, `{"name":"foo","type":"enum","symbols":["A1","A2"]}`},
		{`{"namespace":"x.y.z", "type":"fixed", "name":"foo", "size":32}`, `{"name":"x.y.z.foo","type":"fixed","size":32}`},
		{`{"type":"record","name":"n.L","fields":[{"name":"v","type":"long"},{"name":"next","type":["null","L"]}]}`,
			`{"name":"n.L","type":"record","fields":[{"name":"v","type":"long"},{"name":"next","type":["null","n.L"]}]}`},
		{`{"type":"map","values":{"type":"array","items":"int"}}`, `{"type":"map","values":{"type":"array","items":"int"}}`},
	}
	for _, test := range tests {
		s, err := ParseSchema([]byte(test.text))
		if err != nil || s.Canonical() != test.canonical {
			t.Errorf("%s: %v %v", test.text, s, err)
		}
	}
	s, _ := ParseSchema([]byte(`"int"`))
	sum := s.Fingerprint()
	if got := hex.EncodeToString(sum[:]); got != "8f5c393f1ad57572" {
		t.Errorf("fingerprint of int: %s", got)
	}
	for _, bad := range []string{``, `1`, `{}`, `"x"`, `{"type":"record"}`, `{"type":"fixed","name":"f"}`, `{"type":"enum","name":"e"}`, strings.Repeat("[", 300) + strings.Repeat("]", 300)} {
		if _, err := ParseSchema([]byte(bad)); err == nil {
			t.Errorf("%s is accepted", bad)
		}
	}
}

func TestSkip(t *testing.T) {
	tests := []struct {
		schema string
		data   []byte
		want   int // -1 = refused
	}{
		{`"long"`, []byte{0x80, 1, 9}, 2},
		{`"string"`, []byte{4, 'a', 'b', 'c'}, 3},
		{`"string"`, []byte{4, 'a'}, -1},
		{`["null","double"]`, []byte{0, 1}, 1},
		{`["null","double"]`, []byte{2, 0, 0, 0, 0, 0, 0, 0, 0}, 9},
		{`["null","double"]`, []byte{4}, -1},
		{`{"type":"array","items":"int"}`, []byte{2, 5, 3, 4, 6, 7, 0, 9}, 7},
		{`{"type":"map","values":"boolean"}`, []byte{2, 2, 'k', 1, 0}, 5},
		{`{"type":"array","items":"null"}`, []byte{0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1, 0}, -1},
		{`{"type":"record","name":"L","fields":[{"name":"v","type":"int"},{"name":"n","type":["null","L"]}]}`, []byte{2, 2, 4, 0, 7}, 4},
	}
	for _, test := range tests {
		s, err := ParseSchema([]byte(test.schema))
		if err != nil {
			t.Fatal(err)
		}
		n, err := s.Skip(test.data)
		if (err != nil) != (test.want < 0) || err == nil && n != test.want {
			t.Errorf("%s % x: %d %v", test.schema, test.data, n, err)
		}
	}
}

func TestUnpack(t *testing.T) {
	plain := []byte("abcabcabcabc hello hello hello")
	var deflated bytes.Buffer
	w, _ := flate.NewWriter(&deflated, 6)
	w.Write(plain)
	w.Close()
	// A literal of 3, a copy of 9 from 3 back, a literal of 7, a copy of 11 from 6 back.
	snappy := append([]byte{30, 2 << 2, 'a', 'b', 'c', 5<<2 | 1, 3, 6 << 2}, " hello "...)
	snappy = append(snappy, 7<<2|1, 6)
	snappy = binary.BigEndian.AppendUint32(snappy, crc32.ChecksumIEEE(plain))
	for codec, data := range map[string][]byte{"null": plain, "deflate": deflated.Bytes(), "snappy": snappy} {
		got, err := Unpack(codec, data)
		if err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%s: %q %v", codec, got, err)
		}
	}
	for _, codec := range []string{"null", "deflate", "bzip2", "snappy"} {
		packed, err := Pack(codec, plain)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Unpack(codec, packed); err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%s: %q %v", codec, got, err)
		}
	}
	if _, err := Unpack("zstandard", nil); err == nil || !strings.Contains(err.Error(), "not supported") {
		t.Error(err)
	}
}

func FuzzReader(f *testing.F) {
	f.Add(file([]byte{2}, []byte{4}))
	f.Add(AppendBlock(AppendHeader(nil, []Entry{{"avro.schema", []byte(`{"type":"array","items":"null"}`)}, {"avro.codec", []byte("snappy")}}, marker), 3, []byte{1, 0, 0}, marker))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := NewReader(bytes.NewReader(data))
		if err != nil {
			return
		}
		s, schemaErr := ParseSchema(r.Meta("avro.schema"))
		for {
			b, err := r.Next()
			if err != nil {
				break
			}
			plain, err := Unpack(r.Codec(), b.Data)
			if err != nil || schemaErr != nil {
				continue
			}
			for range min(b.Count, 100) {
				n, err := s.Skip(plain)
				if err != nil {
					break
				}
				plain = plain[n:]
			}
		}
	})
}

func FuzzSchema(f *testing.F) {
	for _, seed := range []string{`"int"`, `{"type":"record","name":"a","fields":[{"name":"f","type":["null","a"]}]}`, `{"type":"map","values":"a"}`} {
		f.Add([]byte(seed), []byte{2, 2, 0})
	}
	f.Fuzz(func(t *testing.T, text, data []byte) {
		s, err := ParseSchema(text)
		if err != nil {
			return
		}
		s.Skip(data)
		again, err := ParseSchema([]byte(s.Canonical()))
		if err != nil || !reflect.DeepEqual(again.Canonical(), s.Canonical()) {
			t.Fatalf("%s -> %s: %v", text, s.Canonical(), err)
		}
	})
}
