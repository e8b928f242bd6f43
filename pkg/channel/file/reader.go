package file

import (
	"errors"
	"fmt"
	"math"
	"os"

	"github.com/logpipe/logpipe/pkg/flume"
)

// place is where a record begins.
type place struct {
	segment *segment
	offset  int64
}

// takeBytes is how much one take reads; a take of large events is shorter than
// asked for, so that memory stays bounded.
const takeBytes = 32 << 20

// reader reads events out of the log. It stays within the record that it read
// last, so that takes smaller than the puts were read that only once.
type reader struct {
	journal *journal
	window  window
	file    handle
	segment *segment
	limit   int64  // of the segment
	until   uint64 // first event behind the limit

	offset int64  // of the record, or of the next one when there is no rest
	next   int64  // offset behind the record
	event  uint64 // that rest begins with
	left   int    // events in rest
	rest   []byte
	arena  arena
	blocks flume.Blocks
}

// gapError says which events cannot be read.
type gapError struct {
	from, to uint64
	err      error
}

func (e *gapError) Error() string { return e.err.Error() }
func (e *gapError) Unwrap() error { return e.err }

// read appends events to list, from the event `from` on and less than `to`: at
// least one, or there is an error, and more than a batch only up to so many bytes.
// The record of the first one is at a place that at names, or behind it; read
// returns its exact place.
func (r *reader) read(list []flume.Event, at place, from, to uint64, batch, most int, end mark) ([]flume.Event, place, error) {
	if err := r.seek(at, from, end); err != nil {
		return list, at, err
	}
	first := place{r.segment, r.offset}
	for bytes := 0; from < to; {
		events, room := int(min(uint64(max(batch, 0)), to-from)), takeBytes-bytes
		if events == 0 { // a batch is there
			events, room = int(min(math.MaxInt32, to-from)), min(room, most-bytes)
		}
		if room <= 0 {
			break
		}
		if r.left == 0 {
			if err := r.load(from, end); err != nil {
				if len(list) > 0 {
					break // told by the next read
				}
				return list, first, err
			}
		}
		n, size, err := r.portion(events, room)
		if err == nil {
			list, err = r.copied(list, n, size)
		}
		if err != nil && len(list) > 0 {
			break // told by the next read
		}
		if err != nil {
			return list, first, fmt.Errorf("%s, offset %d: %w", r.segment.path, r.offset, err)
		}
		bytes += size
		from, batch = from+uint64(n), batch-n
		r.advance(n, r.rest[size:])
	}
	return list, first, nil
}

// portion is how many events of the rest, up to max, have at most so many bytes,
// and how many those are; one event at least.
func (r *reader) portion(max, most int) (n, size int, err error) {
	if r.left <= max && len(r.rest) <= most {
		return r.left, len(r.rest), nil
	}
	for rest := r.rest; n < min(max, r.left) && (n == 0 || size < most); n++ {
		if rest, err = skipEvent(rest); err != nil {
			return 0, 0, err
		}
		size = len(r.rest) - len(rest)
	}
	return n, size, nil
}

// copied appends the first n events of the rest, which have that size: its buffer
// will be used again, so they share a copy.
func (r *reader) copied(list []flume.Event, n, size int) ([]flume.Event, error) {
	block, begin := r.blocks.Copy(r.rest[:size]), len(list)
	for p := block.Bytes; n > 0; n-- {
		e, rest, err := r.arena.event(p)
		if err != nil {
			return list[:begin], err
		}
		list, p = append(list, e), rest
	}
	block.Lend(list[begin:])
	return list, nil
}

// here is where the next event is looked for.
func (r *reader) here() place { return place{r.segment, r.offset} }

func (r *reader) advance(n int, rest []byte) {
	r.rest = rest
	r.event += uint64(n)
	if r.left -= n; r.left == 0 {
		r.offset, r.rest = r.next, nil
	}
}

