package source

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// needShell skips where the commands of these tests do not exist.
func needShell(t *testing.T) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the commands of this test need a Unix shell")
	}
}

func TestExecLines(t *testing.T) {
	needShell(t)
	tests := []struct {
		name, command string
		want          []string
	}{
		{"lines", `printf 'a\nb\n\nc\n'`, []string{"a", "b", "", "c"}},
		{"no newline at the end", `printf 'a\nb'`, []string{"a", "b"}},
		{"windows line ends", `printf 'a\r\nb\r\n'`, []string{"a", "b"}},
		{"old line ends", `printf 'a\rb\n\rc\r'`, []string{"a", "b", "", "c"}},
		{"any bytes", `printf '\377\000x\n'`, []string{"\xff\x00x"}},
		{"nothing", `true`, nil},
		{"standard error is not an event", `echo a; echo b >&2`, []string{"a"}},
		{"a child of the shell", `(echo a; echo b) | cat`, []string{"a", "b"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := start(t, configure(t, NewExec, "command="+test.command, "shell=/bin/sh -c"))
			if got := r.rest(t); !reflect.DeepEqual(got, test.want) {
				t.Fatalf("got %q, want %q", got, test.want)
			}
		})
	}
}

// The command's standard input is empty, but it does not end before the source.
func TestExecStandardInputStaysOpen(t *testing.T) {
	needShell(t)
	r := start(t, configure(t, NewExec, "command=echo a; cat && echo ended", "shell=/bin/sh -c"))
	r.take(t, 1)
	r.stop()
	if got := r.rest(t); len(got) != 0 {
		t.Fatalf("got %q", got)
	}
}

func TestExecWithoutShellCutsAtBlanks(t *testing.T) {
	needShell(t)
	r := start(t, configure(t, NewExec, `command=echo  'a  b' $HOME | cat`))
	if got := r.rest(t); got[0] != "'a b' $HOME | cat" {
		t.Fatalf("got %q", got)
	}
}

func TestExecNotFound(t *testing.T) {
	s := configure(t, NewExec, "command=no-such-program x")
	var d diary
	if err := s.(*Exec).Open(envOf(&d)); err == nil || !strings.Contains(err.Error(), `"no-such-program"`) {
		t.Fatalf("error %v", err)
	}
}

func TestExecRestart(t *testing.T) {
	needShell(t)
	r := start(t, configure(t, NewExec, "command=echo run; exit 3", "shell=/bin/sh -c", "restart=true", "restartThrottle=1"))
	r.take(t, 3)
	r.stop()
	r.rest(t)
	if !strings.Contains(r.diary.String(), "exit status 3), runs again in 1ms") {
		t.Fatalf("told %s", &r.diary)
	}
}

func TestExecStandardError(t *testing.T) {
	needShell(t)
	const command = "command=echo first >&2; echo last >&2; exit 1"
	quiet := start(t, configure(t, NewExec, command, "shell=/bin/sh -c"))
	quiet.rest(t)
	if got := quiet.diary.String(); got != "command ended (exit status 1: last), nothing more comes" {
		t.Errorf("without logStdErr told %q", got)
	}
	loud := start(t, configure(t, NewExec, command, "shell=/bin/sh -c", "logStdErr=true"))
	loud.rest(t)
	if got := loud.diary.String(); got != "stderr: first\nstderr: last\ncommand ended (exit status 1), nothing more comes" {
		t.Errorf("with logStdErr told %q", got)
	}
}

// A full channel makes the command wait; Flume loses 4000 of these 5000.
func TestExecBackPressure(t *testing.T) {
	needShell(t)
	r := start(t, configure(t, NewExec, "command=seq 1 5000", "batchSize=1000"), "capacity=100", "keep-alive=0")
	for i, body := range r.take(t, 5000) {
		if body != strconv.Itoa(i+1) {
			t.Fatalf("event %d is %q", i, body)
		}
	}
	r.rest(t)
}

// A line of a slow command comes at once, without waiting for a batch.
func TestExecDoesNotHoldLines(t *testing.T) {
	needShell(t)
	r := start(t, configure(t, NewExec, "command=echo a; exec sleep 60", "shell=/bin/sh -c", "batchTimeout=60000"))
	begin := time.Now()
	r.take(t, 1)
	if d := time.Since(begin); d > 20*time.Second {
		t.Fatalf("the line took %v", d)
	}
	r.stop()
	r.rest(t)
}

func TestExecLongLine(t *testing.T) {
	needShell(t)
	command := fmt.Sprintf(`echo a; head -c %d /dev/zero | tr '\0' x; echo; echo b; head -c 300000 /dev/zero | tr '\0' y; echo`, maxExecLine+100<<10)
	r := start(t, configure(t, NewExec, "command="+command, "shell=/bin/sh -c"))
	got := r.rest(t)
	if len(got) != 3 || got[0] != "a" || got[1] != "b" || len(got[2]) != 300000 {
		t.Fatalf("%d events", len(got))
	}
	if !strings.Contains(r.diary.String(), "is skipped") {
		t.Fatalf("told %s", &r.diary)
	}
}

