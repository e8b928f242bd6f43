package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/logpipe/logpipe/pkg/stream"
)

// stdout is the sink of a pipeline's records. It writes each block at once, in
// one call: nothing waits in a buffer for more.
type stdout struct{ out io.Writer }

// Write writes lines. A closed pipe ends the pipeline quietly.
func (s stdout) Write(_ context.Context, lines []byte) error {
	_, err := s.out.Write(lines)
	if err == nil {
		return nil
	}
	if brokenPipe(err) {
		return stream.ErrStop
	}
	return stdoutError(err)
}

// stdoutError says of a failed write where it was to go, in words for a user.
func stdoutError(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	return fmt.Errorf("write to standard output: %w", err)
}

// controlled is standard output in a stream with control lines, which it prints
// too once it is told that they are wanted.
type controlled struct {
	stdout
	token string
	line  []byte
}

// Control prints c.
func (s *controlled) Control(c *stream.Control) error {
	if c.Kind == stream.ControlOpen {
		s.token = c.Token
	}
	if s.token == "" {
		return nil
	}
	own := *c
	own.Token = s.token // also of what an operator tells by itself
	s.line = own.AppendLine(s.line[:0])
	return s.Write(context.Background(), s.line)
}

// Close does nothing: the descriptor ends with the process.
func (s stdout) Close(context.Context) error { return nil }
