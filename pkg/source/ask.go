package source

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"time"
)

// mostAnswer bounds what is kept of what a program prints, in bytes.
const mostAnswer = 1 << 20

// Ask runs a program to its end and returns what it has printed, up to 1 MiB.
// Its standard input is empty. When ctx ends, the program and all that it has
// started are ended as the command of an exec source is, and the error is ctx's
// cause. The error of a program that fails holds its complaints.
func Ask(ctx context.Context, argv []string) ([]byte, error) {
	nothing, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	defer nothing.Close()
	stdout, stdoutWriter, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer stdout.Close()
	stderr, stderrWriter, err := os.Pipe()
	if err != nil {
		stdoutWriter.Close()
		return nil, err
	}
	defer stderr.Close()
	mark := rand.Text()
	c, err := startChild(argv, mark, nothing, stdoutWriter, stderrWriter)
	stdoutWriter.Close()
	stderrWriter.Close()
	if err != nil {
		return nil, err
	}
	printed, complaints := listen(stdout), listen(stderr)
	stopped := false
	select {
	case <-c.exited:
	case <-ctx.Done():
		stopped = true
		c.stop(stopWait)
		endMarked(mark)
	}
	c.wait()
	for _, pipe := range []*os.File{stdout, stderr} {
		pipe.SetReadDeadline(time.Now().Add(quiet)) // for what has left the group and holds it open
	}
	answer, said := <-printed, bytes.TrimSpace(<-complaints)
	switch {
	case stopped:
		return nil, context.Cause(ctx)
	case c.err != nil && len(said) > 0:
		return nil, fmt.Errorf("%w: %s", c.err, said)
	}
	return answer, c.err
}

// listen reads a pipe to its end, so that nobody waits who writes into it.
func listen(pipe *os.File) <-chan []byte {
	heard := make(chan []byte, 1)
	go func() {
		data, _ := io.ReadAll(io.LimitReader(pipe, mostAnswer))
		_, _ = io.Copy(io.Discard, pipe)
		heard <- data
	}()
	return heard
}
