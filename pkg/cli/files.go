package cli

import (
	"io"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/stream"
)

// sideFiles are the files that the stages of a command write beside the records.
type sideFiles struct{ stream.SideFiles }

// Append opens the file of that name, once. Stages ask before anything is read,
// so that a file that cannot be opened is an error of usage.
func (s *sideFiles) Append(name string) (io.Writer, error) {
	w, err := s.SideFiles.Append(name)
	if err != nil {
		return nil, fault.Usagef("open for appending: %w", fileError(name, err))
	}
	return w, nil
}
