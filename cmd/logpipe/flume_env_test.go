//go:build unix

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// writeFlumeEnv makes a folder with such a flume-env.sh.
func writeFlumeEnv(t *testing.T, script string) (folder string) {
	t.Helper()
	folder = filepath.Join(t.TempDir(), "it's a conf")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, flumeEnvName), []byte(script), 0o644); err != nil {
		t.Fatal(err)
	}
	return folder
}

// What a script sets arrives as it is, whatever it has done to the shell: with bash,
// and with a plain shell where there is none.
func TestFlumeEnv(t *testing.T) {
	const script = `set -u
cd /
umask 077
export LINES_OF="one
two" DOLLAR='$HOME "x"' IN="$opt_conf"
unset GONE
LATER=shell
JAVA_OPTS="$JAVA_OPTS -Da=1,2=3
-Da=4	-server"
FLUME_JAVA_OPTS=-Db
PATH=/nowhere
exec 3>/dev/null
trap 'echo trapped' EXIT
echo said
set -- x y
false
`
	t.Setenv("GONE", "x")
	t.Setenv("JAVA_OPTS", "-Dof=the environment")
	for _, shell := range []string{"bash", "sh"} {
		t.Run(shell, func(t *testing.T) {
			path := t.TempDir()
			for _, program := range []string{shell, "env"} {
				found, err := exec.LookPath(program)
				if err != nil {
					t.Skip(err)
				}
				if err := os.Symlink(found, filepath.Join(path, program)); err != nil {
					t.Fatal(err)
				}
			}
			t.Setenv("PATH", path)
			folder := writeFlumeEnv(t, script)
			var said bytes.Buffer
			e, err := readFlumeEnv(t.Context(), folder, time.Minute, &said)
			if err != nil {
				t.Fatalf("%v; said %s", err, &said)
			}
			if said.String() != "said\n" || e.broken != "" || e.folder != "/" || e.mask != 0o77 || len(e.classes) != 0 {
				t.Errorf("said %q; %+v", &said, e)
			}
			if want := []string{"-Xmx20m", "-Da=1,2=3", "-Da=4", "-server", "-Db"}; !slices.Equal(e.java, want) {
				t.Errorf("options %q", e.java)
			}
			if p := javaProperties(e.java); len(p) != 2 || p["a"] != "4" {
				t.Errorf("properties %v", p)
			}
			for name, want := range map[string]string{"LINES_OF": "one\ntwo", "DOLLAR": `$HOME "x"`, "IN": folder, "PATH": "/nowhere"} {
				if e.variables[name] != want {
					t.Errorf("%s is %q", name, e.variables[name])
				}
			}
			for _, name := range []string{"GONE", "LATER"} {
				if value, set := e.variables[name]; set {
					t.Errorf("%s is %q", name, value)
				}
			}
		})
	}
}

// A script that does not end is told by its name, and so is one that ends the shell;
// where there is none nothing is run.
func TestFlumeEnvFails(t *testing.T) {
	for script, want := range map[string]string{
		"sleep 1000 & wait": "flume-env.sh did not end within 100ms",
		"exec sleep 1000":   "flume-env.sh did not end within 100ms",
	} {
		_, err := readFlumeEnv(t.Context(), writeFlumeEnv(t, script), 100*time.Millisecond, &bytes.Buffer{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", script, err)
		}
	}
	for script, want := range map[string]string{"exit 7": "ends the shell that reads it: exit status 7", "exec true": "ends the shell that reads it"} {
		_, err := readFlumeEnv(t.Context(), writeFlumeEnv(t, script), time.Minute, &bytes.Buffer{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", script, err)
		}
	}
	if e, err := readFlumeEnv(t.Context(), t.TempDir(), time.Minute, &bytes.Buffer{}); e != nil || err != nil {
		t.Errorf("%+v, %v", e, err)
	}
}

// What bash reads and its check alone would not, and what this user cannot read, stops no
// agent: Flume goes on.
func TestFlumeEnvGoesOn(t *testing.T) {
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip(err)
	}
	globbing := writeFlumeEnv(t, "shopt -s extglob\nfor f in lib/!(old*).jar; do :; done\nexport X=1\nfalse\n")
	e, err := readFlumeEnv(t.Context(), globbing, time.Minute, &bytes.Buffer{})
	if err != nil || e.broken != "" || e.variables["X"] != "1" {
		t.Errorf("with extglob: %+v, %v", e, err)
	}
	if os.Geteuid() == 0 {
		t.Skip("root may read everything")
	}
	hidden := writeFlumeEnv(t, "export X=1\n")
	if err := os.Chmod(filepath.Join(hidden, flumeEnvName), 0); err != nil {
		t.Fatal(err)
	}
	e, err = readFlumeEnv(t.Context(), hidden, time.Minute, &bytes.Buffer{})
	if err != nil || e.unread == "" || len(e.findings()) != 1 {
		t.Errorf("one that may not be read: %+v, %v", e, err)
	}
}

// What a script leaves running does not hold up its answer.
func TestFlumeEnvLeavesBehind(t *testing.T) {
	folder := writeFlumeEnv(t, "(exec sleep 1000) &\nexport LEFT=$!\n")
	e, err := readFlumeEnv(t.Context(), folder, time.Minute, &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(e.variables["LEFT"])
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Errorf("it did not stay: %v", err)
	}
}

func TestShellName(t *testing.T) {
	for name, want := range map[string]bool{"A": true, "_a1": true, "": false, "1a": false, "my.var": false, "a-b": false, "é": false} {
		if isShellName(name) != want {
			t.Errorf("%q: %v", name, !want)
		}
	}
}
