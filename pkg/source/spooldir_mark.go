package source

import (
	"hash/crc32"
	"io"
	"os"

	"github.com/logpipe/logpipe/pkg/tail"
)

// fileHead tells a file from another one of the same name.
type fileHead struct {
	Size int    `json:"size"`
	CRC  uint32 `json:"crc"`
}

// headOf takes the checksum of the first bytes of a file.
func headOf(r io.ReaderAt, size int64) fileHead {
	buf := make([]byte, min(size, tailHead))
	n, _ := r.ReadAt(buf, 0)
	return fileHead{n, crc32.ChecksumIEEE(buf[:n])}
}

// of tells whether it is the head of a file, which may have grown since.
func (h fileHead) of(r io.ReaderAt) bool { return headOf(r, int64(h.Size)) == h }

// endOf takes the checksum of the last bytes of a file that was so long.
func endOf(r io.ReaderAt, length int64) uint32 {
	buf := make([]byte, min(length, tailHead))
	n, _ := r.ReadAt(buf, length-int64(len(buf)))
	return crc32.ChecksumIEEE(buf[:n])
}

// spoolMark tells a file from the next one of its name, which may begin with the
// same bytes, as exports do, and even have its inode, when it is gone.
type spoolMark struct {
	fileHead
	tail.FileID        // the inode counts: a device may have another number after a mount
	Length      int64  `json:"length"`
	End         uint32 `json:"end"`      // the checksum of its last bytes
	Modified    int64  `json:"modified"` // in nanoseconds; 0 = of a version that knew the head alone
	Pos         int64  `json:"pos"`      // how far it was read
}

// markAt describes a file that was read up to a position.
func markAt(f *os.File, st os.FileInfo, pos int64) spoolMark {
	length := st.Size()
	return spoolMark{headOf(f, length), inodeIn(f, st), length, endOf(f, length), st.ModTime().UnixNano(), pos}
}

// inodeIn is the identity of a file; one of a system that tells none is told apart
// by the rest of its mark.
func inodeIn(f *os.File, st os.FileInfo) tail.FileID {
	id, _ := tail.Identify(f, st)
	return id
}

// kept tells whether a file still has the bytes that the mark tells of, at its
// beginning; it may have grown.
func (m *spoolMark) kept(f *os.File) bool { return m.fileHead.of(f) && m.End == endOf(f, m.Length) }

// resume is where to go on in a file after pos was stored behind the mark. In the
// file as it was that is pos, and so it is in one that was copied or added to, where
// all of pos is in what the mark tells of. In any other one it is the beginning: that
// may be read twice, but nothing of it is left out.
func (m *spoolMark) resume(f *os.File, st os.FileInfo, pos int64) int64 {
	if pos < 0 || pos > st.Size() || !m.fileHead.of(f) {
		return 0
	}
	same := m.Length == st.Size() && m.Modified == st.ModTime().UnixNano()
	own := m.Inode == inodeIn(f, st).Inode
	switch {
	case m.Modified == 0, same && own:
		return pos
	case !same && !own, m.Length < m.Pos, m.Length > st.Size(), !m.kept(f):
		return 0
	case pos > m.Length:
		return m.Pos
	}
	return pos
}
