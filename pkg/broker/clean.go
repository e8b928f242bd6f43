package broker

import (
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"

	"github.com/logpipe/logpipe/pkg/folder"
)

// Names of what a broker leaves when it ends in order.
const (
	cleanName   = "clean"              // ours: tells that it did
	sessionName = "session_state.json" // kfake's: members of groups, transactions that are open
)

// markClean notes that all that the broker knew is stored.
func markClean(dir string) error {
	f, err := os.Create(filepath.Join(dir, cleanName))
	if err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	return folder.Sync(dir)
}

// takeClean tells whether the broker that wrote the folder has ended in order, and
// takes its note of that away for good, for what comes now is not noted yet. Times
// of files would not tell: clocks are set back.
func takeClean(dir string) (bool, error) {
	err := os.Remove(filepath.Join(dir, cleanName))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if err := folder.Sync(dir); err != nil {
		return false, err
	}
	return asNoted(dir)
}

// asNoted tells whether each partition has the segments that were noted at the end:
// the machine may have lost some later. A folder with neither a note nor a segment is
// of a topic that was deleted while the end of a partition was noted.
func asNoted(dir string) (bool, error) {
	names, err := filepath.Glob(filepath.Join(escapeGlob(dir), partitionsName, "*"))
	if err != nil {
		return false, err
	}
	for _, name := range names {
		segments, err := segmentsIn(name)
		if err != nil {
			return false, err
		}
		text, err := os.ReadFile(filepath.Join(name, snapshotName))
		if errors.Is(err, fs.ErrNotExist) && len(segments) == 0 {
			continue
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return false, err
		}
		var noted snapshot
		if json.Unmarshal(text, &noted) != nil {
			return false, nil
		}
		found := map[int64]int64{}
		for _, s := range segments {
			info, err := os.Stat(s)
			if err != nil {
				return false, err
			}
			found[baseOf(s)] = info.Size()
		}
		if !maps.Equal(sizes(found), sizes(noted.sizes())) {
			return false, nil
		}
	}
	return true, nil
}

// sizes leaves out segments without a record, which kfake forgets.
func sizes(of map[int64]int64) map[int64]int64 {
	maps.DeleteFunc(of, func(_, size int64) bool { return size == 0 })
	return of
}
