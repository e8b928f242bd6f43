package catalog

import (
	"fmt"
	"io"
	"sync"

	"github.com/logpipe/logpipe/pkg/stream"
)

// LongTaker is a Sink that says what becomes of lines that are too long to be read,
// where lines come to it as they are read.
type LongTaker interface {
	Long(env *stream.Env) (stream.LongTaker, error)
}

// longLines are lines that are longer than any that is read: they are counted as too
// large, and may go to a file while they are read.
type longLines struct {
	sink *produceSink
	file io.Writer // or nil

	mu   sync.Mutex // held while a line is written, so that no other comes within it
	fail sync.Mutex
	err  error // the first failure of the file
}

// Long implements LongTaker.
func (s *produceSink) Long(env *stream.Env) (stream.LongTaker, error) {
	if s.long.sink != nil { // asked for already
		return s.long.begin, nil
	}
	if s.onLarge.mode == largeFile {
		f, err := env.Files.Append(s.onLarge.file)
		if err != nil {
			return nil, err
		}
		s.long.file = f
	}
	s.long.sink = s
	return s.long.begin, nil
}

// begin takes the next line.
func (l *longLines) begin() io.WriteCloser {
	l.sink.tooLarge.Add(1)
	if l.file == nil {
		return discarded{io.Discard}
	}
	l.mu.Lock()
	return longLine{l}
}

// keep writes a line that was read as a whole.
func (l *longLines) keep(line []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, err := l.file.Write(append(line[:len(line):len(line)], '\n'))
	return err
}

// failed is why a line was not kept.
func (l *longLines) failed() error {
	l.fail.Lock()
	defer l.fail.Unlock()
	return l.err
}

func (l *longLines) write(p []byte) {
	if l.failed() != nil {
		return
	}
	if _, err := l.file.Write(p); err != nil {
		l.fail.Lock()
		defer l.fail.Unlock()
		l.err = fmt.Errorf("--on-too-large: %w", err)
	}
}

// longLine is a line on its way into the file. A failure is told by the sink: the
// input is not to blame.
type longLine struct{ *longLines }

func (l longLine) Write(p []byte) (int, error) {
	l.write(p)
	return len(p), nil
}

// Close ends the line.
func (l longLine) Close() error {
	l.write([]byte{'\n'})
	l.mu.Unlock()
	return nil
}

type discarded struct{ io.Writer }

func (discarded) Close() error { return nil }
