package hadoopfile

import (
	"crypto/rand"
	"encoding/binary"
)

// The classes of keys and values that logpipe writes.
const (
	LongWritable  = "org.apache.hadoop.io.LongWritable"
	BytesWritable = "org.apache.hadoop.io.BytesWritable"
	TextWritable  = "org.apache.hadoop.io.Text"
)

const (
	sequenceMagic = "SEQ\x06"
	syncSize      = 16
	syncEscape    = 0xFFFFFFFF
	// syncInterval is about how many bytes of records follow a marker.
	syncInterval = 2000
	// blockSize is how many bytes of keys and values make a block.
	blockSize = 1_000_000
)

// SequenceWriter writes a SequenceFile, record by record, or in packed blocks
// where it has a codec. All methods append to dst and return it.
type SequenceWriter struct {
	key, value string
	codec      *Codec
	sync       [syncSize]byte
	since      int // bytes since the last marker

	count                                int // records that are not written
	keyLengths, keys, valueLengths, body []byte
	packed                               []byte
}

// NewSequenceWriter makes the writer of one file. The classes are those of keys
// and values; without a codec records are not packed.
func NewSequenceWriter(key, value string, codec *Codec) *SequenceWriter {
	w := &SequenceWriter{key: key, value: value, codec: codec}
	rand.Read(w.sync[:]) // it never fails
	return w
}

// Begin appends the header.
func (w *SequenceWriter) Begin(dst []byte) []byte {
	dst = append(dst, sequenceMagic...)
	dst = appendString(appendString(dst, w.key), w.value)
	packed := byte(0)
	if w.codec != nil {
		packed = 1
	}
	dst = append(dst, packed, packed) // packed at all, and in blocks
	if w.codec != nil {
		dst = appendString(dst, w.codec.Class)
	}
	dst = append(dst, 0, 0, 0, 0) // no metadata
	return append(dst, w.sync[:]...)
}

// Append appends a record, whose key and value are serialised already, or keeps
// it for a block.
func (w *SequenceWriter) Append(dst, key, value []byte) ([]byte, error) {
	if w.codec != nil {
		w.count++
		w.keyLengths = appendVarint(w.keyLengths, int64(len(key)))
		w.keys = append(w.keys, key...)
		w.valueLengths = appendVarint(w.valueLengths, int64(len(value)))
		w.body = append(w.body, value...)
		if len(w.keys)+len(w.body) >= blockSize {
			return w.Flush(dst)
		}
		return dst, nil
	}
	if w.since >= syncInterval {
		dst = w.appendSync(dst)
	}
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(key)+len(value)))
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(key)))
	dst = append(append(dst, key...), value...)
	w.since += 8 + len(key) + len(value)
	return dst, nil
}

func (w *SequenceWriter) appendSync(dst []byte) []byte {
	w.since = 0
	dst = binary.BigEndian.AppendUint32(dst, syncEscape)
	return append(dst, w.sync[:]...)
}

// Flush appends what is kept, and a marker.
func (w *SequenceWriter) Flush(dst []byte) ([]byte, error) {
	if w.codec == nil {
		if w.since == 0 {
			return dst, nil
		}
		return w.appendSync(dst), nil
	}
	if w.count == 0 {
		return dst, nil
	}
	dst = w.appendSync(dst)
	dst = appendVarint(dst, int64(w.count))
	for _, part := range [][]byte{w.keyLengths, w.keys, w.valueLengths, w.body} {
		var err error
		if w.packed, err = w.codec.Append(w.packed[:0], part); err != nil {
			return dst, err
		}
		dst = append(appendVarint(dst, int64(len(w.packed))), w.packed...)
	}
	w.Forget()
	return dst, nil
}

// Forget drops what is kept.
func (w *SequenceWriter) Forget() {
	w.count = 0
	w.keyLengths, w.keys = w.keyLengths[:0], w.keys[:0]
	w.valueLengths, w.body = w.valueLengths[:0], w.body[:0]
}

// AppendLong appends a LongWritable.
func AppendLong(dst []byte, n int64) []byte { return binary.BigEndian.AppendUint64(dst, uint64(n)) }

// AppendBytes appends a BytesWritable.
func AppendBytes(dst, b []byte) []byte {
	return append(binary.BigEndian.AppendUint32(dst, uint32(len(b))), b...)
}

// AppendText appends a Text.
func AppendText(dst, b []byte) []byte { return append(appendVarint(dst, int64(len(b))), b...) }

func appendString(dst []byte, s string) []byte { return append(appendVarint(dst, int64(len(s))), s...) }

// appendVarint appends a number as WritableUtils.writeVLong does.
func appendVarint(dst []byte, n int64) []byte {
	if n >= -112 && n <= 127 {
		return append(dst, byte(n))
	}
	first := -112
	if n < 0 {
		n = ^n
		first = -120
	}
	size := 0
	for rest := n; rest != 0; rest >>= 8 {
		size++
	}
	dst = append(dst, byte(first-size))
	for size--; size >= 0; size-- {
		dst = append(dst, byte(n>>(8*size)))
	}
	return dst
}
