// Package fault gives an error the two things a command line adds to it: the
// exit code it ends with and the next step a user can take. Any package may
// attach them; only pkg/cli prints and exits. Visible makes what a message quotes
// fit to be printed.
package fault

import (
	"errors"
	"fmt"
)

// Code is a process exit code. The list is the one of `logpipe help exit-codes`.
type Code int

// The exit codes of every command.
const (
	Done        Code = 0   // finished, or the reader of stdout went away
	Failed      Code = 1   // failed at run time
	Usage       Code = 2   // wrong usage or configuration; nothing was started
	Rejected    Code = 3   // finished, but --strict and records were rejected or late
	Unreachable Code = 4   // a broker or server could not be reached
	Checkpoint  Code = 5   // a checkpoint does not fit the pipeline
	Interrupted Code = 130 // SIGINT
	Terminated  Code = 143 // SIGTERM
)

type coded struct {
	error
	code Code
}

func (c coded) Unwrap() error { return c.error }

type hinted struct {
	error
	hint string
}

func (h hinted) Unwrap() error { return h.error }

// With gives err an exit code. A nil err stays nil.
func With(code Code, err error) error {
	if err == nil {
		return nil
	}
	return coded{err, code}
}

// Usagef is an error in the way a command was called or configured (exit 2).
func Usagef(format string, args ...any) error {
	return coded{fmt.Errorf(format, args...), Usage}
}

// Unreachablef is a server that could not be reached (exit 4).
func Unreachablef(format string, args ...any) error {
	return coded{fmt.Errorf(format, args...), Unreachable}
}

// Hint adds the next step to take, without a full stop, as in `--from beginning
// reads the whole file`. A nil err stays nil.
func Hint(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return hinted{err, fmt.Sprintf(format, args...)}
}

// CodeOf is the exit code of err: 0 for nil, 1 where nothing else was said.
func CodeOf(err error) Code {
	if err == nil {
		return Done
	}
	var c coded
	if errors.As(err, &c) {
		return c.code
	}
	return Failed
}

// Line is err with its hint, for messages of what goes on by itself. Hints about
// what cannot be reached are left out: they name flags of commands.
func Line(err error) string {
	if hint := HintOf(err); hint != "" && CodeOf(err) != Unreachable {
		return err.Error() + "; " + hint
	}
	return err.Error()
}

// HintOf is the outermost hint of err, or "".
func HintOf(err error) string {
	var h hinted
	if errors.As(err, &h) {
		return h.hint
	}
	return ""
}
