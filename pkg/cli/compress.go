package cli

import (
	"io"
	"strings"

	"github.com/logpipe/logpipe/pkg/codec"
)

// Compress returns a writer that compresses as the name of a file says: .zst,
// .gz, or not at all. Closing it writes the rest; w stays open.
func Compress(w io.Writer, name string) (io.WriteCloser, error) {
	switch {
	case strings.HasSuffix(name, ".zst"):
		return codec.NewZstdWriter(w)
	case strings.HasSuffix(name, ".gz"):
		return codec.NewGzipWriter(w), nil
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
