//go:build !linux

package logpipetest

import "os/exec"

func endWithParent(*exec.Cmd) {}
