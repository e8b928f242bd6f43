package cli

import (
	"bytes"
	"io"

	"github.com/logpipe/logpipe/pkg/codec"
)

var (
	gzipMagic = []byte("\x1f\x8b\x08")
	zstdMagic = []byte("\x28\xb5\x2f\xfd")
)

// expanded reads what is compressed with gzip or zstd as it was before; how the
// input begins tells, whatever it is called. Other input passes as it comes.
type expanded struct {
	in    io.Reader
	from  io.Reader // in or the decompressor; nil until the begin has come
	close func()
}

// Read returns what is there. It waits for more only while the begin may be that
// of a compressed input.
func (e *expanded) Read(p []byte) (int, error) {
	if e.from != nil {
		return e.from.Read(p)
	}
	n, err := 0, error(nil)
	for err == nil && n < len(p) && mayBeCompressed(p[:n]) {
		var k int
		k, err = e.in.Read(p[n:])
		n += k
	}
	e.from = e.in
	head := p[:n]
	if !bytes.HasPrefix(head, gzipMagic) && !bytes.HasPrefix(head, zstdMagic) {
		return n, err
	}
	if err := e.expand(bytes.Clone(head)); err == io.EOF {
		return 0, io.ErrUnexpectedEOF // within the decompressor's own header
	} else if err != nil {
		return 0, err
	}
	return e.from.Read(p)
}

// mayBeCompressed reports whether b is too short to tell.
func mayBeCompressed(b []byte) bool {
	return len(b) < len(gzipMagic) && bytes.HasPrefix(gzipMagic, b) ||
		len(b) < len(zstdMagic) && bytes.HasPrefix(zstdMagic, b)
}

func (e *expanded) expand(head []byte) error {
	in := io.MultiReader(bytes.NewReader(head), e.in)
	if bytes.HasPrefix(head, gzipMagic) {
		z, err := codec.NewGzipReader(in)
		if err == nil {
			e.from = z
		}
		return err
	}
	z, release, err := codec.NewZstdReader(in)
	if err == nil {
		e.from, e.close = z, release
	}
	return err
}

// Close releases the decompressor; in stays open.
func (e *expanded) Close() {
	if e.close != nil {
		e.close()
	}
}
