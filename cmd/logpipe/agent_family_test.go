//go:build unix

package main

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// process is an entry of /proc.
type process struct {
	pid, parent, group int
	state, name        string
}

// processes lists those that run; none where there is no /proc.
func processes(t *testing.T) []process {
	t.Helper()
	names, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	var list []process
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // it has ended
		}
		head, tail, _ := strings.Cut(string(text), " (")
		i := strings.LastIndex(tail, ") ") // a name may hold brackets
		f := strings.Fields(tail[i+2:])
		p := process{name: tail[:i], state: f[0]}
		for _, n := range []struct {
			to   *int
			text string
		}{{&p.pid, head}, {&p.parent, f[1]}, {&p.group, f[2]}} {
			if *n.to, err = strconv.Atoi(n.text); err != nil {
				t.Fatal(err)
			}
		}
		list = append(list, p)
	}
	return list
}

// family lists the children of a process with theirs.
func family(t *testing.T, pid int) []process {
	t.Helper()
	var members []process
	pids := []int{pid}
	all := processes(t)
	for found := true; found; {
		found = false
		for _, p := range all {
			if slices.Contains(pids, p.parent) && !slices.Contains(pids, p.pid) {
				pids, members, found = append(pids, p.pid), append(members, p), true
			}
		}
	}
	return members
}

// gone waits until the processes have ended: they were killed, which takes the
// kernel a moment.
func gone(t *testing.T, members []process) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; {
		left := slices.DeleteFunc(processes(t), func(p process) bool {
			return p.state == "Z" || p.state == "X" || !slices.ContainsFunc(members, func(m process) bool {
				return m.pid == p.pid && m.group == p.group
			})
		})
		if len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("processes that were left: %+v", left)
		}
	}
}
