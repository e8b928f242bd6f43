package main

import (
	"bytes"
	"compress/gzip"
	"os"
	"testing"

	"github.com/klauspost/compress/zstd"
)

func writeGzip(t *testing.T, path, text string) {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
}

func writeZstd(t *testing.T, path, text string) {
	t.Helper()
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, z.EncodeAll([]byte(text), nil), 0o666); err != nil {
		t.Fatal(err)
	}
}
