package file

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"

	"github.com/logpipe/logpipe/pkg/flume"
)

const (
	recordHeader = 40 // bytes before a payload
	kindPut      = 1
	kindTake     = 2
)

// Go's tables are made once; this one uses the processor's instruction.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

// record is what stands before the payload of a record.
type record struct {
	kind   byte
	first  uint64 // of the events put, or of the next event to be put
	synced int64  // offset up to which the segment was on disk
	count  int    // events put or taken
	length int    // of the payload
	sum    uint32 // of the payload
}

// seal writes the bytes of r in front of the payload in b, which begins with
// room for them.
func (r *record) seal(b []byte, tag uint32) {
	le := binary.LittleEndian
	le.PutUint32(b, tag)
	le.PutUint32(b[4:], uint32(r.kind))
	le.PutUint64(b[8:], r.first)
	le.PutUint64(b[16:], uint64(r.synced))
	le.PutUint32(b[24:], uint32(r.count))
	le.PutUint32(b[28:], uint32(r.length))
	le.PutUint32(b[32:], r.sum)
	le.PutUint32(b[36:], checksum(b[:36]))
}

// parseRecord reads what seal wrote. It is false where b, which has at least
// recordHeader bytes, is no record of the segment with that tag.
func parseRecord(b []byte, tag uint32) (record, bool) {
	le := binary.LittleEndian
	if le.Uint32(b) != tag || le.Uint32(b[36:]) != checksum(b[:36]) {
		return record{}, false
	}
	r := record{kind: b[4], first: le.Uint64(b[8:]), synced: int64(le.Uint64(b[16:])),
		count: int(le.Uint32(b[24:])), length: int(le.Uint32(b[28:])), sum: le.Uint32(b[32:])}
	// Two bytes are the least that an event or a range of takes has.
	ok := le.Uint32(b[4:]) == uint32(r.kind) && r.synced >= 0 && r.count > 0 &&
		(r.kind == kindPut && r.count <= r.length/2 || r.kind == kindTake && r.length >= 2)
	return r, ok
}

// appendEvents appends the payload of a put.
func appendEvents(b []byte, batch []flume.Event) []byte {
	for i := range batch {
		e := &batch[i]
		b = binary.AppendUvarint(b, uint64(len(e.Headers)))
		for _, h := range e.Headers {
			b = binary.AppendUvarint(b, uint64(len(h.Key)))
			b = append(b, h.Key...)
			b = binary.AppendUvarint(b, uint64(len(h.Value)))
			b = append(b, h.Value...)
		}
		b = binary.AppendUvarint(b, uint64(len(e.Body)))
		b = append(b, e.Body...)
	}
	return b
}

var errEvent = errors.New("an event does not end within its record")

// skipEvent returns what follows the first event in p.
func skipEvent(p []byte) ([]byte, error) {
	headers, p, err := cutCount(p)
	if err != nil {
		return nil, err
	}
	for range 2*headers + 1 {
		if _, p, err = cutBytes(p); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// cutCount reads a number of headers, which need two bytes each.
func cutCount(p []byte) (int, []byte, error) {
	n, w := binary.Uvarint(p)
	if w <= 0 || n > uint64(len(p)-w)/2 {
		return 0, nil, errEvent
	}
	return int(n), p[w:], nil
}

// cutBytes reads a length and as many bytes.
func cutBytes(p []byte) (text, rest []byte, err error) {
	n, w := binary.Uvarint(p)
	if w <= 0 || n > uint64(len(p)-w) {
		return nil, nil, errEvent
	}
	end := w + int(n)
	return p[w:end:end], p[end:], nil
}

// arena has the headers of events: it makes a few large allocations instead of
// one for each event.
type arena struct{ headers []flume.Header }

const arenaHeaders = 256

// event returns the first event of p, whose body is a part of p, and what follows
// it.
func (a *arena) event(p []byte) (flume.Event, []byte, error) {
	n, p, err := cutCount(p)
	if err != nil {
		return flume.Event{}, nil, err
	}
	var e flume.Event
	if n > 0 {
		if e.Headers, p, err = a.headerList(p, n); err != nil {
			return flume.Event{}, nil, err
		}
	}
	body, p, err := cutBytes(p)
	if err != nil {
		return flume.Event{}, nil, err
	}
	e.Body = body
	return e, p, nil
}

// headerList copies the n headers at the start of p; their texts share one
// string.
func (a *arena) headerList(p []byte, n int) (flume.Headers, []byte, error) {
	total := 0
	rest := p
	for range 2 * n {
		text, more, err := cutBytes(rest)
		if err != nil {
			return nil, nil, err
		}
		total, rest = total+len(text), more
	}
	if len(a.headers) < n {
		a.headers = make([]flume.Header, max(n, arenaHeaders))
	}
	list := flume.Headers(a.headers[:n:n])
	a.headers = a.headers[n:]
	var texts strings.Builder
	texts.Grow(total)
	cut := func() string {
		var text []byte
		text, p, _ = cutBytes(p) // walked above
		texts.Write(text)
		all := texts.String()
		return all[len(all)-len(text):]
	}
	for i := range list {
		list[i].Key = cut()
		list[i].Value = cut()
	}
	return list, rest, nil
}

// appendRanges appends the payload of a take.
func appendRanges(b []byte, all ranges) []byte {
	for _, r := range all {
		b = binary.AppendUvarint(b, r.from)
		b = binary.AppendUvarint(b, r.to-r.from)
	}
	return b
}

// eachRange calls f for each range in the payload of a take.
func eachRange(p []byte, f func(from, to uint64)) error {
	for len(p) > 0 {
		from, w := binary.Uvarint(p)
		if w <= 0 {
			return errors.New("a range of takes is cut short")
		}
		p = p[w:]
		n, w := binary.Uvarint(p)
		if w <= 0 || from+n < from {
			return fmt.Errorf("the range of takes from %d on makes no sense", from)
		}
		p = p[w:]
		f(from, from+n)
	}
	return nil
}
