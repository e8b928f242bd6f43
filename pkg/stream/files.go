package stream

import (
	"errors"
	"io"
	"os"
	"sync"
)

// SideFiles are files that stages write beside the records. A file that is there is
// continued, so that several runs and several stages may share one. The zero value is
// ready for use.
type SideFiles struct {
	mu   sync.Mutex
	open map[string]*os.File
}

var _ Files = (*SideFiles)(nil)

// Append opens the file of that name, once, to write behind what it holds.
func (s *SideFiles) Append(name string) (io.Writer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f, ok := s.open[name]; ok {
		return f, nil
	}
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		return nil, err
	}
	if s.open == nil {
		s.open = make(map[string]*os.File)
	}
	s.open[name] = f
	return f, nil
}

// Close closes all files and tells the failures.
func (s *SideFiles) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, f := range s.open {
		errs = append(errs, f.Close())
	}
	s.open = nil
	return errors.Join(errs...)
}
