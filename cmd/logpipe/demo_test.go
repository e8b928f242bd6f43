//go:build unix

package main

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// demoRow is a row of the demo.
type demoRow struct {
	Start  time.Time `json:"window_start"`
	End    time.Time `json:"window_end"`
	Course int       `json:"course"`
	Count  int       `json:"count"`
	Rank   int       `json:"rank"`
}

// startDemo starts a command with a temporary folder of its own.
func startDemo(t *testing.T, name string, args ...string) (r *running, temp string) {
	t.Helper()
	if _, err := exec.LookPath("tail"); err != nil {
		t.Skip("no tail here")
	}
	temp = t.TempDir()
	cmd := start(t, name, args...)
	cmd.Dir = t.TempDir()
	cmd.Env = append(cmd.Env, "TMPDIR="+temp)
	return begin(t, cmd), temp
}

// readWindow reads the ten rows of a window, by rank. The first window may be
// too short to have so many.
func (r *running) readWindow(t *testing.T) {
	t.Helper()
	var before demoRow
	for before.Rank < 10 {
		var row demoRow
		line := r.read(t)
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		next := row.Start.Equal(before.Start) && row.Rank == before.Rank+1 && row.Count <= before.Count
		first := row.Start.After(before.Start) && row.Rank == 1
		if !next && !first || row.Count < 1 || row.Course < 1 || row.End.Sub(row.Start) != 2*time.Second {
			t.Fatalf("row %s behind %+v", line, before)
		}
		before = row
	}
}

// brokerOf waits for the address of the broker of the demo that begins to work in temp,
// and returns it with the demo's folder.
func brokerOf(t *testing.T, temp string) (addr, folder string) {
	t.Helper()
	address := regexp.MustCompile(`bootstrap\.servers = (\S+)\n`)
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		found, err := filepath.Glob(filepath.Join(temp, "logpipe-demo-*", "demo.conf"))
		if err != nil || len(found) > 1 || time.Now().After(deadline) {
			t.Fatalf("property files %v, %v", found, err)
		}
		if len(found) == 0 {
			continue
		}
		conf, err := os.ReadFile(found[0])
		if err != nil {
			t.Fatal(err)
		}
		if m := address.FindSubmatch(conf); m != nil {
			addr, folder = string(m[1]), filepath.Dir(found[0])
			break
		}
	}
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	return addr, folder
}

// followed waits for the process that follows the log of a demo, and lists all that the
// demo has started; none where there is no /proc.
func followed(t *testing.T, r *running) []process {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); len(processes(t)) > 0; time.Sleep(time.Millisecond) {
		members := family(t, r.Process.Pid)
		if slices.ContainsFunc(members, func(p process) bool { return p.name == "tail" }) {
			return members
		}
		if time.Now().After(deadline) {
			t.Fatalf("no process follows the log: %+v", members)
		}
	}
	return nil
}

// grown waits until the log of a demo has some hundred lines more.
func grown(t *testing.T, folder string) {
	t.Helper()
	size := func() int64 {
		st, err := os.Stat(filepath.Join(folder, "access.log"))
		if err != nil {
			t.Fatal(err)
		}
		return st.Size()
	}
	for begun, deadline := size(), time.Now().Add(time.Minute); size() < begun+64<<10; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the log does not grow")
		}
	}
}

// nothingLeft holds that a demo has left no process, no file and no port; what
// it has asked to end may take a moment.
func nothingLeft(t *testing.T, members []process, temp, addr string) {
	t.Helper()
	gone(t, members)
	for deadline := time.Now().Add(time.Minute); ; {
		left, err := os.ReadDir(temp)
		if err == nil && len(left) == 0 {
			break
		}
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("left in the temporary folder: %v %v", left, err)
		}
	}
	logpipetest.ListenAt(t, addr).Close() // others may have it for a moment
}

