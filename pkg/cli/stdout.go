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
	wrote bool
	told  bool // that a record reads like a control
	say   func(string)
}

// Write writes lines. A record must be no control for who reads it, neither the one
// that opens a stream nor one within: a blank before it, which is nothing in JSON, sees
// to that.
func (s *controlled) Write(ctx context.Context, lines []byte) error {
	switch {
	case s.token != "":
		var found bool
		if lines, found = stream.Defuse(lines, s.token); found && !s.told {
			s.told = true
			s.say("a record reads like a line of a stream with marks: it has a blank before it, so that nobody takes it for one")
		}
	case !s.wrote && stream.Opens(lines):
		lines = append([]byte{' '}, lines...)
		s.say("the first record begins like a stream with marks: it has a blank before it, so that nobody takes it for one")
	}
	s.wrote = true
	return s.stdout.Write(ctx, lines)
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
	return s.stdout.Write(context.Background(), s.line)
}

// Close does nothing: the descriptor ends with the process.
func (s stdout) Close(context.Context) error { return nil }
