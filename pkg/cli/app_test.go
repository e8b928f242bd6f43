package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/option"
	"github.com/logpipe/logpipe/pkg/stream"
)

// TestExit holds which error ends with which code and message.
func TestExit(t *testing.T) {
	for _, c := range []struct {
		err  error
		code int
		text string
	}{
		{nil, 0, ""},
		{stream.ErrStop, 0, ""},
		{&os.PathError{Op: "write", Path: "|1", Err: syscall.EPIPE}, 0, ""},
		{errors.New("it broke"), 1, "logpipe test: it broke\n"},
		{errors.New("test: it broke"), 1, "logpipe test: it broke\n"},
		{fault.Usagef("no"), 2, "logpipe test: no\n"},
		{fault.Hint(fault.Usagef("no"), "yes"), 2, "logpipe test: no\nhint: yes\n"},
		{fmt.Errorf("in: %w", fault.Hint(fault.Unreachablef("gone"), "come")), 4, "logpipe test: in: gone\nhint: come\n"},
		{ErrHelpShown, 2, ""},
		{&signalled{fault.Interrupted}, 130, ""},
		{ExitStatus(7), 7, ""},
		{strict(stream.Ledger{Rejected: 1200, Late: 3}), 3, "logpipe test: --strict: 1,200 rejected, 3 late\n"},
		{strict(stream.Ledger{}), 0, ""},
		{strict(stream.Ledger{Gaps: "1 record was lost in where"}), 3, "logpipe test: --strict: the records do not add up: 1 record was lost in where\n"},
	} {
		a, _, errs := testApp("")
		if code := a.exit(c.err); code != c.code || errs.String() != c.text {
			t.Errorf("%v: exit code %d, %q", c.err, code, errs)
		}
	}
}

func TestMainRuns(t *testing.T) {
	a, _, errs := testApp("")
	if code := a.Main(func(context.Context) error { return errors.New("no") }); code != 1 || errs.Len() == 0 {
		t.Errorf("exit code %d, %q", code, errs)
	}
}

type broken struct{ err error }

func (b broken) Write([]byte) (int, error) {
	return 0, &os.PathError{Op: "write", Path: "/dev/stdout", Err: b.err}
}

func TestStdout(t *testing.T) {
	if err := (stdout{broken{syscall.EPIPE}}).Write(t.Context(), nil); err != stream.ErrStop {
		t.Errorf("closed pipe: %v", err)
	}
	err := stdout{broken{syscall.ENOSPC}}.Write(t.Context(), nil)
	if err == nil || err.Error() != "write to standard output: no space left on device" {
		t.Errorf("full disk: %v", err)
	}
}

func TestLog(t *testing.T) {
	a, _, errs := testApp("")
	a.Log.Debug("hidden")
	a.Log.Warn("slow", "broker", "k1:9092", "for", "3 s")
	a.Shared.Verbose = true
	a.Begin()
	a.Log.With("a", 1).WithGroup("g").Debug("seen", "b", "", slog.Group("h", "c", true))
	want := "logpipe test: slow broker=k1:9092 for=\"3 s\"\nlogpipe test: debug: seen a=1 g.b=\"\" g.h.c=true\n"
	if errs.String() != want {
		t.Errorf("%q, want %q", errs, want)
	}
}

// TestSayOverProgress holds that a message takes the place of the progress line.
func TestSayOverProgress(t *testing.T) {
	a, _, errs := testApp("")
	(&progress{app: a}).draw(stream.Ledger{In: 1234, Bytes: 5000, Rejected: 2})
	a.Say("text")
	a.Say("more")
	got := errs.String()
	if !strings.HasPrefix(got, eraseLine+"1,234 records  5.0 kB  ") || !strings.HasSuffix(got, "2 rejected"+eraseLine+"logpipe test: text\nlogpipe test: more\n") {
		t.Errorf("%q", got)
	}
}

