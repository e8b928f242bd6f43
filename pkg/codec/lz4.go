package codec

import (
	"encoding/binary"
	"errors"
	"slices"

	"github.com/pierrec/lz4/v4"
)

// The header of an LZ4 frame: magic, flags, the size of blocks, and a checksum of
// that (github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md).
const (
	lz4Magic         = 0x184D2204
	lz4VersionMask   = 0xC0
	lz4Version       = 0x40
	lz4Independent   = 0x20
	lz4BlockChecksum = 0x10
	lz4HasSize       = 0x08
	lz4HasChecksum   = 0x04
	lz4HasDict       = 0x01
	lz4Header        = 7          // without the size
	lz4Raw           = 0x80000000 // in the length of a block: it is not packed
	lz4FirstGuess    = 64 << 10   // of what a block becomes
)

var errLZ4 = errors.New("malformed lz4")

// appendLZ4 unpacks a frame. Blocks that stand by themselves, as in all that
// Kafka's clients write, are unpacked where they belong; the library's reader,
// which copies them there, does all others. Checksums are left to the batch,
// which has its own.
func (u *Unpacker) appendLZ4(dst, src []byte) ([]byte, error) {
	f, ok := parseLZ4(src)
	if !ok {
		u.src.Reset(src)
		if u.lz4 == nil {
			u.lz4 = lz4.NewReader(&u.src)
		} else {
			u.lz4.Reset(&u.src)
		}
		return appendAll(dst, u.lz4)
	}
	most := len(dst) + MostUnpacked
	for src = src[f.header:]; ; {
		if len(src) < 4 {
			return nil, errLZ4
		}
		n := binary.LittleEndian.Uint32(src)
		src = src[4:]
		if n == 0 { // the end
			if len(src) != f.trailer { // another frame, or rubbish
				return nil, errLZ4
			}
			return dst, nil
		}
		size := int(n &^ lz4Raw)
		if size > f.block || size+f.checksum > len(src) {
			return nil, errLZ4
		}
		var err error
		if n&lz4Raw != 0 {
			dst = append(dst, src[:size]...)
		} else if dst, err = appendBlock(dst, src[:size], f.block); err != nil {
			return nil, err
		}
		if len(dst) > most {
			return nil, errTooMuch
		}
		src = src[size+f.checksum:]
	}
}

// lz4Frame is what the header of a frame says.
type lz4Frame struct {
	header   int // bytes
	block    int // most bytes of a block
	checksum int // bytes behind each block
	trailer  int // bytes behind the end
}

// parseLZ4 reads the header of a frame of blocks that stand by themselves.
func parseLZ4(b []byte) (f lz4Frame, ok bool) {
	if len(b) < lz4Header || binary.LittleEndian.Uint32(b) != lz4Magic {
		return f, false
	}
	flags, size := b[4], b[5]>>4&7
	if flags&lz4VersionMask != lz4Version || flags&lz4Independent == 0 || flags&lz4HasDict != 0 || size < 4 {
		return f, false
	}
	f = lz4Frame{header: lz4Header, block: 64 << 10 << (2 * (size - 4))}
	if flags&lz4HasSize != 0 {
		f.header += 8
	}
	if flags&lz4BlockChecksum != 0 {
		f.checksum = 4
	}
	if flags&lz4HasChecksum != 0 {
		f.trailer = 4
	}
	return f, len(b) >= f.header
}

// appendBlock unpacks a block that becomes most bytes at most. How many is not
// said; where there is too little room the library calls it malformed.
func appendBlock(dst, src []byte, most int) ([]byte, error) {
	for guess := min(max(4*len(src), lz4FirstGuess), most); ; guess = min(4*guess, most) {
		dst = slices.Grow(dst, guess)
		n, err := lz4.UncompressBlock(src, dst[len(dst):len(dst)+guess])
		if err == nil {
			return dst[:len(dst)+n], nil
		}
		if guess == most {
			return nil, err
		}
	}
}
