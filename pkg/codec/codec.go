// Package codec packs and unpacks with the codecs of Kafka's record batches:
// gzip, snappy, LZ4 and Zstandard. It owns their libraries, so that files which
// are compressed so are read by the same ones.
//
// What each codec is in a batch stands in Kafka's protocol guide: gzip and zstd
// as their own formats, snappy in the frame of xerial's Java library, LZ4 in the
// LZ4 frame format.
package codec

import (
	"bytes"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy/xerial"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// Kind is a codec, by its number in the attributes of a record batch.
type Kind int8

// The codecs.
const (
	None Kind = iota
	Gzip
	Snappy
	LZ4
	Zstd
)

// Names are the codecs as users write them; the index is the Kind.
var names = [...]string{"none", "gzip", "snappy", "lz4", "zstd"}

// Names lists the codecs as users write them.
func Names() []string { return append([]string(nil), names[:]...) }

// Parse finds a codec by its name.
func Parse(name string) (Kind, bool) {
	for i, n := range names {
		if n == name {
			return Kind(i), true
		}
	}
	return None, false
}

func (k Kind) String() string {
	if k >= 0 && int(k) < len(names) {
		return names[k]
	}
	return fmt.Sprintf("codec %d", int8(k))
}

// Levels is the range of levels that a codec takes; 0 and 0 where it has none.
func (k Kind) Levels() (least, most int) {
	switch k {
	case Gzip, LZ4:
		return 1, 9
	case Zstd:
		return 1, 22
	}
	return 0, 0
}

// Packer packs with one codec. It keeps what a codec needs between two calls and
// serves one goroutine.
type Packer struct {
	kind Kind
	gzip *gzip.Writer
	lz4  *lz4.Writer
	zstd *zstd.Encoder
}

// NewPacker makes a packer; level 0 is the codec's usual one.
func NewPacker(kind Kind, level int) (*Packer, error) {
	if least, most := kind.Levels(); level != 0 && (level < least || level > most) {
		if most == 0 {
			return nil, fmt.Errorf("%s has no levels", kind)
		}
		return nil, fmt.Errorf("level %d: %s takes %d to %d", level, kind, least, most)
	}
	p := &Packer{kind: kind}
	var err error
	switch kind {
	case None, Snappy:
	case Gzip:
		if level == 0 {
			level = gzip.DefaultCompression
		}
		p.gzip, err = gzip.NewWriterLevel(io.Discard, level)
	case LZ4:
		p.lz4 = lz4.NewWriter(io.Discard)
		err = p.lz4.Apply(lz4.BlockSizeOption(lz4.Block64Kb), lz4.ChecksumOption(false), lz4.CompressionLevelOption(lz4Level(level)))
	case Zstd:
		speed := zstd.SpeedDefault
		if level != 0 {
			speed = zstd.EncoderLevelFromZstd(level)
		}
		// Small windows: a batch is about a megabyte, and the memory of the
		// window is set aside for each encoder.
		p.zstd, err = zstd.NewWriter(nil, zstd.WithEncoderLevel(speed), zstd.WithEncoderConcurrency(1),
			zstd.WithZeroFrames(true), zstd.WithWindowSize(1<<20), zstd.WithLowerEncoderMem(true))
	default:
		err = fmt.Errorf("unknown %s", kind)
	}
	if err != nil {
		return nil, err
	}
	return p, nil
}

// lz4Level is the library's number of a level from 1 to 9; 0 is the fast one.
func lz4Level(level int) lz4.CompressionLevel {
	if level <= 0 {
		return lz4.Fast
	}
	return lz4.Level1 << (level - 1)
}

// Append packs src and appends it to dst.
func (p *Packer) Append(dst, src []byte) ([]byte, error) {
	w := appender{dst}
	switch p.kind {
	case None:
		return append(dst, src...), nil
	case Snappy:
		if len(dst) > 0 { // the frame's writer takes what is there for its own
			return append(dst, xerial.Encode(nil, src)...), nil
		}
		return xerial.Encode(dst, src), nil
	case Zstd:
		return p.zstd.EncodeAll(src, dst), nil
	case Gzip:
		p.gzip.Reset(&w)
		if _, err := p.gzip.Write(src); err != nil {
			return nil, err
		}
		if err := p.gzip.Close(); err != nil {
			return nil, err
		}
	case LZ4:
		p.lz4.Reset(&w)
		if _, err := p.lz4.Write(src); err != nil {
			return nil, err
		}
		if err := p.lz4.Close(); err != nil {
			return nil, err
		}
	}
	return w.b, nil
}

// Close gives back what the codec holds.
func (p *Packer) Close() {
	if p.zstd != nil {
		p.zstd.Close()
	}
}

type appender struct{ b []byte }

func (a *appender) Write(p []byte) (int, error) {
	a.b = append(a.b, p...)
	return len(p), nil
}

// NewGzipReader reads a gzip file of any number of members.
func NewGzipReader(in io.Reader) (io.Reader, error) { return gzip.NewReader(in) }

// NewZstdReader reads a file of Zstandard; release gives back what it holds.
func NewZstdReader(in io.Reader) (out io.Reader, release func(), err error) {
	z, err := zstd.NewReader(in)
	if err != nil {
		return nil, nil, err
	}
	return z, z.Close, nil
}

// NewGzipWriter writes a gzip file.
func NewGzipWriter(out io.Writer) io.WriteCloser { return gzip.NewWriter(out) }

// NewZstdWriter writes a file of Zstandard.
func NewZstdWriter(out io.Writer) (io.WriteCloser, error) {
	return zstd.NewWriter(out, zstd.WithEncoderConcurrency(1))
}

// Unpack reads back what Append of a Packer has written.
func Unpack(kind Kind, b []byte) ([]byte, error) {
	switch kind {
	case None:
		return b, nil
	case Gzip:
		r, err := gzip.NewReader(bytes.NewReader(b))
		if err != nil {
			return nil, err
		}
		return io.ReadAll(r)
	case Snappy:
		return appendSnappy(nil, b)
	case LZ4:
		return io.ReadAll(lz4.NewReader(bytes.NewReader(b)))
	case Zstd:
		var u Unpacker
		defer u.Close()
		return u.appendZstd(nil, b)
	}
	return nil, fmt.Errorf("unknown %s", kind)
}
