package avrofile

import (
	"bytes"
	"compress/bzip2"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// Unpack returns the encoded records of a block that is packed with a codec:
// null, deflate, bzip2 or snappy.
func Unpack(codec string, data []byte) ([]byte, error) {
	switch codec {
	case "null":
		return data, nil
	case "deflate":
		return readAll(flate.NewReader(bytes.NewReader(data)))
	case "bzip2":
		return readAll(bzip2.NewReader(bytes.NewReader(data)))
	case "snappy":
		return unsnappy(data)
	}
	return nil, fmt.Errorf("codec %q is not supported: null, deflate, bzip2 and snappy are", codec)
}

func readAll(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, mostBlock+1))
	if err == nil && len(data) > mostBlock {
		err = errors.New("a block is too large")
	}
	return data, err
}

// unsnappy unpacks a block of snappy with the checksum that Avro adds.
// https://github.com/google/snappy/blob/main/format_description.txt
func unsnappy(data []byte) ([]byte, error) {
	if len(data) < 4 {
		return nil, errShort
	}
	sum := binary.BigEndian.Uint32(data[len(data)-4:])
	data = data[:len(data)-4]
	size, n := binary.Uvarint(data)
	// No element makes more than 64 bytes of 3, or a literal of its own length.
	if n <= 0 || size > uint64(len(data))*64 {
		return nil, errors.New("snappy: the length is wrong")
	}
	out := make([]byte, 0, size)
	for data = data[n:]; len(data) > 0; {
		var err error
		if out, data, err = snappyElement(out, data); err != nil {
			return nil, err
		}
		if uint64(len(out)) > size {
			break
		}
	}
	if uint64(len(out)) != size {
		return nil, errors.New("snappy: the length is wrong")
	}
	if crc32.ChecksumIEEE(out) != sum {
		return nil, errors.New("snappy: the checksum is wrong")
	}
	return out, nil
}

var errSnappy = errors.New("snappy: the data are damaged")

// snappyElement unpacks one literal or one copy.
func snappyElement(out, data []byte) (_, rest []byte, err error) {
	tag, data := data[0], data[1:]
	extra := map[byte]int{1: 1, 2: 2, 3: 4}[tag&3] // bytes of a copy's offset
	length := int(tag >> 2)
	if tag&3 == 0 {
		extra = 0
		if length >= 60 {
			extra = length - 59
		}
	}
	if len(data) < extra {
		return nil, nil, errSnappy
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
			return nil, nil, errSnappy
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
		return nil, nil, errSnappy
	}
	for range length { // the copy may overlap what it makes
		out = append(out, out[len(out)-offset])
	}
	return out, data, nil
}
