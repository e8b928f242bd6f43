package source

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// childAttributes gives the command its own process group and lets the kernel
// end it when the agent dies.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// marked lists the processes with the mark in their environment: what a command
// has started, in whatever group or session it is now. Where starting is set, some
// processes do not show theirs yet.
func marked(proc, mark string) (pids []int, starting bool) {
	files, err := filepath.Glob(filepath.Join(proc, "[0-9]*", "environ"))
	if err != nil || mark == "" {
		return nil, false
	}
	entry := []byte(markName + "=" + mark + "\x00")
	for _, file := range files {
		process := filepath.Dir(file)
		environ, becoming := environOf(process)
		starting = starting || becoming
		if !bytes.Contains(environ, entry) {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(process)); err == nil && pid != os.Getpid() {
			pids = append(pids, pid)
		}
	}
	return pids, starting
}

// environOf is the environment of a process, or nothing where that is of another
// user, or has ended. One that is just becoming another program does not show it yet.
func environOf(process string) (environ []byte, starting bool) {
	for range 2 { // it may have become that meanwhile
		environ, err := os.ReadFile(filepath.Join(process, "environ"))
		if err != nil || len(environ) > 0 {
			return environ, false
		}
		if isStarting(process) {
			return nil, true
		}
	}
	return nil, false
}

// isStarting tells a process that shows no environment yet from one that has none: it
// shows no arguments either. One that has ended, or is of the kernel, has no program.
func isStarting(process string) bool {
	arguments, err := os.ReadFile(filepath.Join(process, "cmdline"))
	if err != nil || len(arguments) > 0 {
		return false
	}
	_, err = os.Readlink(filepath.Join(process, "exe"))
	return err == nil
}

// How long a process that has left the command's group may take to end after SIGTERM,
// and how often it is looked for after that, at least: a time passes also while this
// process is stopped.
const (
	polite  = 150 * time.Millisecond
	insists = 10
)

// endMarked ends what has left the group of a command, first by SIGTERM, and
// names what is still there then.
func endMarked(mark string) (left []string) {
	return endAll(func() (pids []int, starting bool) { return marked("/proc", mark) })
}

// endAll is endMarked for those that look finds.
func endAll(look func() (pids []int, starting bool)) (left []string) {
	asked := map[int]bool{}
	insisted := 0
	for begin := time.Now(); ; {
		pids, starting := look()
		if len(pids) == 0 && !starting {
			return nil
		}
		over := time.Since(begin) > polite
		if over {
			insisted++
		}
		for _, pid := range pids {
			switch {
			case over:
				syscall.Kill(pid, syscall.SIGKILL) // again and again: one may fork
			case !asked[pid]:
				asked[pid] = true
				syscall.Kill(pid, syscall.SIGTERM)
			}
		}
		// The kernel tells only parents when a process ends.
		time.Sleep(5 * time.Millisecond)
		if insisted < insists || time.Since(begin) <= 3*polite {
			continue
		}
		for _, pid := range pids {
			name, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/comm")
			left = append(left, strconv.Itoa(pid)+" ("+strings.TrimSpace(string(name))+")")
		}
		return left
	}
}
