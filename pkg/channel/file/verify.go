package file

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/flumelog"
	"github.com/logpipe/logpipe/pkg/folder"
)

// Verification is what Verify has found.
type Verification struct {
	Segments int
	Events   int     // in whole records, those too that are taken and not deleted yet
	Damages  []error // each with file and offset, in order
}

// Verify reads all of the log in the folders, which have to be all dataDirs of
// one channel that no agent has open, and compares every sum. It changes nothing
// in it. The error is that the log cannot be read; what it reads and finds
// damaged is told by the Verification.
func Verify(dataDirs []string, logf func(format string, args ...any)) (v Verification, err error) {
	var dirs []string
	for _, dir := range dataDirs {
		path, err := folder.Absolute(dir)
		if err != nil {
			return v, err
		}
		if _, err := os.ReadDir(path); err != nil { // a lock would make it
			return v, fault.With(fault.Usage, err)
		}
		dirs = append(dirs, path)
	}
	slices.Sort(dirs)
	for _, dir := range slices.Compact(dirs) {
		lock, err := lockFolder(dir)
		if err != nil {
			return v, err
		}
		defer lock.release()
	}
	if rest := flumelog.Count(slices.Compact(dirs), ""); rest.Logs > 0 {
		logf("%s", aboutFlume(rest))
	}
	segments, err := findSegments(osDisk{}, slices.Compact(dirs))
	if err != nil {
		return v, err
	}
	v.Segments = len(segments)
	var next uint64
	for i, s := range segments {
		c := verifier{Verification: &v, segment: s, next: max(next, s.first), last: i == len(segments)-1}
		if err := c.run(); err != nil {
			return v, fmt.Errorf("%s: %w", s.path, err)
		}
		if next = c.next; !c.last && s.end < segments[i+1].beforeEnd {
			c.damage(s.end, fmt.Sprintf("it ends here, and had %d bytes", segments[i+1].beforeEnd))
		}
	}
	return v, nil
}

// verifier reads one segment.
type verifier struct {
	*Verification
	segment *segment
	window  window
	next    uint64 // event that the next record of a put begins with
	last    bool   // no segment follows
}

func (c *verifier) damage(offset int64, why string) {
	c.Damages = append(c.Damages, fmt.Errorf("%s is damaged at offset %d: %s", c.segment.path, offset, strings.TrimPrefix(why, errDamage.Error()+": ")))
}

// run reads record after record; behind damage it goes on with the next one that
// is whole.
func (c *verifier) run() error {
	h, err := os.Open(c.segment.path)
	if err != nil {
		return err
	}
	defer h.Close()
	c.window.look(h, c.segment.end)
	for offset, whole := int64(segmentHeader), true; offset < c.segment.end; {
		length, err := c.record(offset, whole)
		if err == nil {
			offset, whole = offset+length, true
			continue
		}
		if !errors.Is(err, errDamage) {
			return err
		}
		at, found, searchErr := c.window.search(offset, c.segment.tag)
		switch {
		case searchErr != nil:
			return searchErr
		case found:
			c.damage(offset, fmt.Sprintf("%v; the next whole record is at %d", err, at))
		case c.last:
			c.damage(offset, fmt.Sprintf("%v; no whole record follows in these last %d bytes: after a loss of power, that is what was being written and not acknowledged",
				err, c.segment.end-offset))
			return nil
		default:
			c.damage(offset, fmt.Sprintf("%v; no whole record follows in these last %d bytes", err, c.segment.end-offset))
			return nil
		}
		offset, whole = at, false
	}
	return nil
}

// record checks one record and returns its length. Behind a whole one no event may
// be missing.
func (c *verifier) record(offset int64, whole bool) (int64, error) {
	head, err := c.window.head(offset, c.segment.tag)
	if err != nil {
		return 0, err
	}
	if _, err := c.window.payload(offset, head); err != nil {
		return 0, err
	}
	if whole && head.first != c.next {
		c.damage(offset, fmt.Sprintf("event %d was expected here, not %d", c.next, head.first))
	}
	c.next = head.first
	if head.kind == kindPut {
		c.next += uint64(head.count)
		c.Events += head.count
	}
	return recordHeader + int64(head.length), nil
}
