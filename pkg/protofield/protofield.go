// Package protofield reads the fields of a protobuf message without its schema, for
// the few short messages of other people's protocols and files that are looked into.
// The encoding is https://protobuf.dev/programming-guides/encoding/.
package protofield

import (
	"encoding/binary"
	"errors"
)

// ErrMalformed is a message that is not protobuf, or ends early.
var ErrMalformed = errors.New("malformed protobuf message")

// Delimited is the message at the start of b that has its length, a varint, before
// it; n is how many bytes both are.
func Delimited(b []byte) (message []byte, n int, err error) {
	size, n := binary.Uvarint(b)
	if n <= 0 || size > uint64(len(b)-n) {
		return nil, 0, ErrMalformed
	}
	return b[n : n+int(size)], n + int(size), nil
}

// Each calls f for each field of a message in its order, with the number of a varint
// or fixed field, or the bytes of a delimited one. It ends at the first error of f,
// and with ErrMalformed where the message is none; groups, which no current protocol
// has, are none.
func Each(message []byte, f func(field int, number uint64, packed []byte) error) error {
	for b := message; len(b) > 0; {
		tag, n := binary.Uvarint(b)
		if n <= 0 {
			return ErrMalformed
		}
		b = b[n:]
		number, packed, n := value(b, tag&7)
		if n <= 0 || n > len(b) {
			return ErrMalformed
		}
		if err := f(int(tag>>3), number, packed); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// value reads a field's value by its wire type; n is how many bytes it has, and
// not within b where it is cut off or of another type.
func value(b []byte, wireType uint64) (number uint64, packed []byte, n int) {
	switch wireType {
	case 0:
		number, n = binary.Uvarint(b)
	case 1:
		if n = 8; len(b) >= n {
			number = binary.LittleEndian.Uint64(b)
		}
	case 2:
		packed, n, _ = Delimited(b) // n is 0 with its error
	case 5:
		if n = 4; len(b) >= n {
			number = uint64(binary.LittleEndian.Uint32(b))
		}
	}
	return number, packed, n
}
