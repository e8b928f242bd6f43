package kafka

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/logpipe/logpipe/pkg/codec"
)

// Batches are read where they lie: a header of 61 bytes, then records as encode.go
// writes them, packed by the codec of the batch. The format is that of
// kafka.apache.org/documentation/#recordbatch.

// Places in the header of a batch. Length and magic are where the older formats have
// them too.
const (
	atLength     = 8 // of what follows it
	atEpoch      = 12
	atMagic      = 16
	atSum        = 17
	atAttributes = 21
	atLastDelta  = 23
	atFirstTime  = 27
	atMostTime   = 35
	atProducer   = 43
	atCount      = 57
	behindLength = 12
	magic        = 2
)

// Attributes of a batch.
const (
	codecMask     = 0x07
	appendTime    = 0x08
	transactional = 0x10
	control       = 0x20
)

// frame is a batch that was read, or a message of an older format (decode_old.go):
// the bytes of all of it.
type frame []byte

func (f frame) base() int64       { return int64(binary.BigEndian.Uint64(f)) }
func (f frame) codec() codec.Kind { return codec.Kind(f.attributes() & codecMask) }
func (f frame) firstTime() int64  { return int64(binary.BigEndian.Uint64(f[atFirstTime:])) }
func (f frame) mostTime() int64   { return int64(binary.BigEndian.Uint64(f[atMostTime:])) }
func (f frame) producer() int64   { return int64(binary.BigEndian.Uint64(f[atProducer:])) }
func (f frame) count() int        { return int(int32(binary.BigEndian.Uint32(f[atCount:]))) }
func (f frame) body() []byte      { return f[batchOverhead:] }

// epoch is that of the leader which has written it; older formats do not tell.
func (f frame) epoch() leaderEpoch {
	if f.old() {
		return 0
	}
	return epochOf(int32(binary.BigEndian.Uint32(f[atEpoch:])))
}

// attributes are those of the batch, or of a message.
func (f frame) attributes() int16 {
	if f.old() {
		return int16(f[atOldAttributes] & oldMask)
	}
	return int16(binary.BigEndian.Uint16(f[atAttributes:]))
}

// last is the offset of the last record that it had when it was written.
func (f frame) last() int64 {
	if f.old() {
		return f.base()
	}
	return f.base() + int64(int32(binary.BigEndian.Uint32(f[atLastDelta:])))
}

var (
	errFrame  = errors.New("a batch with lengths that cannot be")
	errRecord = errors.New("a record with an end or a length that cannot be")
	errSum    = errors.New("a batch whose checksum is wrong: it was damaged on a disk or on its way")
)

// nextFrame takes a batch off the bytes of a partition. nil is the end; a broker
// cuts the last batch off where it has reached the size that was asked for.
func nextFrame(b []byte) (f frame, rest []byte, err error) {
	if len(b) <= atMagic {
		return nil, nil, nil
	}
	length := int64(int32(binary.BigEndian.Uint32(b[atLength:])))
	least := int64(batchOverhead)
	switch {
	case b[atMagic] < magic:
		least = oldLeast
	case b[atMagic] > magic:
		return nil, nil, fmt.Errorf("record format %d, which is not known", b[atMagic])
	}
	if length < least-behindLength {
		return nil, nil, errFrame
	}
	if length > int64(len(b)-behindLength) {
		return nil, nil, nil
	}
	n := behindLength + int(length)
	f = frame(b[:n:n])
	if !f.old() && (f.last() < f.base() || f.count() < 0) {
		return nil, nil, errFrame
	}
	return f, b[n:], nil
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// check holds that the batch is what was written.
func (f frame) check() error {
	if f.old() {
		return f.checkOld()
	}
	if crc32.Checksum(f[atAttributes:], castagnoli) != binary.BigEndian.Uint32(f[atSum:]) {
		return errSum
	}
	return nil
}

// recordLeast is what a record takes at least: its length, attributes, two deltas,
// key, value and the number of headers.
const recordLeast = 7

// decoder reads records. It keeps the names of headers, which are mostly those of
// the record before.
type decoder struct {
	names []string
}

// Of the names that are kept.
const (
	namesKept  = 16
	nameLength = 64
)

// timeOf is a record's time; Kafka's "none" is the zero time.
func timeOf(ms int64) time.Time {
	if ms < 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}

// deltas are how far a record is behind the first one of its batch.
type deltas struct{ offset, ms int64 }

// record reads key, value and headers of the record at the head of b into r. The
// headers are appended to list. Key, value and headers' values are parts of b.
func (d *decoder) record(r *Record, b []byte, list []Header) (by deltas, rest []byte, _ []Header, err error) {
	size, i := varintAt(b, 0)
	if i > len(b) || size < 1 || size > int64(len(b)-i) {
		return by, nil, list, errRecord
	}
	end := i + int(size)
	rest, b = b[end:], b[:end:end]
	by.ms, i = varintAt(b, i+1) // behind attributes, which are none
	by.offset, i = varintAt(b, i)
	r.Key, i = fieldAt(b, i)
	r.Value, i = fieldAt(b, i)
	count, i := varintAt(b, i)
	if i > len(b) || count < 0 || count > int64(len(b)-i) {
		return by, nil, list, errRecord
	}
	r.Headers = nil
	if count > 0 {
		if list, i, err = d.headers(list, b, i, int(count)); err != nil {
			return by, nil, list, err
		}
		n := len(list)
		r.Headers = list[n-int(count) : n : n]
	}
	if i != len(b) {
		return by, nil, list, errRecord
	}
	return by, rest, list, nil
}

// readRecord reads a record that stands alone; base is the time of its batch in ms.
func readRecord(r *Record, b []byte, base int64) (delta int64, rest []byte, err error) {
	var d decoder
	by, rest, _, err := d.record(r, b, nil)
	r.Time = time.UnixMilli(base + by.ms)
	return by.offset, rest, err
}

// headers appends the headers that stand at i.
func (d *decoder) headers(list []Header, b []byte, i, count int) ([]Header, int, error) {
	for n := range count {
		var h Header
		var name []byte
		name, i = fieldAt(b, i)
		if i > len(b) {
			return list, i, errRecord
		}
		h.Key = d.name(n, name)
		h.Value, i = fieldAt(b, i)
		list = append(list, h)
	}
	return list, i, nil
}

// name is a text that does not go with the record's memory.
func (d *decoder) name(n int, b []byte) string {
	if n < len(d.names) && d.names[n] == string(b) {
		return d.names[n]
	}
	s := string(b)
	switch {
	case len(s) > nameLength:
	case n < len(d.names):
		d.names[n] = s
	case n == len(d.names) && n < namesKept:
		d.names = append(d.names, s)
	}
	return s
}

// varintAt reads the number at i and returns what is behind it. A place behind the
// end of b says that it, or one before it, was not there.
func varintAt(b []byte, i int) (int64, int) {
	if i < len(b) && b[i] < 0x80 {
		return int64(b[i]>>1) ^ -int64(b[i]&1), i + 1
	}
	return longVarintAt(b, i)
}

func longVarintAt(b []byte, i int) (int64, int) {
	if i < len(b) {
		if v, n := binary.Varint(b[i:]); n > 0 {
			return v, i + n
		}
	}
	return 0, len(b) + 1
}

// fieldAt reads a key or value in the same way; nil is null.
func fieldAt(b []byte, i int) ([]byte, int) {
	n, i := varintAt(b, i)
	if i > len(b) || n < noField || n > int64(len(b)-i) {
		return nil, len(b) + 1
	}
	if n == noField {
		return nil, i
	}
	end := i + int(n)
	return b[i:end:end], end
}
