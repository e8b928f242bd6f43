package agent

import (
	"bytes"
	"encoding/binary"
	"unicode/utf16"
)

// noText is what is said of a file that is none. Nothing else is said of it then.
const noText = "the file is no text: it holds bytes of the value zero"

// plainText returns the bytes of a property file as its parser takes them. A file
// of another kind is reported; what an editor of Windows has saved as Unicode is
// read all the same, so that one run finds all that is wrong with it.
func plainText(file string, data []byte) ([]byte, []Finding) {
	finding := Finding{File: file, Line: 1, Column: 1, Level: Error}
	order, data := unitOrder(data)
	switch {
	case order != nil:
	case bytes.IndexByte(data, 0) < 0:
		return bytes.TrimPrefix(data, []byte("\ufeff")), nil
	default:
		finding.Message, finding.Fix = noText, "name a property file"
		return nil, []Finding{finding}
	}
	units := make([]uint16, len(data)/2)
	for i := range units {
		units[i] = order.Uint16(data[2*i:])
	}
	finding.Message, finding.Fix = "the file is in UTF-16, which Flume cannot read", "save it as UTF-8"
	return []byte(string(utf16.Decode(units))), []Finding{finding}
}

// unitOrder is the order of the bytes of a file in UTF-16, and the file without the
// mark that tells it; nil = it is in something else. Without a mark it is told by
// the zeros, which every other byte of a property file is there, or nearly.
func unitOrder(data []byte) (binary.ByteOrder, []byte) {
	switch {
	case bytes.HasPrefix(data, []byte{0xFF, 0xFE, 0, 0}): // UTF-32
		return nil, data
	case bytes.HasPrefix(data, []byte{0xFF, 0xFE}):
		return binary.LittleEndian, data[2:]
	case bytes.HasPrefix(data, []byte{0xFE, 0xFF}):
		return binary.BigEndian, data[2:]
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	var zeros [2]int // at even and at odd places
	for i, b := range data {
		if b == 0 {
			zeros[i%2]++
		}
	}
	switch most := len(data) / 4; {
	case zeros[0] == 0 && zeros[1] > most:
		return binary.LittleEndian, data
	case zeros[1] == 0 && zeros[0] > most:
		return binary.BigEndian, data
	}
	return nil, data
}
