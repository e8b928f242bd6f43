package bzip2

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
)

func texts() []string {
	noise := make([]byte, 30_000)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	return []string{"a", "one\ntwo\n", strings.Repeat("a", 1000), strings.Repeat("GET /index.html\n", 70_000), string(noise), "BZh91AY&SY"}
}

// The standard library reads what is written, also streams that follow each
// other, and One reads one of them.
func TestAppend(t *testing.T) {
	var all []byte
	var plain string
	for _, text := range texts() {
		var err error
		if all, err = Append(all, []byte(text)); err != nil {
			t.Fatal(err)
		}
		plain += text
	}
	got, err := io.ReadAll(bzip2.NewReader(bytes.NewReader(all)))
	if err != nil || string(got) != plain {
		t.Fatalf("%d bytes of %d: %v", len(got), len(plain), err)
	}
	r := bufio.NewReader(bytes.NewReader(all))
	for _, text := range texts() {
		got, err := io.ReadAll(bzip2.NewReader(NewOne(r)))
		if err != nil || string(got) != text {
			t.Fatalf("a stream of %d bytes: %d, %v", len(text), len(got), err)
		}
	}
}

// A stream is read to its end also where the next one was cut off, and fails
// where it was cut off itself.
func TestCut(t *testing.T) {
	for _, text := range []string{"a", "B", "one\ntwo\n", strings.Repeat("ab", 500), "x1", "x2", "x3", "x4", "x5"} {
		one, err := Append(nil, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		two := append(one[:len(one):len(one)], one...)
		for cut := range len(two) + 1 {
			got, err := io.ReadAll(bzip2.NewReader(NewOne(bufio.NewReader(bytes.NewReader(two[:cut])))))
			if whole := cut >= len(one); (err == nil) != whole || whole && string(got) != text {
				t.Fatalf("%q: %d of %d bytes: %q %v", text, cut, len(one), got, err)
			}
		}
	}
}

func FuzzOne(f *testing.F) {
	for _, text := range texts() {
		packed, err := Append(nil, []byte(text[:min(len(text), 100)]))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(packed, []byte(text[:min(len(text), 10)]))
	}
	f.Fuzz(func(t *testing.T, packed, src []byte) {
		// Whatever stands behind a stream, the stream is read to its end.
		io.Copy(io.Discard, bzip2.NewReader(NewOne(bufio.NewReader(bytes.NewReader(packed)))))
		if len(src) == 0 {
			return
		}
		one, err := Append(nil, src)
		if err != nil {
			t.Fatal(err)
		}
		r := bufio.NewReader(bytes.NewReader(append(one, one...)))
		for range 2 {
			if got, err := io.ReadAll(bzip2.NewReader(NewOne(r))); err != nil || !bytes.Equal(got, src) {
				t.Fatalf("%q: %q %v", src, got, err)
			}
		}
	})
}
