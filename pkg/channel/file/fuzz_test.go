package file

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// memoryDisk has one file, which is read only.
type memoryDisk struct{ data []byte }

type memoryFile struct{ *bytes.Reader }

func (d memoryDisk) open(string, int) (handle, error) {
	return memoryFile{bytes.NewReader(d.data)}, nil
}
func (memoryDisk) free(string) (int64, error)             { return 1 << 40, nil }
func (memoryFile) WriteAt(p []byte, _ int64) (int, error) { return len(p), nil }
func (memoryFile) Sync() error                            { return nil }
func (memoryFile) Truncate(int64) error                   { return nil }
func (memoryFile) Close() error                           { return nil }

// sealed is a record around any payload.
func sealed(kind byte, first uint64, synced int64, count int, tag uint32, payload []byte) []byte {
	b := append(make([]byte, recordHeader), payload...)
	r := record{kind: kind, first: first, synced: synced, count: count, length: len(payload), sum: checksum(payload)}
	r.seal(b, tag)
	return b
}

// FuzzReplay reads a segment of two good records, one whose sums fit any payload,
// and any bytes. It may refuse; what it reads must be within the bytes.
func FuzzReplay(f *testing.F) {
	good := appendEvents(nil, []flume.Event{{Headers: flume.Headers{{Key: "k", Value: "v"}}, Body: []byte("body")}})
	f.Add(byte(kindPut), uint64(3), int64(0), 1, good, []byte("junk"), false)
	f.Add(byte(kindTake), uint64(3), int64(200), 1, []byte{0, 2}, sealed(kindPut, 3, 500, 1, 7, good), true)
	f.Add(byte(kindTake), uint64(3), int64(64), 1, []byte{0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}, []byte{7, 0, 0, 0}, true)
	f.Add(byte(kindPut), uint64(1<<63), int64(-1), 1<<31, []byte{0xff, 0xff, 0xff, 0xff, 0xff, 1}, []byte{}, true)
	f.Fuzz(func(t *testing.T, kind byte, first uint64, synced int64, count int, payload, junk []byte, skip bool) {
		s := &segment{path: "segment", tag: 7, number: 1}
		data := s.header()
		data = append(data, sealed(kindPut, 0, 64, 3, s.tag, appendEvents(nil, logpipetest.Events("a b c")))...)
		data = append(data, sealed(kindTake, 3, 64, 1, s.tag, appendRanges(nil, ranges{{0, 1}}))...)
		data = append(data, sealed(kind, first, synced, count, s.tag, payload)...)
		data = append(data, junk...)
		s.end = int64(len(data))
		d := memoryDisk{data}
		r := &replay{disk: d, skip: skip, logf: func(string, ...any) {}}
		if err := r.run([]*segment{s}, segmentHeader); err != nil {
			return
		}
		if s.end > int64(len(data)) || r.next < 3 {
			t.Fatalf("ends at %d of %d, next event %d", s.end, len(data), r.next)
		}
		end := mark{segment: s, offset: s.end, next: r.next}
		c := &Channel{queue: queue{cursor: span{at: place{s, segmentHeader}}, synced: end}}
		c.apply(r.taken)
		reading := &reader{journal: &journal{disk: d, segments: []*segment{s}}, segment: s, offset: segmentHeader}
		for events := 0; c.available(); {
			p := c.pick(10)
			list, at, err := reading.read(nil, p.at, p.from, p.to, 10, 0, end)
			c.picked(p, len(list), at, reading.here())
			if events += len(list); events > len(data)/2 {
				t.Fatalf("%d events out of %d bytes", events, len(data))
			}
			var gap *gapError
			if errors.As(err, &gap) && gap.to > gap.from {
				c.lose(gap)
				continue
			}
			if err != nil {
				return // the payload of a put that fits its sum is no list of events
			}
		}
	})
}

// FuzzCheckpoint decodes any bytes with and without a sum that fits.
func FuzzCheckpoint(f *testing.F) {
	c := &checkpoint{generation: 1, channel: 2, next: 9, end: stored{1, 64}, cursor: 5, cursorAt: stored{1, 64},
		spans: []storedSpan{{1, 3, stored{1, 64}}}}
	f.Add(c.encode(), uint32(1))
	f.Add([]byte(checkpointMagic), uint32(1<<31))
	f.Fuzz(func(t *testing.T, b []byte, _ uint32) {
		got := decodeCheckpoint(b)
		if got == nil && len(b) > 4 {
			got = decodeCheckpoint(append(b[:len(b)-4:len(b)-4], sumOf(b[:len(b)-4])...))
		}
		if got == nil {
			return
		}
		if again := got.encode(); decodeCheckpoint(again) == nil || !bytes.Equal(again[:len(again)-4], b[:len(again)-4]) {
			t.Fatalf("%x became %x", b, again)
		}
		// The queue of any checkpoint is refused or within its segments.
		s := &segment{path: "segment", number: 1, channel: got.channel, end: 1000}
		_ = new(Channel).resume([]*segment{s}, got)
	})
}

func sumOf(b []byte) []byte {
	n := checksum(b)
	return []byte{byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24)}
}

// FuzzSegmentHead decodes the head of a segment.
func FuzzSegmentHead(f *testing.F) {
	f.Add((&segment{tag: 1, channel: 2, number: 3, first: 4, beforeEnd: 5}).header())
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := parseSegment(b, "segment", int64(len(b))); err == nil && s.beforeEnd < 0 {
			t.Fatal("a negative length")
		}
	})
}

var _ io.ReaderAt = memoryFile{}