// seek goes to an event, whose record is at a place or behind it.
func (r *reader) seek(at place, event uint64, end mark) error {
	if r.left == 0 || event < r.event || event >= r.event+uint64(r.left) {
		if r.segment != at.segment || r.offset != at.offset || r.left > 0 {
			if err := r.open(at.segment, at.offset); err != nil {
				return err
			}
		}
		if err := r.load(event, end); err != nil {
			return err
		}
	}
	for r.event < event {
		rest, err := skipEvent(r.rest)
		if err != nil {
			return fmt.Errorf("%s, offset %d: %w", r.segment.path, r.offset, err)
		}
		r.advance(1, rest)
	}
	return nil
}

// open goes to a place. The file is opened when it is read: by then it may be
// taken and gone.
func (r *reader) open(s *segment, offset int64) error {
	r.left, r.rest = 0, nil
	r.offset = offset
	if r.segment == s {
		return nil
	}
	r.segment, r.limit, r.until = s, 0, 0
	return r.close()
}

// letGo closes the file of a segment that is deleted: only then is its space free.
// All its events are taken, so that the next one is elsewhere.
func (r *reader) letGo() error {
	if r.file == nil || !r.segment.gone.Load() {
		return nil
	}
	return r.close()
}

func (r *reader) close() error {
	if r.file == nil {
		return nil
	}
	err := r.file.Close()
	r.file = nil
	return err
}

// load reads the record with an event, from the next record on.
func (r *reader) load(event uint64, end mark) error {
	for {
		if r.file == nil || r.offset >= r.limit || event >= r.until {
			if err := r.bound(event, end); err != nil {
				return err
			}
		}
		head, err := r.window.head(r.offset, r.segment.tag)
		behind := r.offset + recordHeader + int64(head.length)
		var payload []byte
		switch {
		case err != nil:
		case head.kind != kindPut || head.first+uint64(head.count) <= event:
			r.offset = behind
			continue
		case head.first > event:
			return &gapError{event, min(head.first, end.next),
				damaged(r.segment.path, r.offset, fmt.Sprintf("the events from %d to %d are missing", event, head.first-1))}
		default:
			payload, err = r.window.payload(r.offset, head)
		}
		if errors.Is(err, errDamage) {
			if err := r.behind(event, end, err); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return fmt.Errorf("%s: %w", r.segment.path, err)
		}
		r.next, r.event, r.left, r.rest = behind, head.first, head.count, payload
		return nil
	}
}

// bound finds out how far the segment may be read now, and goes to the one that
// has the event.
func (r *reader) bound(event uint64, end mark) error {
	s, limit, until := r.segment, end.offset, end.next
	if s != end.segment {
		s, limit, until = r.journal.find(event, end)
	}
	if s.number > r.segment.number {
		if err := r.open(s, segmentHeader); err != nil {
			return err
		}
	}
	if r.file == nil {
		h, err := r.journal.disk.open(s.path, os.O_RDONLY)
		if err != nil {
			return err
		}
		r.file = h
	}
	r.limit, r.until = limit, until
	r.window.look(r.file, limit)
	if r.offset >= limit {
		return &gapError{event, until,
			damaged(s.path, r.offset, fmt.Sprintf("the events from %d on are missing", event))}
	}
	return nil
}

// behind goes on behind a damaged record, if that does not have the event: then
// it says how many events cannot be read.
func (r *reader) behind(event uint64, end mark, why error) error {
	at, found, err := r.window.search(r.offset, r.segment.tag)
	if err != nil {
		return fmt.Errorf("%s: %w", r.segment.path, err)
	}
	gap := &gapError{event, r.until, damaged(r.segment.path, r.offset, why.Error())}
	if !found {
		return gap
	}
	head, err := r.window.head(at, r.segment.tag)
	if err != nil {
		return fmt.Errorf("%s: %w", r.segment.path, err)
	}
	if head.first <= event {
		r.offset = at
		return nil
	}
	gap.to = min(head.first, end.next)
	return gap
}
