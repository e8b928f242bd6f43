package state

import (
	"bytes"
	"encoding/binary"
	"math"

	"github.com/logpipe/logpipe/pkg/record"
)

// Group keys are byte strings that sort like the values they are made of
// (record.Compare), component by component, and by value: 1, 1.0 and 1e0 give
// one key. A component is a tag and, for texts, the bytes with 0x00 written as
// 0x00 0xFF and a final 0x00; numbers are the sortable bits of the float64 and
// what an integer has beyond it.
const (
	tagNull = 1 + iota
	tagFalse
	tagTrue
	tagNumber
	tagString
	tagObject
	tagArray
)

// AppendKey appends v as one component of a key.
func AppendKey(dst []byte, v record.Value) []byte {
	switch v.Kind {
	case record.Null:
		return append(dst, tagNull)
	case record.Bool:
		return append(dst, tagFalse+byte(v.Num))
	case record.Int:
		return appendInt(dst, v.Int())
	case record.Float:
		return appendNumber(dst, v.Float(), 0)
	case record.String:
		return appendText(append(dst, tagString), v.Bytes)
	case record.Object:
		return appendText(append(dst, tagObject), v.Bytes)
	}
	return appendText(append(dst, tagArray), v.Bytes)
}

// AppendTextKey appends a text that is known to hold no byte 0x00.
func AppendTextKey(dst, text []byte) []byte {
	dst = append(dst, tagString)
	dst = append(dst, text...)
	return append(dst, 0)
}

// CutTextKey returns the text of a key that is one text without the byte 0x00.
func CutTextKey(key []byte) (text []byte, ok bool) {
	n := len(key) - 1
	if key[0] != tagString || bytes.IndexByte(key, 0) != n {
		return nil, false
	}
	return key[1:n], true
}

func appendInt(dst []byte, n int64) []byte {
	f := float64(n)
	if f >= 1<<63 {
		return appendNumber(dst, f, n-math.MaxInt64-1) // f is MaxInt64+1
	}
	return appendNumber(dst, f, n-int64(f))
}

// appendNumber appends f and the small rest (at most 512 off zero).
func appendNumber(dst []byte, f float64, rest int64) []byte {
	b := math.Float64bits(f)
	if b>>63 == 1 {
		b = ^b
	} else {
		b |= 1 << 63
	}
	dst = binary.BigEndian.AppendUint64(append(dst, tagNumber), b)
	return binary.BigEndian.AppendUint16(dst, uint16(rest+1<<15))
}

func appendText(dst, b []byte) []byte {
	for {
		i := bytes.IndexByte(b, 0)
		if i < 0 {
			return append(append(dst, b...), 0)
		}
		dst = append(append(dst, b[:i]...), 0, 0xFF)
		b = b[i+1:]
	}
}

// CutKey reads the first component of key and returns the rest. Texts with
// 0x00 are copied, others borrowed.
func CutKey(key []byte) (v record.Value, rest []byte) {
	tag := key[0]
	key = key[1:]
	switch tag {
	case tagFalse, tagTrue:
		return record.BoolValue(tag == tagTrue), key
	case tagNumber:
		return cutNumber(key)
	case tagString, tagObject, tagArray:
		b, rest := cutText(key)
		return record.Value{Kind: record.String + record.Kind(tag-tagString), Bytes: b}, rest
	}
	return record.Value{}, key
}

func cutNumber(key []byte) (record.Value, []byte) {
	b := binary.BigEndian.Uint64(key)
	off := int64(binary.BigEndian.Uint16(key[8:])) - 1<<15
	if b>>63 == 1 {
		b &^= 1 << 63
	} else {
		b = ^b
	}
	f := math.Float64frombits(b)
	if off != 0 && f >= 1<<63 {
		return record.IntValue(math.MaxInt64 + off + 1), key[10:]
	}
	if off != 0 {
		return record.IntValue(int64(f) + off), key[10:]
	}
	return record.FloatValue(f), key[10:]
}

func cutText(key []byte) (text, rest []byte) {
	i := bytes.IndexByte(key, 0)
	if i+1 == len(key) || key[i+1] != 0xFF {
		return key[:i:i], key[i+1:]
	}
	for i+1 < len(key) && key[i+1] == 0xFF {
		text = append(append(text, key[:i]...), 0)
		key = key[i+2:]
		i = bytes.IndexByte(key, 0)
	}
	return append(text, key[:i]...), key[i+1:]
}
