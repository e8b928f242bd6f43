package main

import (
	"os"
	"syscall"
)

// childSignals are caught while a command runs: the console tells the command
// of its keys itself.
func childSignals() []os.Signal { return []os.Signal{os.Interrupt} }

func passSignal(*os.Process, os.Signal, bool) {}

func endGroup(*os.Process, bool) {}

func statusOf(s *os.ProcessState) int { return s.ExitCode() }

func childAttributes(bool) *syscall.SysProcAttr { return nil }
