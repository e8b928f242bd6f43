package jdbc

import (
	"bytes"
	"slices"
	"testing"

	"github.com/logpipe/logpipe/pkg/flume"
)

func FuzzDecodeHeaders(f *testing.F) {
	f.Add([]byte{})
	f.Add(encodeHeaders(flume.Headers{{Key: "host", Value: "a"}, {Key: "", Value: "\x00\xff"}}))
	f.Add([]byte{255, 255, 255, 255, 255, 255, 255, 255, 255, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := decodeHeaders(b)
		if err != nil {
			return
		}
		again, err := decodeHeaders(encodeHeaders(h))
		if err != nil || !slices.Equal(h, again) {
			t.Errorf("%x: %v and %v, %v", b, h, again, err)
		}
		if short := encodeHeaders(h); len(short) > len(b) || len(short) == len(b) && !bytes.Equal(short, b) {
			t.Errorf("%x becomes %x", b, short)
		}
	})
}
