package source

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"os"

	"github.com/logpipe/logpipe/pkg/tail"
)

// tailPrint is what of a file's bytes tells it from another one, and from what it
// holds after it was truncated. Many files begin alike.
type tailPrint struct {
	head []byte // its beginning, not beyond its position
	last []byte // what is in front of its position
}

// readPrint reads the print of a file that was read up to pos.
func readPrint(r *os.File, pos int64) tailPrint {
	n := min(pos, tailHead)
	both := make([]byte, 2*n)
	head, last := both[:n:n], both[n:]
	if read, _ := r.ReadAt(head, 0); int64(read) < n {
		return tailPrint{}
	}
	if read, _ := r.ReadAt(last, pos-n); int64(read) < n {
		return tailPrint{head: head}
	}
	return tailPrint{head, last}
}

// grow notes that all of read, which is behind the position, was stored.
func (p *tailPrint) grow(read []byte) {
	keep := min(len(p.last), max(0, tailHead-len(read)))
	copy(p.last, p.last[len(p.last)-keep:])
	p.last = append(p.last[:keep], read[max(0, len(read)-tailHead):]...)
}

// differs looks whether a file has the bytes of its print; "" = it has. A file that
// was read up to pos must be as long as that.
func (p *tailPrint) differs(r *os.File, pos int64) string {
	var buf [tailHead]byte
	has := func(want []byte, at int64) bool {
		n, _ := r.ReadAt(buf[:len(want)], at)
		return n == len(want) && bytes.Equal(buf[:n], want)
	}
	if len(p.head) > 0 && !has(p.head, 0) {
		return otherHead
	}
	if pos > int64(len(p.head)) && len(p.last) > 0 && !has(p.last, pos-int64(len(p.last))) {
		return otherLast
	}
	return ""
}

// What a file that was truncated and has grown again is told by.
const (
	otherHead = "begins with other bytes than before"
	otherLast = "begins as before, but has other bytes where it was read last"
)

// shorter says that a file has become shorter than what was read of it.
func shorter(size, pos int64) string {
	return fmt.Sprintf("is shorter than what was read (%d of %d bytes)", size, pos)
}

// tailMark tells a file from a later one with its inode, by checksums of its
// print. It has a position of its own, since that of the position file may be an
// older one, or be set by hand.
type tailMark struct {
	tail.FileID
	File string `json:"file"` // "" = of a version that noted the beginning only
	Size int    `json:"size"` // of the beginning
	CRC  uint32 `json:"crc"`
	Pos  int64  `json:"pos"`
	Last int    `json:"last"` // how many bytes in front of Pos
	End  uint32 `json:"end"`  // their checksum
	// Anew says that the file began anew, and that its stored position may still
	// be the one of what was there before.
	Anew bool `json:"anew,omitempty"`
}

// markOfFile is the mark of a file as it is now.
func markOfFile(f *tailFile) tailMark {
	return tailMark{f.id, f.path, len(f.head), crc32.ChecksumIEEE(f.head),
		f.pos, len(f.last), crc32.ChecksumIEEE(f.last), f.begun != f.known}
}

// differs looks whether a file is the one that was marked; "" = it is.
func (m *tailMark) differs(r *os.File, size int64) string {
	var buf [tailHead]byte
	has := func(n int, crc uint32, at int64) bool {
		read, _ := r.ReadAt(buf[:n], at)
		return read == n && crc32.ChecksumIEEE(buf[:n]) == crc
	}
	switch {
	case !has(m.Size, m.CRC, 0):
		return otherHead
	case size < m.Pos:
		return shorter(size, m.Pos)
	case !has(m.Last, m.End, m.Pos-int64(m.Last)):
		return otherLast
	}
	return ""
}

// markFile is the name of the file of marks.
func (s *Taildir) markFile() string { return s.positionFile + ".heads" }

func (s *Taildir) readMarks() []tailMark {
	data, err := os.ReadFile(s.markFile())
	if err != nil {
		return nil
	}
	return parseMarks(data)
}

// parseMarks reads the marks; a file without one is trusted as Flume trusts it.
func parseMarks(data []byte) []tailMark {
	var list, whole []tailMark
	if json.Unmarshal(data, &list) != nil {
		return nil
	}
	for _, m := range list {
		if m.Size >= 0 && m.Size <= tailHead && m.Last >= 0 && m.Last <= tailHead && m.Pos >= int64(m.Last) {
			whole = append(whole, m)
		}
	}
	return whole
}

// knownPosition is a stored position, and the mark of its file, if there is one.
type knownPosition struct {
	tailPosition
	mark *tailMark // nil = of a Flume
}

// pairMarks finds the mark of each position. A kill between the writing of the two
// may have left one with the file's newer name.
func pairMarks(stored []tailPosition, marks []tailMark) []knownPosition {
	type key struct {
		inode uint64
		file  string
	}
	byName := map[key][]*tailMark{}
	for i, m := range marks {
		k := key{m.Inode, m.File}
		byName[k] = append(byName[k], &marks[i])
	}
	take := func(k key) *tailMark {
		list := byName[k]
		if len(list) == 0 || k.file == "" && len(list) > 1 { // nothing tells which is whose
			return nil
		}
		byName[k] = list[1:]
		return list[0]
	}
	all := make([]knownPosition, len(stored))
	for i, p := range stored {
		all[i] = knownPosition{p, take(key{p.Inode, p.File})}
	}
	left := map[uint64][]string{}
	for _, m := range marks {
		if len(byName[key{m.Inode, m.File}]) > 0 {
			left[m.Inode] = append(left[m.Inode], m.File)
		}
	}
	for i, p := range all {
		if names := left[p.Inode]; p.mark == nil && len(names) > 0 {
			all[i].mark, left[p.Inode] = take(key{p.Inode, names[0]}), names[1:]
		}
	}
	return all
}
