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

	packbzip2 "github.com/logpipe/logpipe/pkg/bzip2"
	"github.com/logpipe/logpipe/pkg/snappy"
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
func unsnappy(data []byte) ([]byte, error) {
	if len(data) < 4 {
		return nil, errShort
	}
	sum := binary.BigEndian.Uint32(data[len(data)-4:])
	out, err := snappy.Unpack(data[:len(data)-4])
	if err == nil && crc32.ChecksumIEEE(out) != sum {
		err = errors.New("snappy: the checksum is wrong")
	}
	return out, err
}

// Pack packs the encoded records of a block with a codec: null, deflate, bzip2
// or snappy.
func Pack(codec string, data []byte) ([]byte, error) {
	switch codec {
	case "null":
		return data, nil
	case "deflate":
		var b bytes.Buffer
		w, err := flate.NewWriter(&b, flate.DefaultCompression)
		if err != nil {
			return nil, err
		}
		_, err = w.Write(data)
		err = errors.Join(err, w.Close())
		return b.Bytes(), err
	case "bzip2":
		return packbzip2.Append(nil, data)
	case "snappy":
		return binary.BigEndian.AppendUint32(snappy.Append(nil, data), crc32.ChecksumIEEE(data)), nil
	}
	return nil, fmt.Errorf("codec %q cannot be written: null, deflate, bzip2 and snappy can", codec)
}
