package source

import (
	"path/filepath"

	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/folder"
)

// ResumesFrom is the positionFile.
func (s *Taildir) ResumesFrom() []flume.Holding {
	path, err := folder.Absolute(s.positionFile)
	if err != nil {
		return nil // Open says so
	}
	return []flume.Holding{flume.HoldFile(path)}
}

// ResumesFrom is spoolDir, where two would read a file at once, and the folder of the
// tracker.
func (s *Spooldir) ResumesFrom() (all []flume.Holding) {
	tracking, _, _ := s.Tracking()
	for _, path := range []string{s.folder, tracking} {
		if path, err := filepath.Abs(path); err == nil {
			all = append(all, flume.HoldFolder(path))
		}
	}
	return all
}
