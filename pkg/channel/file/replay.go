package file

import (
	"errors"
	"fmt"
	"os"
)

// replay is what reading the log finds out.
type replay struct {
	disk  disk
	skip  bool // what is damaged
	logf  func(string, ...any)
	next  uint64 // sequence number of the next event
	taken ranges // what takes in the log say
	puts  int    // records
	takes int
}

// run reads the segments, the first of them from offset on. It finds the end of
// the last one: where its last whole record ends.
func (r *replay) run(segments []*segment, offset int64) error {
	for i, s := range segments {
		last := i == len(segments)-1
		var synced int64 // known to have been on disk
		if !last {
			synced = s.end
			if want := segments[i+1].beforeEnd; s.end < want {
				if err := r.damage(s, s.end, fmt.Sprintf("it ends here, and had %d bytes", want)); err != nil {
					return err
				}
			}
		}
		if err := r.segment(s, offset, synced, last); err != nil {
			return err
		}
		if !last {
			r.next = max(r.next, segments[i+1].first)
		}
		offset = segmentHeader
	}
	return nil
}

// damage refuses or tells.
func (r *replay) damage(s *segment, offset int64, why string) error {
	err := damaged(s.path, offset, why)
	if !r.skip {
		return err
	}
	r.logf("%v; left out", err)
	return nil
}

// segment reads the records of one segment.
func (r *replay) segment(s *segment, offset, synced int64, last bool) error {
	h, err := r.disk.open(s.path, os.O_RDONLY)
	if err != nil {
		return err
	}
	defer h.Close()
	var w window
	w.look(h, s.end)
	for offset < s.end {
		length, err := r.record(&w, s, offset)
		if err == nil {
			offset += length
			continue
		}
		if !errors.Is(err, errDamage) {
			return fmt.Errorf("%s: %w", s.path, err)
		}
		if offset >= synced {
			synced = r.proof(&w, s, offset)
		}
		at, err := r.behind(&w, s, offset, synced, err)
		if err != nil {
			return err
		}
		if at == 0 {
			if last {
				r.logf("%s: its last %d bytes were being written when the agent was killed; they are cut off", s.path, s.end-offset)
				s.end = offset
			}
			return nil
		}
		offset = at
	}
	return nil
}

// record reads one record and returns its length.
func (r *replay) record(w *window, s *segment, offset int64) (int64, error) {
	head, err := w.head(offset, s.tag)
	if err != nil {
		return 0, err
	}
	payload, err := w.payload(offset, head)
	if err != nil {
		return 0, err
	}
	if head.first < r.next || head.first > r.next && !r.skip {
		return 0, fmt.Errorf("%w: event %d was expected here, not %d", errDamage, r.next, head.first)
	}
	if head.kind == kindPut {
		r.puts++
		r.next = head.first + uint64(head.count)
		return recordHeader + int64(head.length), nil
	}
	r.takes++
	r.next = head.first
	err = eachRange(payload, func(from, to uint64) {
		if to <= r.next {
			r.taken.add(from, to)
		}
	})
	if err != nil {
		return 0, fmt.Errorf("%w: %v", errDamage, err)
	}
	return recordHeader + int64(head.length), nil
}

// proof looks for a later record that says that the segment was on disk beyond
// offset when it was written, and returns how far; 0 without one.
func (r *replay) proof(w *window, s *segment, offset int64) int64 {
	for from := offset; ; {
		at, found, err := w.search(from, s.tag)
		if err != nil || !found {
			return 0
		}
		if head, err := w.head(at, s.tag); err == nil && head.synced > offset {
			return head.synced
		}
		from = at
	}
}

// behind decides what a record is that cannot be read: damage, or the torn end
// of what was being written. It returns where to go on; 0 is nowhere.
func (r *replay) behind(w *window, s *segment, offset, synced int64, why error) (int64, error) {
	if offset >= synced {
		return 0, nil
	}
	if err := r.damage(s, offset, why.Error()); err != nil {
		return 0, err
	}
	for {
		at, found, err := w.search(offset, s.tag)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", s.path, err)
		}
		if !found {
			return 0, nil
		}
		// A record that goes back in the sequence is no record to go on with.
		if head, err := w.head(at, s.tag); err == nil && head.first >= r.next {
			return at, nil
		}
		offset = at
	}
}
