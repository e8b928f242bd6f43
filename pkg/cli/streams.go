// Package cli is what every command shares: the standard streams, exit codes
// and the printing of errors, signals, the flags of a stream, input files,
// reports of rejected records, progress, settings from the environment and the
// configuration file, and the running of a pipeline with all of these.
//
// The conventions: standard output carries records only; everything else goes
// to standard error as `logpipe <command>: …`, with a `hint: …` line where the
// next step is known.
package cli

import (
	"io"
	"os"

	"golang.org/x/term"
)

// Streams are the standard streams of a process, or of a test.
type Streams struct {
	In  io.Reader
	Out io.Writer
	Err io.Writer

	InTerminal  bool // somebody types In
	OutTerminal bool // somebody looks at Out
	ErrTerminal bool // somebody looks at Err
	InWaits     bool // In may wait for data: it is no regular file
	Color       bool // Out takes escape sequences and nobody minds (NO_COLOR)
}

// System returns the streams of the process.
func System() *Streams {
	s := &Streams{
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr,
		InTerminal:  term.IsTerminal(int(os.Stdin.Fd())),
		OutTerminal: term.IsTerminal(int(os.Stdout.Fd())),
		ErrTerminal: term.IsTerminal(int(os.Stderr.Fd())),
		InWaits:     true,
	}
	if st, err := os.Stdin.Stat(); err == nil {
		s.InWaits = !st.Mode().IsRegular()
	}
	s.Color = s.OutTerminal && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	return s
}
