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
// has started, in whatever group or session it is now.
func marked(mark string) (pids []int) {
	files, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil || mark == "" {
		return nil
	}
	entry := []byte(markName + "=" + mark + "\x00")
	for _, file := range files {
		// What cannot be read is of another user, or has ended.
		environ, err := os.ReadFile(file)
		if err != nil || !bytes.Contains(environ, entry) {
			continue
		}
		if pid, err := strconv.Atoi(strings.Split(file, "/")[2]); err == nil && pid != os.Getpid() {
			pids = append(pids, pid)
		}
	}
	return pids
}

// polite is how long a process that has left the command's group may take to
// end after SIGTERM.
const polite = 150 * time.Millisecond

// endMarked ends what has left the group of a command, first by SIGTERM, and
// names what is still there then.
func endMarked(mark string) (left []string) {
	asked := map[int]bool{}
	var pids []int
	for begin := time.Now(); ; {
		pids = marked(mark)
		if len(pids) == 0 {
			return nil
		}
		for _, pid := range pids {
			switch {
			case time.Since(begin) > polite:
				syscall.Kill(pid, syscall.SIGKILL) // again and again: one may fork
			case !asked[pid]:
				asked[pid] = true
				syscall.Kill(pid, syscall.SIGTERM)
			}
		}
		// The kernel tells only parents when a process ends.
		time.Sleep(5 * time.Millisecond)
		if time.Since(begin) > 3*polite {
			for _, pid := range pids {
				name, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/comm")
				left = append(left, strconv.Itoa(pid)+" ("+strings.TrimSpace(string(name))+")")
			}
			return left
		}
	}
}
