package source

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/logpipe/logpipe/pkg/tail"
)

// tailPosition is how far a file was read, in Flume's format. Flume reads no
// further fields, so what else we know stands in a file beside it.
type tailPosition struct {
	Inode uint64 `json:"inode"`
	Pos   int64  `json:"pos"`
	File  string `json:"file"`
}

// tailMark tells a file from a later one with the same inode: by the checksum
// of its first bytes, none of which is beyond its position.
type tailMark struct {
	tail.FileID
	Size int    `json:"size"`
	CRC  uint32 `json:"crc"`
}

// markFile is the name of the file of marks.
func (s *Taildir) markFile() string { return s.positionFile + ".heads" }

// readPositions reads what an earlier run, ours or Flume's, has stored.
func (s *Taildir) readPositions() ([]tailPosition, error) {
	data, err := os.ReadFile(s.positionFile)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(bytes.TrimSpace(data)) == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("positionFile %s: %w", s.positionFile, reason(err))
	}
	stored, err := parsePositions(data)
	if err != nil {
		kept := s.positionFile + ".damaged"
		s.env.Logf("positionFile %s is damaged (%v): %d positions are read from it, files without one begin at their beginning; a copy is %s",
			s.positionFile, err, len(stored), kept)
		if err := os.WriteFile(kept, data, 0o666); err != nil {
			return nil, fmt.Errorf("copy of positionFile: %w", err)
		}
	}
	return stored, nil
}

// parsePositions reads a position file; where it is damaged it returns what is
// before the damage too.
func parsePositions(data []byte) ([]tailPosition, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	if t, err := d.Token(); err != nil || t != json.Delim('[') {
		return nil, errors.New("want a list of positions")
	}
	var list []tailPosition
	for d.More() {
		var e struct {
			Inode *uint64 `json:"inode"`
			Pos   *int64  `json:"pos"`
			File  *string `json:"file"`
		}
		if err := d.Decode(&e); err != nil {
			return list, err
		}
		if e.Inode == nil || e.Pos == nil || e.File == nil || *e.Pos < 0 {
			return list, fmt.Errorf("position %d is not whole", len(list)+1)
		}
		list = append(list, tailPosition{*e.Inode, *e.Pos, *e.File})
	}
	if _, err := d.Token(); err != nil {
		return list, errors.New("the end is missing")
	}
	if _, err := d.Token(); err != io.EOF {
		return list, errors.New("something follows the list")
	}
	return list, nil
}

func (s *Taildir) readMarks() map[uint64]tailMark {
	data, err := os.ReadFile(s.markFile())
	if err != nil {
		return nil
	}
	return parseMarks(data)
}

// parseMarks reads the marks; a file without one is trusted as Flume trusts it.
func parseMarks(data []byte) map[uint64]tailMark {
	var list []tailMark
	if json.Unmarshal(data, &list) != nil {
		return nil
	}
	marks := make(map[uint64]tailMark, len(list))
	for _, m := range list {
		if m.Size >= 0 && m.Size <= tailHead {
			marks[m.Inode] = m
		}
	}
	return marks
}

// resume moves the files to their stored positions.
func (s *Taildir) resume(stored []tailPosition) {
	marks := s.readMarks()
	byInode := map[uint64][]*tailFile{}
	for id, f := range s.files {
		byInode[id.Inode] = append(byInode[id.Inode], f)
	}
	renamed := strays{}
	for _, p := range stored {
		mark, marked := marks[p.Inode]
		done := false
		for _, f := range byInode[p.Inode] {
			if marked && mark.Dev != f.id.Dev {
				continue
			}
			done = true
			s.resumeFile(f, p, mark, marked)
		}
		if !done {
			s.resumeRenamed(p, mark, marked, renamed.of(filepath.Dir(p.File), s.files)[p.Inode])
		}
	}
}

// resumeFile goes on in a file with the stored inode, if it is the same file.
func (s *Taildir) resumeFile(f *tailFile, p tailPosition, mark tailMark, marked bool) {
	file, err := tail.OpenFile(f.path)
	if err != nil {
		s.tell("open "+f.path, "cannot open %s: %v; tries again", f.path, reason(err))
		s.place(f, p.Pos, nil) // as stored: it cannot be judged now
		return
	}
	defer file.Close()
	st, err := file.Stat()
	var id tail.FileID
	if err == nil {
		id, err = tail.Identify(file, st)
	}
	if err != nil || id != f.id {
		s.place(f, p.Pos, nil) // it was renamed since the folder was listed
		return
	}
	known := min(p.Pos, tailHead)
	head := make([]byte, max(known, int64(mark.Size))) // a kill may have left a mark that is newer than the position
	n, _ := file.ReadAt(head, 0)
	switch {
	case marked && (n < mark.Size || crc32.ChecksumIEEE(head[:mark.Size]) != mark.CRC):
		if p.File == f.path {
			s.restart(f, "begins with other bytes than before")
		}
		s.place(f, 0, nil)
	case !marked && p.File != f.path && !s.wasRenamed(file, f, p):
		s.place(f, 0, nil)
	case st.Size() < p.Pos:
		s.restart(f, fmt.Sprintf("is shorter than what was read (%d of %d bytes)", st.Size(), p.Pos))
	default:
		s.place(f, p.Pos, head[:known:known])
	}
}

// place sets where a file goes on.
func (s *Taildir) place(f *tailFile, pos int64, head []byte) {
	s.mu.Lock()
	f.pos, f.head = pos, head
	s.mu.Unlock()
	s.enqueue(f)
}