// alive reports whether a process runs (a zombie does not).
func alive(pid string) bool {
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return false
	}
	_, after, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(after, "Z")
}

func waitGone(t *testing.T, pids ...string) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for _, pid := range pids {
		for alive(pid) {
			if time.Now().After(deadline) {
				t.Fatalf("process %s outlives the source", pid)
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
}

// stubborn prints the ids of three processes of a group: one that ignores
// SIGTERM, its shell, and one behind a pipe.
const stubborn = `sh -c 'trap "" TERM; echo $$; while :; do sleep 1; done' & sleep 300 & echo $!; echo $$; wait`

func TestExecStopEndsTheGroup(t *testing.T) {
	needShell(t)
	if runtime.GOOS != "linux" {
		t.Skip("looks into /proc")
	}
	r := start(t, configure(t, NewExec, "command="+stubborn, "shell=/bin/sh -c"))
	pids := r.take(t, 3)
	for _, pid := range pids {
		if !alive(pid) {
			t.Fatalf("process %s is not there", pid)
		}
	}
	begin := time.Now()
	r.stop()
	r.rest(t)
	waitGone(t, pids...)
	if d := time.Since(begin); d > stopWait+20*time.Second {
		t.Fatalf("stopping took %v", d)
	}
}

func TestExecTailFollowsAndStops(t *testing.T) {
	needShell(t)
	file := filepath.Join(t.TempDir(), "data.log")
	if err := os.WriteFile(file, []byte("one\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	r := start(t, configure(t, NewExec, "command=tail -F "+file, "shell=/bin/sh -c"))
	r.take(t, 1)
	f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	io.WriteString(f, "two\nhalf")
	if got := r.take(t, 1); got[0] != "two" {
		t.Fatalf("got %q", got)
	}
	begin := time.Now()
	r.stop()
	if got := r.rest(t); len(got) != 0 {
		t.Fatalf("an unfinished line came as an event: %q", got)
	}
	if d := time.Since(begin); d > 10*time.Second {
		t.Fatalf("stopping took %v", d)
	}
}

// What the command had printed when it was stopped is not lost.
func TestExecStopKeepsWhatWasPrinted(t *testing.T) {
	needShell(t)
	r := start(t, configure(t, NewExec, "command=seq 1 1000; exec sleep 60", "shell=/bin/sh -c"),
		"capacity=10", "transactionCapacity=10", "keep-alive=0")
	got := r.take(t, 5)
	r.stop()
	got = append(got, r.take(t, 995)...)
	r.rest(t)
	if got[999] != "1000" {
		t.Fatalf("last event %q", got[999])
	}
}

// FuzzExecLines compares with a plain reading of the rule.
func FuzzExecLines(f *testing.F) {
	for _, seed := range []string{"a\nb", "a\r\nb\r\n", "\r\r\n\n", "a\rb", "\n"} {
		f.Add([]byte(seed), 2)
	}
	f.Fuzz(func(t *testing.T, data []byte, size int) {
		if size < 1 || size > len(data) {
			size = 1
		}
		lines := execLines{logf: t.Logf}
		r := &pieces{append([]byte(nil), data...), size}
		got := []string{}
		for {
			err := lines.read(r)
			events := lines.next()
			if err != nil {
				events = append(events, lines.rest()...)
			}
			for _, e := range events {
				got = append(got, string(e.Body))
			}
			if err != nil {
				break
			}
		}
		text := strings.ReplaceAll(strings.ReplaceAll(string(data), "\r\n", "\n"), "\r", "\n")
		want := strings.Split(text, "\n")
		if want[len(want)-1] == "" {
			want = want[:len(want)-1]
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%q: got %q, want %q", data, got, want)
		}
	})
}

// TestRemainsLate holds that what a command has printed is read though the time for it
// is over, as it is where this process stood still.
func TestRemainsLate(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	defer write.Close()
	if _, err := write.WriteString("printed"); err != nil {
		t.Fatal(err)
	}
	if err := read.SetReadDeadline(time.Now().Add(-time.Second)); err != nil {
		t.Skip(err) // pipes have no deadlines here
	}
	r, p := &remains{ctx: t.Context(), pipe: read}, make([]byte, 100)
	if n, err := r.Read(p); string(p[:n]) != "printed" || err != nil {
		t.Errorf("%q, %v", p[:n], err)
	}
	if n, err := r.Read(p); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%q, %v, want the end of the time", p[:n], err)
	}
}
