package logpipetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// What is kept of a server's output for messages.
const (
	logTail  = 20  // lines, the last ones
	logWidth = 300 // bytes of each
)

// server is a process that runs until it is killed.
type server struct {
	name  string
	cmd   *exec.Cmd
	log   *logWatch
	ready <-chan struct{}
	ended chan struct{}
	err   error // of the process, once ended is closed
}

// startServer starts a process that is ready when it prints a line with the
// text ready. Its output goes nowhere else.
func startServer(name, ready string, cmd *exec.Cmd) (*server, error) {
	s := &server{name: name, cmd: cmd, log: &logWatch{}, ended: make(chan struct{})}
	s.ready = s.log.expect(ready)
	cmd.Stdout, cmd.Stderr = s.log, s.log
	endWithParent(cmd)
	started := make(chan error)
	go func() {
		// Linux ends the child when the thread that started it ends.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			s.err = cmd.Wait()
			close(s.ended)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return s, nil
}

// wait returns when the server is ready, and fails when it has ended or ctx has.
func (s *server) wait(ctx context.Context) error { return s.await(ctx, s.ready) }

// await returns when the server has printed what is expected.
func (s *server) await(ctx context.Context, printed <-chan struct{}) error {
	select {
	case <-printed:
		return nil
	case <-s.ended:
		return fmt.Errorf("%s ended before it was ready (%v); its last lines:\n%s", s.name, s.err, s.log.tail())
	case <-ctx.Done():
		return fmt.Errorf("%s is not ready: %w; its last lines:\n%s", s.name, context.Cause(ctx), s.log.tail())
	}
}

// kill ends the server at once and returns when it is gone.
func (s *server) kill() error {
	err := s.cmd.Process.Kill()
	if errors.Is(err, os.ErrProcessDone) {
		err = nil
	}
	<-s.ended
	return err
}

// logWatch takes the output of a server, line by line.
type logWatch struct {
	mu       sync.Mutex
	part     []byte   // a line that has not ended
	lines    []string // the last ones
	expected []expectation
}

// expectation is a text that somebody waits for.
type expectation struct {
	text []byte
	seen chan struct{} // closed when it was printed
}

// expect begins to look for a text; seen is closed when a line has it.
func (w *logWatch) expect(text string) (seen <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	e := expectation{[]byte(text), make(chan struct{})}
	w.expected = append(w.expected, e)
	return e.seen
}

func (w *logWatch) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.part = append(w.part, p...)
	for {
		line, rest, whole := bytes.Cut(w.part, []byte("\n"))
		if !whole {
			return len(p), nil
		}
		w.expected = slices.DeleteFunc(w.expected, func(e expectation) bool {
			printed := bytes.Contains(line, e.text)
			if printed {
				close(e.seen)
			}
			return printed
		})
		w.lines = append(w.lines, string(line[:min(len(line), logWidth)]))
		if len(w.lines) > logTail {
			w.lines = w.lines[1:]
		}
		w.part = rest
	}
}

// tail is what was printed last.
func (w *logWatch) tail() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(append(w.lines[:len(w.lines):len(w.lines)], string(w.part)), "\n")
}
