package source

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// tailPosition is how far a file was read, in Flume's format. Flume reads no
// further fields, so what else we know stands in a file beside it.
type tailPosition struct {
	Inode uint64 `json:"inode"`
	Pos   int64  `json:"pos"`
	File  string `json:"file"`
}

// readPositions reads what an earlier run, ours or Flume's, has stored. Where that
// is not whole, some files were read of which it does not tell how far.
func (s *Taildir) readPositions() (stored []tailPosition, whole bool, err error) {
	data, err := os.ReadFile(s.positionFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, true, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("positionFile %s: %w", s.positionFile, reason(err))
	}
	begin := "files without one begin at their beginning"
	if s.skipToEnd {
		begin += ", in spite of skipToEnd: what they have may not have been read"
	}
	if len(bytes.TrimSpace(data)) == 0 { // Flume truncates it before it writes
		s.env.Logf("positionFile %s is empty, although each run leaves a list in it: no position is known, %s", s.positionFile, begin)
		return nil, false, nil
	}
	if stored, err = parsePositions(data); err == nil {
		return stored, true, nil
	}
	kept := s.positionFile + ".damaged"
	s.env.Logf("positionFile %s is damaged (%v): %s read from it, %s; a copy is %s",
		s.positionFile, err, were(len(stored), "position"), begin, kept)
	if err := os.WriteFile(kept, data, 0o666); err != nil {
		return nil, false, fmt.Errorf("copy of positionFile: %w", err)
	}
	return stored, false, nil
}

// were is a number of things to which something was done.
func were(n int, what string) string {
	if n == 1 {
		return plural(n, what) + " was"
	}
	return plural(n, what) + " were"
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
