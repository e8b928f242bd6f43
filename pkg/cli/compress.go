package cli

import (
	"io"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Compress returns a writer that compresses as the name of a file says: .zst,
// .gz, or not at all. Closing it writes the rest; w stays open.
func Compress(w io.Writer, name string) (io.WriteCloser, error) {
	switch {
	case strings.HasSuffix(name, ".zst"):
		return zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))
	case strings.HasSuffix(name, ".gz"):
		return gzip.NewWriter(w), nil
	}
	return plainWriter{w}, nil
}

type plainWriter struct{ io.Writer }

func (plainWriter) Close() error { return nil }

// Expand reads what is compressed with gzip or zstd as it was before; other
// input passes as it is. Closing it releases memory; r stays open.
func Expand(r io.Reader) io.ReadCloser { return expandCloser{&expanded{in: r}} }

type expandCloser struct{ *expanded }

func (e expandCloser) Close() error {
	e.expanded.Close()
	return nil
}
