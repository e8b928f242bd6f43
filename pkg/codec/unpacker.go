package codec

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy/xerial"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// MostUnpacked is how many bytes one call of Unpacker.Append makes at most: a few
// bytes can claim to be any number.
const MostUnpacked = 1 << 30

var errTooMuch = fmt.Errorf("it unpacks to more than %d bytes", MostUnpacked)

// Unpacker unpacks with any codec. It keeps what the codecs need between two calls
// and serves one goroutine. The zero value is ready.
type Unpacker struct {
	src  bytes.Reader
	gzip *gzip.Reader
	lz4  *lz4.Reader
	zstd *zstd.Decoder
}

// Append unpacks src, which was packed with a codec, and appends it to dst. After
// an error what it returns is dst.
func (u *Unpacker) Append(dst []byte, kind Kind, src []byte) ([]byte, error) {
	var out []byte
	var err error
	switch kind {
	case None:
		return append(dst, src...), nil
	case Gzip:
		out, err = u.appendGzip(dst, src)
	case Snappy:
		out, err = appendSnappy(dst, src)
	case LZ4:
		out, err = u.appendLZ4(dst, src)
	case Zstd:
		out, err = u.appendZstd(dst, src)
	default:
		err = fmt.Errorf("unknown %s", kind)
	}
	if err == nil && len(out)-len(dst) > MostUnpacked {
		err = errTooMuch
	}
	if err != nil {
		return dst, err
	}
	return out, nil
}

// Close gives back what the codecs hold.
func (u *Unpacker) Close() {
	if u.zstd != nil {
		u.zstd.Close()
	}
	*u = Unpacker{}
}

func (u *Unpacker) appendGzip(dst, src []byte) ([]byte, error) {
	u.src.Reset(src)
	var err error
	if u.gzip == nil {
		u.gzip, err = gzip.NewReader(&u.src)
	} else {
		err = u.gzip.Reset(&u.src)
	}
	if err != nil {
		return nil, err
	}
	return appendAll(dst, u.gzip)
}

// zstdGrowth is what a byte of zstd can become: a block has at most 128 KiB, and at least
// 4 bytes.
const zstdGrowth = 128 << 10 / 4

var errZstd = errors.New("malformed zstd")

func (u *Unpacker) appendZstd(dst, src []byte) ([]byte, error) {
	var h zstd.Header // the library makes room for what that claims
	if err := h.Decode(src); err == nil && h.HasFCS && h.FrameContentSize > zstdGrowth*uint64(len(src)) {
		return nil, errZstd
	}
	if u.zstd == nil {
		var err error
		if u.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(MostUnpacked)); err != nil {
			return nil, err
		}
	}
	return u.zstd.DecodeAll(src, dst)
}

// appendAll reads to the end, and no further than is allowed.
func appendAll(dst []byte, r io.Reader) ([]byte, error) {
	for most := len(dst) + MostUnpacked; ; {
		dst = slices.Grow(dst, 512)
		n, err := r.Read(dst[len(dst):cap(dst)])
		dst = dst[:len(dst)+n]
		switch {
		case err == io.EOF:
			return dst, nil
		case err != nil:
			return nil, err
		case len(dst) > most:
			return nil, errTooMuch
		}
	}
}

// snappyGrowth is more than a byte of snappy can become: the longest copy is 64
// bytes in 3.
const snappyGrowth = 32

// appendSnappy unpacks a block of snappy, or the blocks of xerial's frame.
func appendSnappy(dst, src []byte) ([]byte, error) {
	n, err := snappyLen(src)
	if err != nil {
		return nil, err
	}
	dst = slices.Grow(dst, n+1) // a place of no size is none to the library
	out, err := xerial.DecodeCapped(dst[len(dst):len(dst):cap(dst)], src)
	if err != nil {
		return nil, err
	}
	return dst[:len(dst)+len(out)], nil
}

// xerialMagic begins a frame, which has 8 bytes of versions more, and then blocks
// with their lengths.
const xerialMagic = "\x82SNAPPY\x00"

var errSnappy = errors.New("malformed snappy")

// snappyLen is how many bytes src says that it is unpacked.
func snappyLen(src []byte) (total int, err error) {
	block := func(b []byte) bool {
		n, used := binary.Uvarint(b)
		if used <= 0 || n > snappyGrowth*uint64(len(b)) {
			return false
		}
		total += int(n)
		return total <= MostUnpacked
	}
	if !bytes.HasPrefix(src, []byte(xerialMagic)) {
		if !block(src) {
			return 0, errSnappy
		}
		return total, nil
	}
	if len(src) < len(xerialMagic)+8 {
		return 0, errSnappy
	}
	for src = src[len(xerialMagic)+8:]; len(src) >= 4; {
		n := uint64(binary.BigEndian.Uint32(src))
		if src = src[4:]; n > uint64(len(src)) || !block(src[:n]) {
			return 0, errSnappy
		}
		src = src[n:]
	}
	return total, nil
}
