package snappy

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	reference "github.com/klauspost/compress/snappy"
)

func texts() map[string][]byte {
	random := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 200_000)
	for i := range noise {
		noise[i] = byte(random.Uint32())
	}
	var log strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&log, "10.0.%d.%d - - [20/Nov/2026:23:53:54 +0000] \"GET /course/%d.html HTTP/1.1\" 200 %d\n", i%7, i%251, random.IntN(900), random.IntN(9999))
	}
	return map[string][]byte{
		"empty": nil, "a byte": {7}, "short": []byte("abcabcabcabcabc"), "noise": noise, "log": []byte(log.String()),
		"one byte": bytes.Repeat([]byte{'x'}, 70_000), "copies of 65 to 68": []byte(strings.Repeat("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.,;:", 3)),
		"a long literal": noise[:65_537], "middle literals": noise[:300],
	}
}

// TestAppend holds that another implementation reads what is packed here, and
// the other way round.
func TestAppend(t *testing.T) {
	for name, plain := range texts() {
		packed := Append(nil, plain)
		for what, unpack := range map[string]func([]byte) ([]byte, error){
			"here": Unpack, "there": func(b []byte) ([]byte, error) { return reference.Decode(nil, b) },
		} {
			got, err := unpack(packed)
			if err != nil || !bytes.Equal(got, plain) {
				t.Errorf("%s, unpacked %s: %d of %d bytes, %v", name, what, len(got), len(plain), err)
			}
		}
		if got, err := Unpack(reference.Encode(nil, plain)); err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%s, packed there: %v", name, err)
		}
	}
	log := texts()["log"]
	ours, theirs := len(Append(nil, log)), len(reference.Encode(nil, log))
	if ours > theirs*6/5 {
		t.Errorf("a log of %d bytes is packed into %d, elsewhere into %d", len(log), ours, theirs)
	}
}

func FuzzSnappy(f *testing.F) {
	for _, plain := range texts() {
		f.Add(plain[:min(len(plain), 1000)])
		packed := Append(nil, plain[:min(len(plain), 1000)])
		f.Add(packed)
	}
	for _, length := range []string{"\x80\x00", "\x80\x80\x80\x80\x00", "\x80\x80\x80\x80\x80\x00"} { // zero, in too many bytes
		f.Add([]byte(length))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := Unpack(Append(nil, data))
		if err != nil || !bytes.Equal(got, data) {
			t.Fatalf("%v", err)
		}
		ours, err := Unpack(data)
		if err != nil {
			return // the other one may take gigabytes for what claims to have them
		}
		if theirs, err := reference.Decode(nil, data); err != nil || !bytes.Equal(ours, theirs) {
			t.Fatalf("unpacked what another implementation does not: %v", err)
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	log := texts()["log"]
	b.SetBytes(int64(len(log)))
	var dst []byte
	for b.Loop() {
		dst = Append(dst[:0], log)
	}
}
