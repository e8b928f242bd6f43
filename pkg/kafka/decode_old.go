package kafka

import (
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
)

// Message sets are what logs were made of before Kafka 0.11; brokers before 4.0
// hand them out as they stand there. Each message has a sum of its own; packed
// ones are the value of another, whose offset is that of the last one in it
// (kafka.apache.org/documentation/#messageset, formats 0 and 1).

// Places in a message of these formats. In format 1 a time stands before the key.
const (
	atOldSum        = 12
	atOldAttributes = 17
	atOldKey        = 18
	oldTime         = 8
	oldLeast        = atOldKey + 4 + 4
	oldMask         = codecMask | appendTime
)

// old tells whether f is a message and no batch.
func (f frame) old() bool { return f[atMagic] < magic }

// checkOld holds that the message is what was written.
func (f frame) checkOld() error {
	if crc32.ChecksumIEEE(f[atMagic:]) != binary.BigEndian.Uint32(f[atOldSum:]) {
		return errSum
	}
	return nil
}

// message reads key, value and time of a message.
func (f frame) message() (key, value []byte, ms int64, err error) {
	r := answerReader{b: f[atOldKey:]}
	ms = -1
	if f[atMagic] == 1 {
		ms = r.int64()
	}
	key, value = r.field(), r.field()
	if r.bad || len(r.b) > 0 {
		return nil, nil, 0, errRecord
	}
	return key, value, ms, nil
}

// field reads a key or value; nil is null.
func (r *answerReader) field() []byte {
	n := int(r.int32())
	switch {
	case n == noField:
		return nil
	case n < noField:
		r.bad = true
		return nil
	}
	return r.bytes(n)
}

var errNested = errors.New("packed messages within packed messages")

// fillOld decodes the messages of a set: f itself, or those that were packed in it.
func (h *handing) fillOld(ctx context.Context, a *answer, f frame, set []byte, from *memory) error {
	packed := f.attributes()&codecMask != 0
	shift := int64(0)
	if packed && f[atMagic] == 1 { // their offsets count from the first one of the set
		last, err := lastOf(set)
		if err != nil {
			return a.wrong(f.base(), err)
		}
		shift = f.base() - last
	}
	for len(set) > 0 {
		m, rest, err := nextFrame(set)
		if err == nil && (m == nil || !m.old()) {
			err = errFrame
		}
		if err == nil && packed && m.attributes()&codecMask != 0 {
			err = errNested
		}
		offset, size := int64(0), len(set)-len(rest)
		if err == nil {
			if offset = m.base() + shift; offset > f.base() {
				err = errRecord
			}
		}
		if err != nil {
			return a.wrong(f.base(), err)
		}
		set = rest
		r, err := h.room(ctx, a, from, len(set)/oldLeast+1)
		if err != nil {
			return err
		}
		var ms int64
		if r.Key, r.Value, ms, err = m.message(); err != nil {
			return a.wrong(f.base(), err)
		}
		if packed && f.attributes()&appendTime != 0 {
			ms = f.timeOfOld()
		}
		r.Headers, r.Time = nil, timeOf(ms)
		h.placed(a, r, offset, size)
	}
	return nil
}

// lastOf is the offset that stands in the last message of a set.
func lastOf(set []byte) (last int64, err error) {
	for len(set) > 0 {
		m, rest, err := nextFrame(set)
		if err != nil {
			return 0, err
		}
		if m == nil {
			return 0, errFrame
		}
		last, set = m.base(), rest
	}
	return last, nil
}

// timeOfOld is the time of a message of format 1.
func (f frame) timeOfOld() int64 {
	if f[atMagic] != 1 || len(f) < atOldKey+oldTime {
		return -1
	}
	return int64(binary.BigEndian.Uint64(f[atOldKey:]))
}