// wasRenamed judges without a mark whether a file with another name is the one
// that was read: what was read has to end with a line, and the old name has to
// be gone. A mistake repeats lines, or, with a new file of the same inode that
// happens to have a line end there, leaves some out.
func (s *Taildir) wasRenamed(file *os.File, f *tailFile, p tailPosition) bool {
	var last [1]byte
	if p.Pos == 0 {
		return true
	}
	if _, err := file.ReadAt(last[:], p.Pos-1); err != nil || last[0] != '\n' {
		return false
	}
	st, err := os.Stat(p.File)
	if err != nil {
		return errors.Is(err, fs.ErrNotExist)
	}
	id, err := tail.IdentifyPath(p.File, st)
	return err == nil && id != f.id
}

// strays are the names of the files in a folder that are not followed, by inode.
// Each folder is listed once, however many positions lead to it.
type strays map[string]map[uint64][]string

func (l strays) of(folder string, followed map[tail.FileID]*tailFile) map[uint64][]string {
	if names, listed := l[folder]; listed {
		return names
	}
	names := map[uint64][]string{}
	l[folder] = names
	entries, _ := os.ReadDir(folder) // one that is gone has none
	for _, e := range entries {
		st, err := e.Info()
		if err != nil || !st.Mode().IsRegular() {
			continue
		}
		path := filepath.Join(folder, e.Name())
		if id, err := tail.IdentifyPath(path, st); err == nil && followed[id] == nil && !compressed(path) {
			names[id.Inode] = append(names[id.Inode], path)
		}
	}
	return names
}

// resumeRenamed looks for a file that was renamed, while nobody looked, to a
// name that no pattern has, and reads its rest.
func (s *Taildir) resumeRenamed(p tailPosition, mark tailMark, marked bool, paths []string) {
	for _, path := range paths {
		st, err := os.Lstat(path)
		if err != nil || st.Size() <= p.Pos {
			continue
		}
		id, err := tail.IdentifyPath(path, st)
		if err != nil || id.Inode != p.Inode || marked && id.Dev != mark.Dev || s.files[id] != nil {
			continue
		}
		g := s.groupOf(p.File)
		if g == nil {
			return // of a group that there is no longer
		}
		f := s.discover(foundFile{path, g, st, id}, false)
		s.resumeFile(f, p, mark, marked)
		if f.pos != p.Pos || !s.openFile(f) {
			s.forget(f)
			s.pending = slices.DeleteFunc(s.pending, func(o *tailFile) bool { return o == f })
			return
		}
		s.env.Logf("%s was renamed to %s: reads its rest", p.File, path)
		s.mu.Lock()
		f.path = p.File // a next start, after a kill, knows the group by it
		s.mu.Unlock()
		f.gone = true
		// What was written before the rename comes before what is in the new file.
		s.pending = slices.DeleteFunc(s.pending, func(o *tailFile) bool { return o == f })
		s.pending = slices.Insert(s.pending, 0, f)
		s.remind(time.Now().Add(gonePoll))
		return
	}
}

// compressed tells whether a name is that of a packed file, which may have got
// the inode of the one that it was made from.
func compressed(path string) bool {
	return slices.Contains([]string{".gz", ".bz2", ".xz", ".zst", ".zip"}, strings.ToLower(filepath.Ext(path)))
}

// groupOf finds the group whose pattern a path has.
func (s *Taildir) groupOf(path string) *tailGroup {
	for _, g := range s.groups {
		if g.listed[filepath.Dir(path)] != nil && g.names.matchesName(filepath.Base(path)) {
			return g
		}
	}
	return nil
}

// keepPositions writes the positions at regular times.
func (s *Taildir) keepPositions(stop <-chan struct{}) {
	tick := time.NewTicker(max(s.writeEvery, time.Millisecond))
	defer tick.Stop()
	told := false
	for {
		select {
		case <-tick.C:
			err := s.writePositions()
			if err != nil {
				s.counters.failed.Add(1)
				if !told {
					s.env.Logf("%v; tries again every %v", err, s.writeEvery)
				}
			}
			told = err != nil
		case <-stop:
			return
		}
	}
}

// writePositions replaces the position file, all of it or nothing, if a
// position has moved.
func (s *Taildir) writePositions() error {
	if !s.changed.Swap(false) && s.wrote != nil {
		return nil
	}
	positions, marks := s.snapshot()
	text, err := json.Marshal(positions)
	if err == nil && bytes.Equal(text, s.wrote) {
		return nil
	}
	var beside []byte
	if err == nil {
		beside, err = json.Marshal(marks)
	}
	// The marks first: one that is too new fits an old position, since a file
	// keeps its first bytes.
	if err == nil {
		err = writeWhole(s.markFile(), beside, true)
	}
	if err == nil {
		err = writeWhole(s.positionFile, text, true)
	}
	if err != nil {
		s.changed.Store(true)
		return fmt.Errorf("cannot write positionFile %s: %w", s.positionFile, reason(err))
	}
	s.wrote = text
	return nil
}

func (s *Taildir) snapshot() ([]tailPosition, []tailMark) {
	s.mu.Lock()
	defer s.mu.Unlock()
	positions, marks := make([]tailPosition, 0, len(s.files)), make([]tailMark, 0, len(s.files))
	for id, f := range s.files {
		positions = append(positions, tailPosition{id.Inode, f.pos, f.path})
		if len(f.head) > 0 {
			marks = append(marks, tailMark{id, len(f.head), crc32.ChecksumIEEE(f.head)})
		}
	}
	slices.SortFunc(positions, func(a, b tailPosition) int { return strings.Compare(a.File, b.File) })
	slices.SortFunc(marks, func(a, b tailMark) int {
		if a.Inode < b.Inode {
			return -1
		}
		return 1
	})
	return positions, marks
}
