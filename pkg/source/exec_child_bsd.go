//go:build unix && !linux

package source

import "syscall"

// childAttributes gives the command its own process group; the watchdog ends
// it when the agent dies.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}

// endMarked has nothing to do: processes that leave their group cannot be found
// here.
func endMarked(string) (left []string) { return nil }