func TestExpandFiles(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"b.log", "a.log", "[x].log"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	got, err := ExpandFiles([]string{filepath.Join(dir, "?.log"), "-", filepath.Join(dir, "[x].log")})
	want := []string{filepath.Join(dir, "a.log"), filepath.Join(dir, "b.log"), "-", filepath.Join(dir, "[x].log")}
	if err != nil || strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("%v, %v", got, err)
	}
	for name, want := range map[string]string{"missing": "no such file", "m*": "no file matches", "[": "is malformed", "": "is a folder"} {
		if name != "[" {
			name = dir + "/" + name
		}
		if _, err := ExpandFiles([]string{name}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSettings holds the precedence: what was given, the environment, the file.
func TestSettings(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(file, []byte("tz: Asia/Tokyo\nworkers: 3\nbrokers: [a:1, b:2]\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	a, _, _ := testApp("")
	env := map[string]string{"LOGPIPE_CONFIG": file, "LOGPIPE_WORKERS": "5", "LOGPIPE_TZ": ""}
	a.Environ = func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	var set option.Set
	var sh Shared
	var brokers string
	sh.Options(&set)
	set.String(&brokers, "brokers", "", "")
	sh.Grace = 7
	if err := a.Settings()(&set, []string{"grace"}); err != nil {
		t.Fatal(err)
	}
	if sh.TZ != "Asia/Tokyo" || sh.Workers != 5 || brokers != "a:1,b:2" || sh.Grace != 7 || sh.OnError != "skip" {
		t.Errorf("%+v, brokers %s", sh, brokers)
	}
	list, err := a.ListSettings()
	if err != nil {
		t.Fatal(err)
	}
	origins := make(map[string]string)
	for _, s := range list {
		origins[s.Name] = s.Origin
	}
	if origins["tz"] != file || origins["workers"] != "LOGPIPE_WORKERS" || origins["grace"] != "default" {
		t.Errorf("%v", origins)
	}
	env["LOGPIPE_WORKERS"] = "many"
	err = a.Settings()(&set, nil)
	if err == nil || fault.CodeOf(err) != fault.Usage || !strings.Contains(err.Error(), "LOGPIPE_WORKERS (workers)") {
		t.Errorf("%v", err)
	}
}

// TestNearMiss holds which variables are told of: those one letter from that of a
// setting that the command has and that nothing else fills.
func TestNearMiss(t *testing.T) {
	for _, c := range []struct{ variable, value, given, want string }{
		{"LOGPIPE_BROKER", "a:1", "", "logpipe test: the environment's LOGPIPE_BROKER has no effect\nhint: did you mean LOGPIPE_BROKERS?\n"},
		{"LOGPIPE_SASL_PASWORD", "S3cret", "", "logpipe test: the environment's LOGPIPE_SASL_PASWORD has no effect\nhint: did you mean LOGPIPE_SASL_PASSWORD_FILE?\n"},
		{"LOGPIPE_BROKER", "", "", ""},
		{"LOGPIPE_BROKER", "a:1", "brokers", ""},
		{"LOGPIPE_BROKEN", "a:1", "", ""},
		{"LOGPIPE_TX", "UTC", "", ""}, // three letters are near everything
		{"LOGPIPE_REAL", "1", "", ""},
		{"KAFKA_BROKERS", "a:1", "", ""},
	} {
		a, _, errs := testApp("")
		a.Variables = func() []string { return []string{"HOME=/", c.variable + "=" + c.value} }
		a.Environ = func(name string) (string, bool) { return c.value, name == c.variable }
		var set option.Set
		connection(&set)
		for range 2 {
			if err := a.Settings()(&set, []string{c.given}); err != nil {
				t.Fatal(err)
			}
		}
		if errs.String() != c.want {
			t.Errorf("%s=%s: %q", c.variable, c.value, errs)
		}
	}
}

func TestConfigFile(t *testing.T) {
	for _, c := range []struct {
		env   map[string]string
		flag  string
		want  string
		named bool
	}{
		{map[string]string{"HOME": "/home/u"}, "", "/home/u/.config/logpipe/config.yaml", false},
		{map[string]string{"HOME": "/home/u", "XDG_CONFIG_HOME": "/x"}, "", "/x/logpipe/config.yaml", false},
		{map[string]string{"HOME": "/home/u", "XDG_CONFIG_HOME": "not/absolute"}, "", "/home/u/.config/logpipe/config.yaml", false},
		{map[string]string{"LOGPIPE_CONFIG": "c.yaml"}, "", "c.yaml", true},
		{map[string]string{"LOGPIPE_CONFIG": "c.yaml"}, "d.yaml", "d.yaml", true},
	} {
		a, _, _ := testApp("")
		a.Shared.Config = c.flag
		a.Environ = func(name string) (string, bool) { v, ok := c.env[name]; return v, ok }
		if path, named := a.ConfigFile(); filepath.ToSlash(path) != c.want || named != c.named {
			t.Errorf("%v %s: %s, %v", c.env, c.flag, path, named)
		}
	}
}

// Without the file that nobody named, commands work, also where the home is no
// folder or one of another user.
func TestWithoutConfigFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "home")
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	a, _, errs := testApp("")
	a.Environ = func(name string) (string, bool) { return file, name == "HOME" }
	if _, err := a.ListSettings(); err != nil || errs.String() != "" {
		t.Errorf("a home that is no folder: %v, %s", err, errs)
	}
	denied := &fs.PathError{Op: "stat", Path: "/root/c.yaml", Err: fs.ErrPermission}
	for range 2 {
		if err := a.withoutConfig("/root/c.yaml", false, denied); err != nil {
			t.Error(err)
		}
	}
	if want := "logpipe test: goes on without a configuration file: /root/c.yaml: permission denied\n"; errs.String() != want {
		t.Errorf("told %q, want %q", errs, want)
	}
	if err := a.withoutConfig("/root/c.yaml", true, denied); fault.CodeOf(err) != fault.Usage {
		t.Errorf("one that was named: %v", err)
	}
	if err := a.withoutConfig("/c.yaml", false, errors.New("stale file handle")); fault.CodeOf(err) != fault.Usage {
		t.Errorf("one that may be there: %v", err)
	}
}
