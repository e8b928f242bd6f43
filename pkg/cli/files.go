package cli

import (
	"errors"
	"io"
	"os"
	"sync"

	"github.com/logpipe/logpipe/pkg/fault"
)

// sideFiles are the files that stages write beside the records. A file that is
// there is continued, so that several runs and several stages may share one.
type sideFiles struct {
	mu   sync.Mutex
	open map[string]*os.File
}

// Append opens the file of that name, once. Stages ask before anything is read,
// so that a file that cannot be opened is an error of usage.
func (s *sideFiles) Append(name string) (io.Writer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f, ok := s.open[name]; ok {
		return f, nil
	}
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		return nil, fault.Usagef("open for appending: %w", fileError(name, err))
	}
	if s.open == nil {
		s.open = make(map[string]*os.File)
	}
	s.open[name] = f
	return f, nil
}

// Close closes all files and tells the first failure.
func (s *sideFiles) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, f := range s.open {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}
