//go:build unix

package main

import (
	"os"
	"syscall"
)

// childSignals are passed on to a command.
func childSignals() []os.Signal {
	return []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2}
}

// passSignal hands a signal to the command, or to its whole group where it has
// one. Otherwise the terminal has told it of its own keys already.
func passSignal(p *os.Process, s os.Signal, group bool) {
	n := s.(syscall.Signal)
	switch {
	case group:
		syscall.Kill(-p.Pid, n)
	case n != syscall.SIGINT && n != syscall.SIGQUIT:
		p.Signal(n)
	}
}

// endGroup ends what a command has left in its group.
func endGroup(p *os.Process, group bool) {
	if group {
		syscall.Kill(-p.Pid, syscall.SIGTERM)
	}
}

// statusOf is the exit code as a shell gives it: 128 and the signal for a
// command that a signal has ended.
func statusOf(s *os.ProcessState) int {
	if w, ok := s.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		return 128 + int(w.Signal())
	}
	return s.ExitCode()
}