// TestDemo holds that the demo works where nobody looks at it, whoever has the
// usual port, and that nothing of it is left however it ends.
func TestDemo(t *testing.T) {
	if l, err := net.Listen("tcp", "127.0.0.1:9092"); err == nil {
		t.Cleanup(func() { l.Close() })
	} // else it is taken already
	for _, c := range []struct {
		name   string
		args   []string
		signal syscall.Signal
		code   int
	}{
		{"for", []string{"--for", "15s"}, 0, 0}, // several windows, also where it stands still for a while
		{"interrupt", nil, syscall.SIGINT, 130},
		{"terminate", nil, syscall.SIGTERM, 143},
		{"hangup", []string{"-q"}, syscall.SIGHUP, 129},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.signal != 0 && signal.Ignored(c.signal) {
				t.Skipf("%v is ignored here, as under nohup, and so by the demo", c.signal)
			}
			t.Parallel()
			r, temp := startDemo(t, "logpipe", append([]string{"demo"}, c.args...)...)
			// At once: the first one may have ended before somebody looks behind its rows.
			addr, folder := brokerOf(t, temp)
			members := followed(t, r)
			r.readWindow(t)
			if c.signal != 0 {
				grown(t, folder) // its lines are in the window that is open
				if err := r.Process.Signal(c.signal); err != nil {
					t.Fatal(err)
				}
			}
			code, rest := r.code(t)
			if code != c.code || !strings.Contains(rest, `"rank":1}`) {
				t.Errorf("exit code %d, rest %q, %s", code, rest, r.err)
			}
			told := strings.Contains(r.err.String(), " 0 left\n") && strings.Contains(r.err.String(), "records read;")
			if quiet := slices.Contains(c.args, "-q"); quiet && r.err.Len() > 0 || !quiet && !told {
				t.Errorf("standard error: %s", r.err)
			}
			if strings.Contains(r.err.String(), "--emit") {
				t.Errorf("the demo has no such flag: %s", r.err)
			}
			nothingLeft(t, members, temp, addr)
		})
	}
}

// TestDemoCommands holds that the commands that the demo prints do the same in
// a shell, and that the last one ends what the others have begun.
func TestDemoCommands(t *testing.T) {
	t.Parallel()
	shell := bash(t)
	r, temp := startDemo(t, "logpipe", "demo", "--for", "1ms")
	if code, _ := r.code(t); code != 0 {
		t.Fatalf("exit code %d, %s", code, r.err)
	}
	parts := strings.Split(r.err.String(), "\n\n")
	if len(parts) != 3 || !strings.HasPrefix(parts[2], "logpipe demo: runs for 1ms") {
		t.Fatalf("no commands between empty lines in\n%s", r.err)
	}
	nothingLeft(t, nil, temp, "127.0.0.1:0")

	script := filepath.Join(t.TempDir(), "commands.sh")
	write(t, script, parts[1])
	r, temp, out := startShell(t, shell, script)
	r.readWindow(t)
	members := family(t, r.Process.Pid)
	// The pipe ends, as it would with Ctrl-C, and the last command is up.
	out.Close()
	if err := r.Wait(); err != nil {
		t.Errorf("%v, %s", err, r.err)
	}
	m := regexp.MustCompile(`LOGPIPE_BROKERS=(\S+)`).FindStringSubmatch(parts[1])
	if m == nil {
		t.Fatalf("no broker in\n%s", parts[1])
	}
	nothingLeft(t, members, temp, m[1])
}

// startShell starts the commands in script. Closing out takes the reader of
// their rows away.
func startShell(t *testing.T, shell, script string) (r *running, temp string, out io.Closer) {
	t.Helper()
	cmd := start(t, shell, script)
	temp = t.TempDir()
	cmd.Env = append(cmd.Env, "TMPDIR="+temp)
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { reader.Close() }) // again
	r = &running{Cmd: cmd, out: bufio.NewReader(reader), err: &strings.Builder{}}
	cmd.Stdout, cmd.Stderr = writer, r.err
	err = cmd.Start()
	writer.Close()
	if err != nil {
		t.Fatal(err)
	}
	return r, temp, reader
}
