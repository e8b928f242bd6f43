// Package snappy packs and unpacks blocks of Snappy, without a frame around
// them: Avro and Hadoop each have a frame of their own.
//
// The format is https://github.com/google/snappy/blob/main/format_description.txt.
package snappy

import (
	"encoding/binary"
	"errors"
)

const (
	hashBits = 14
	// blockSize bounds the part in which copies are looked for, so that their
	// offsets fit in two bytes.
	blockSize = 1 << 16
	// margin is how many bytes before the end of a part no copy begins.
	margin = 15
)

// Append packs src as one block and appends it to dst.
func Append(dst, src []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(src)))
	var table [1 << hashBits]uint16
	for len(src) > 0 {
		part := src[:min(len(src), blockSize)]
		src = src[len(part):]
		if len(part) < margin+4 {
			dst = appendLiteral(dst, part)
			continue
		}
		clear(table[:])
		dst = appendPart(dst, part, &table)
	}
	return dst
}

func hash(u uint32) uint32 { return u * 0x1E35A7BD >> (32 - hashBits) }

// appendPart packs up to blockSize bytes. It looks for copies less often the
// longer it has found none.
func appendPart(dst, src []byte, table *[1 << hashBits]uint16) []byte {
	limit := len(src) - margin
	load := func(i int) uint32 { return binary.LittleEndian.Uint32(src[i:]) }
	done := 0 // what of src is packed
	for at, skip := 1, 32; at < limit; {
		h := hash(load(at))
		candidate := int(table[h])
		table[h] = uint16(at)
		if load(candidate) != load(at) {
			at += skip >> 5
			skip++
			continue
		}
		dst = appendLiteral(dst, src[done:at])
		end := at + 4
		for from := candidate + 4; end < len(src) && src[from] == src[end]; from++ {
			end++
		}
		dst = appendCopy(dst, at-candidate, end-at)
		at, done, skip = end, end, 32
		if at < limit {
			table[hash(load(at-1))] = uint16(at - 1)
		}
	}
	return appendLiteral(dst, src[done:])
}

func appendLiteral(dst, lit []byte) []byte {
	switch n := len(lit) - 1; {
	case n < 0:
		return dst
	case n < 60:
		dst = append(dst, byte(n)<<2)
	case n < 1<<8:
		dst = append(dst, 60<<2, byte(n))
	default: // a part has at most 1<<16
		dst = append(dst, 61<<2, byte(n), byte(n>>8))
	}
	return append(dst, lit...)
}

func appendCopy(dst []byte, offset, length int) []byte {
	for length >= 68 { // so that what is left is at least 4
		dst = append(dst, 63<<2|2, byte(offset), byte(offset>>8))
		length -= 64
	}
	if length > 64 {
		dst = append(dst, 59<<2|2, byte(offset), byte(offset>>8))
		length -= 60
	}
	if length >= 12 || offset >= 2048 {
		return append(dst, byte(length-1)<<2|2, byte(offset), byte(offset>>8))
	}
	return append(dst, byte(offset>>8)<<5|byte(length-4)<<2|1, byte(offset))
}

var (
	errDamaged = errors.New("snappy: the data are damaged")
	errLength  = errors.New("snappy: the length is wrong")
)

// Unpack returns what a block holds.
func Unpack(data []byte) ([]byte, error) {
	size, n := binary.Uvarint(data)
	// A length has 32 bits, so five bytes. No element makes more than 64 bytes of 3, or
	// a literal of its own length.
	if n <= 0 || n > 5 || size > uint64(len(data))*64 {
		return nil, errLength
	}
	out := make([]byte, 0, size)
	for data = data[n:]; len(data) > 0; {
		var err error
		if out, data, err = element(out, data); err != nil {
			return nil, err
		}
		if uint64(len(out)) > size {
			break
		}
	}
	if uint64(len(out)) != size {
		return nil, errLength
	}
	return out, nil
}

// element unpacks one literal or one copy.
func element(out, data []byte) (_, rest []byte, err error) {
	tag, data := data[0], data[1:]
	extra := [4]int{0, 1, 2, 4}[tag&3] // bytes of a copy's offset
	length := int(tag >> 2)
	if tag&3 == 0 && length >= 60 {
		extra = length - 59
	}
	if len(data) < extra {
		return nil, nil, errDamaged
	}
	number := 0
	for i, b := range data[:extra] {
		number |= int(b) << (8 * i)
	}
	data = data[extra:]
	if tag&3 == 0 {
		if extra > 0 {
			length = number
		}
		length++
		if length > len(data) {
			return nil, nil, errDamaged
		}
		return append(out, data[:length]...), data[length:], nil
	}
	offset := number
	length++
	if tag&3 == 1 {
		offset |= int(tag&0xE0) << 3
		length = int(tag>>2&7) + 4
	}
	if offset == 0 || offset > len(out) {
		return nil, nil, errDamaged
	}
	for range length { // the copy may overlap what it makes
		out = append(out, out[len(out)-offset])
	}
	return out, data, nil
}
