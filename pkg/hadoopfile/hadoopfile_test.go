package hadoopfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"
)

func codec(t testing.TB, name string) *Codec {
	t.Helper()
	c, err := LookupCodec(name)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestVarint(t *testing.T) {
	// From the comment of WritableUtils.writeVLong, and the borders of its lengths.
	for n, want := range map[int64]string{
		0: "00", 127: "7f", -112: "90", 128: "8f80", -113: "8770", 255: "8fff", 256: "8e0100", -256: "87ff", -257: "860100",
		math.MaxInt64: "887fffffffffffffff", math.MinInt64: "807fffffffffffffff",
	} {
		b := appendVarint(nil, n)
		if got := fmt.Sprintf("%x", b); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
		if back, err := readVarint(bytes.NewReader(b)); err != nil || back != n {
			t.Errorf("%d comes back as %d, %v", n, back, err)
		}
	}
}

func TestLookupCodec(t *testing.T) {
	for name, want := range map[string]string{
		"gzip": "GzipCodec", "GZIP": "GzipCodec", "GzipCodec": "GzipCodec", "org.apache.hadoop.io.compress.GzipCodec": "GzipCodec",
		"snappy": "SnappyCodec", "bzip2": "BZip2Codec", "BZip2Codec": "BZip2Codec", "default": "DefaultCodec", "deflate": "DeflateCodec", "none": "",
	} {
		c := codec(t, name)
		if got := ""; c != nil && c.Class != classes+want || c == nil && want != got {
			t.Errorf("%s: %v", name, c)
		}
	}
	for name, want := range map[string]string{"lzo": "not supported", "lzop": "not supported", "lz4": "not supported", "com.hadoop.compression.lzo.LzopCodec": "not supported", "gz": "no codec"} {
		if _, err := LookupCodec(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func parts() [][]byte {
	var big []byte
	for i := range 40_000 {
		big = fmt.Appendf(big, "line %d\n", i*i)
	}
	return [][]byte{[]byte("first\n"), []byte("second second second\n"), big}
}

// TestCodecs holds that parts that follow each other are read as one, and that a
// part that was cut off is found.
func TestCodecs(t *testing.T) {
	for _, name := range []string{"gzip", "bzip2", "deflate", "default", "snappy"} {
		c := codec(t, name)
		var data []byte
		var ends []int
		for _, p := range parts() {
			var err error
			if data, err = c.Append(data, p); err != nil {
				t.Fatal(err)
			}
			ends = append(ends, len(data))
		}
		r, err := c.NewReader(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		plain, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(plain, bytes.Join(parts(), nil)) {
			t.Errorf("%s: %d bytes, %v", name, len(plain), err)
		}
		for cut := range len(data) {
			if cut > ends[1]+50 && cut < len(data)-50 {
				continue
			}
			want := 0
			for _, end := range ends {
				if end <= cut {
					want = end
				}
			}
			got, err := c.Whole(bytes.NewReader(data[:cut]), int64(cut))
			if name == "snappy" && cut > ends[1] && int(got) >= want {
				want = int(got) // the big one takes several blocks
			}
			if err != nil || int(got) != want {
				t.Fatalf("%s cut to %d of %v: %d %v", name, cut, ends, got, err)
			}
		}
	}
}

func writeSequence(t testing.TB, c *Codec, batches int) (data []byte, ends []int) {
	t.Helper()
	w := NewSequenceWriter(LongWritable, TextWritable, c)
	data = w.Begin(nil)
	ends = append(ends, len(data))
	var err error
	for b := range batches {
		for i := range 20 {
			if data, err = w.Append(data, AppendLong(nil, int64(b)), AppendText(nil, fmt.Appendf(nil, "batch %d event %d %s", b, i, strings.Repeat("x", i*9)))); err != nil {
				t.Fatal(err)
			}
			if c == nil {
				ends = append(ends, len(data))
			}
		}
		if data, err = w.Flush(data); err != nil {
			t.Fatal(err)
		}
		if data, err = w.Flush(data); err != nil { // nothing new, no second marker
			t.Fatal(err)
		}
		ends = append(ends, len(data))
	}
	return data, ends
}

func TestSequence(t *testing.T) {
	for _, name := range []string{"none", "gzip", "bzip2", "deflate", "snappy"} {
		data, ends := writeSequence(t, codec(t, name), 3)
		r, err := NewSequenceReader(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		if key, value := r.Classes(); key != LongWritable || value != TextWritable {
			t.Error(key, value)
		}
		for b := range 3 {
			for i := range 20 {
				key, value, err := r.Next()
				if err != nil {
					t.Fatal(err)
				}
				text, err := ParseText(value)
				if want := fmt.Sprintf("batch %d event %d ", b, i); err != nil || !strings.HasPrefix(string(text), want) || !bytes.Equal(key, AppendLong(nil, int64(b))) {
					t.Fatalf("%s: %x %q, %v", name, key, text, err)
				}
			}
		}
		if _, _, err := r.Next(); err != io.EOF || int(r.End()) != len(data) {
			t.Errorf("%s: %v at %d of %d", name, err, r.End(), len(data))
		}
		for cut := range len(data) {
			got, err := WholeSequence(bytes.NewReader(data[:cut]), int64(cut))
			want := 0
			for _, end := range ends {
				if end <= cut {
					want = end
				}
			}
			// A marker between records may be whole too.
			if err != nil || int(got) < want || int(got) > cut || name != "none" && int(got) != want {
				t.Fatalf("%s cut to %d: %d, want %d, %v", name, cut, got, want, err)
			}
		}
	}
}

// What is of another format is no file that holds nothing.
func TestOtherFormats(t *testing.T) {
	header := func(rest string) string { return sequenceMagic + "\x01k\x01v" + rest }
	sequences := map[string]bool{
		"": true, "SE": true, sequenceMagic: true, header(""): true, header("\x00\x00"): true, header("\x00\x00\x00\x00\x00\x00sync"): true,
		header("\x01\x01\x2aorg.apache.hadoop.io.compress.GzipCodec"): true,
		"S\n": false, "event 1\n": false, "SEQ\x05": false, "SEQUENCE\n": false, "Obj\x01": false,
		header("\x01\x00" + "\x01x"): false, header("\x01\x01\x07x.Codec"): false, header("\x00\x00\x00\x00\x00\x01\x01a\x01b"): false,
		sequenceMagic + "\x8e\x01\x00\x00" + strings.Repeat("x", mostHeader): false,
	}
	for data, torn := range sequences {
		if n, err := WholeSequence(strings.NewReader(data), int64(len(data))); n != 0 || (err == nil) != torn || !torn && !errors.Is(err, ErrFormat) {
			t.Errorf("%.40q: %d %v", data, n, err)
		}
	}
	for _, name := range []string{"gzip", "bzip2", "deflate", "snappy"} {
		for _, data := range []string{"\n", "event 1\nevent 2\n", "SEQ\x06", "Obj\x01\x02", "\x00\x00\x00\x05\x00\x00\x00\x03abc"} {
			if n, err := codec(t, name).Whole(strings.NewReader(data), int64(len(data))); n != 0 || !errors.Is(err, ErrFormat) {
				t.Errorf("%s: %q: %d %v", name, data, n, err)
			}
		}
	}
}

func TestBytesWritable(t *testing.T) {
	if b, err := ParseBytes(AppendBytes(nil, []byte("abc"))); err != nil || string(b) != "abc" {
		t.Error(b, err)
	}
	if _, err := ParseBytes([]byte{0, 0, 0, 9, 1}); err == nil {
		t.Error("accepted")
	}
	if _, err := ParseText([]byte{9, 1}); err == nil {
		t.Error("accepted")
	}
}

func FuzzSequence(f *testing.F) {
	for _, name := range []string{"none", "gzip", "bzip2", "deflate", "snappy"} {
		data, _ := writeSequence(f, codec(f, name), 1)
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<16 {
			return // packed data may hold a thousand times more
		}
		whole, err := WholeSequence(bytes.NewReader(data), int64(len(data)))
		if err != nil && !errors.Is(err, ErrFormat) || whole > int64(len(data)) {
			t.Fatal(whole, err)
		}
	})
}

func FuzzCodec(f *testing.F) {
	for i, name := range []string{"gzip", "deflate", "snappy"} {
		data, _ := codec(f, name).Append(nil, []byte("some text, some text"))
		f.Add(uint8(i), data)
	}
	f.Fuzz(func(t *testing.T, which uint8, data []byte) {
		if len(data) > 1<<16 {
			return
		}
		c := codec(t, []string{"gzip", "deflate", "snappy"}[which%3])
		whole, err := c.Whole(bytes.NewReader(data), int64(len(data)))
		if err != nil && !errors.Is(err, ErrFormat) || whole > int64(len(data)) {
			t.Fatal(whole, err)
		}
	})
}
