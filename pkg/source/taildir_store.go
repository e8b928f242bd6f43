package source

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/logpipe/logpipe/pkg/folder"
)

// firstGap is the pause behind the first writing of positions; each further one
// is twice as long, up to writePosInterval. A source that is killed soon after its
// start so repeats no more than about half of what it has read.
const firstGap = 50 * time.Millisecond

// keepPositions writes the positions when they have moved, and then not again
// before the pause is over.
func (s *Taildir) keepPositions(stop <-chan struct{}) {
	gap := firstGap
	for {
		select {
		case <-s.moved:
		case <-stop:
			return
		}
		err := s.writePositions()
		if err != nil {
			s.counters.failed.Add(1)
			s.tell("write", s.positionFile, "%v; tries again every %v", err, s.writeEvery)
		} else {
			s.over("write", s.positionFile)
		}
		gap = max(min(gap, s.writeEvery), time.Millisecond)
		select {
		case <-time.After(gap):
		case <-stop:
			return
		}
		gap *= 2
	}
}

// positionMoved notes that there is something to write.
func (s *Taildir) positionMoved() {
	if s.changed.Swap(true) {
		return
	}
	select {
	case s.moved <- struct{}{}:
	default: // keepPositions has not seen the last one
	}
}

// writePositions replaces the position file, all of it or nothing, if a
// position has moved.
func (s *Taildir) writePositions() error {
	if !s.changed.Swap(false) && s.wrote != nil {
		return nil
	}
	snap := s.snapshot()
	text, err := json.Marshal(snap.positions)
	var before, after []byte
	if err == nil {
		before, err = json.Marshal(withLost(snap.marks, s.storedMarks))
	}
	for i := range snap.marks {
		snap.marks[i].Anew = false
	}
	if err == nil {
		after, err = json.Marshal(snap.marks)
	}
	if err == nil && bytes.Equal(text, s.wrote) && bytes.Equal(after, s.wroteMarks) {
		return nil
	}
	if err == nil {
		err = s.replacePositions(text, before, after)
	}
	if err != nil {
		s.positionMoved()
		return fmt.Errorf("cannot write positionFile %s: %w", s.positionFile, reason(err))
	}
	s.wrote, s.wroteMarks, s.storedMarks = text, after, snap.marks
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keepInodes(snap.positions)
	for f, begun := range snap.anew {
		f.known = begun
	}
	return nil
}

// replacePositions writes positions and marks, so that a kill between the two
// leaves a pair that loses nothing. The marks come first: one that is too new
// fits an old position, since a file keeps what was read of it. One that has begun
// anew has other bytes, which do not tell of what its old position was; it is
// marked so until its new position is there. That of one that is gone, or has
// another name, stays until its position has gone too: another file may get its
// inode.
func (s *Taildir) replacePositions(positions, before, after []byte) error {
	if err := folder.Replace(s.markFile(), before, true); err != nil {
		return err
	}
	err := folder.Replace(s.positionFile, positions, true)
	if errors.Is(err, folder.ErrMounted) {
		if !s.inPlace {
			s.env.Logf("positionFile %s: %v: after a kill at that moment, files are read again", s.positionFile, folder.ErrMounted)
		}
		s.inPlace = true
		err = folder.Overwrite(s.positionFile, positions, true)
	}
	if err != nil {
		return err
	}
	if bytes.Equal(before, after) {
		return nil
	}
	return folder.Replace(s.markFile(), after, true)
}

// withLost adds to marks those of the stored positions that they have no more.
func withLost(marks, stored []tailMark) []tailMark {
	type key struct {
		inode uint64
		file  string
	}
	there := make(map[key]bool, len(marks))
	for _, m := range marks {
		there[key{m.Inode, m.File}] = true
	}
	all := slices.Clone(marks)
	for _, m := range stored {
		if !there[key{m.Inode, m.File}] {
			all = append(all, m)
		}
	}
	return all
}

// tailSnapshot is what is stored of the files at one moment.
type tailSnapshot struct {
	positions []tailPosition
	marks     []tailMark
	anew      map[*tailFile]int // files that have begun anew since the last one, and how often
}

func (s *Taildir) snapshot() tailSnapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	snap := tailSnapshot{make([]tailPosition, 0, len(s.files)), make([]tailMark, 0, len(s.files)), map[*tailFile]int{}}
	for _, f := range s.files {
		snap.marks = append(snap.marks, markOfFile(f))
		if f.begun != f.known {
			snap.anew[f] = f.begun
		}
	}
	slices.SortFunc(snap.marks, func(a, b tailMark) int {
		return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Inode, b.Inode), cmp.Compare(a.Dev, b.Dev))
	})
	for _, m := range snap.marks {
		snap.positions = append(snap.positions, tailPosition{m.Inode, m.Pos, m.File})
	}
	return snap
}
