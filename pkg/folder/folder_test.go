package folder

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// A file has one holder at a time, and can be locked again when that has closed it.
func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "in_use.lock")
	first, err := Lock(path)
	if err != nil {
		t.Fatal(err)
	}
	if f, err := Lock(path); !errors.Is(err, ErrHeld) || f != nil {
		t.Errorf("the second holder: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Lock(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := again.WriteAt([]byte("1\n"), 0); err != nil {
		t.Error(err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
	if _, err := Lock(filepath.Join(path, "below a file")); err == nil || errors.Is(err, ErrHeld) {
		t.Errorf("a path that cannot be: %v", err)
	}
}

func TestRoom(t *testing.T) {
	dir := t.TempDir()
	if n, err := Free(dir); err != nil || n <= 0 {
		t.Errorf("%d bytes, %v", n, err)
	}
	if err := Sync(dir); err != nil {
		t.Error(err)
	}
	if _, err := Free(filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a folder that is not there: %v", err)
	}
}

func TestAbsolute(t *testing.T) {
	home, err := os.UserHomeDir()
	if err != nil {
		t.Skip(err)
	}
	t.Chdir(t.TempDir())
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"~/a/b":                          filepath.Join(home, "a", "b"),
		"a":                              filepath.Join(here, "a"),
		"~a":                             filepath.Join(here, "~a"),
		filepath.Join(here, "..") + "/x": filepath.Join(filepath.Dir(here), "x"),
	} {
		if got, err := Absolute(path); err != nil || got != want {
			t.Errorf("%s is %s, %v, want %s", path, got, err, want)
		}
	}
}

func TestReplace(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "positions.json")
	for _, durable := range []bool{false, true} {
		for _, text := range []string{"first", "", "second"} {
			if err := Replace(name, []byte(text), durable); err != nil {
				t.Fatal(err)
			}
			if got, err := os.ReadFile(name); err != nil || string(got) != text {
				t.Errorf("%q, %v, want %q", got, err, text)
			}
		}
	}
	if list, err := os.ReadDir(dir); err != nil || len(list) != 1 {
		t.Errorf("%v, %v: something is left behind", list, err)
	}
	below := filepath.Join(dir, "absent", "x")
	if err := Replace(below, nil, true); !errors.Is(err, os.ErrNotExist) || err.Error() != "open "+below+": no such file or directory" && runtime.GOOS != "windows" {
		t.Errorf("in a folder that is not there: %v", err)
	}
	if err := Replace(dir, nil, true); err == nil || !strings.Contains(err.Error(), dir+": ") {
		t.Errorf("a folder was replaced: %v", err)
	}
	if list, err := os.ReadDir(filepath.Dir(dir)); err != nil || len(list) != 1 {
		t.Errorf("%v, %v: something is left behind", list, err)
	}
}

func TestOverwrite(t *testing.T) {
	name := filepath.Join(t.TempDir(), "f")
	if err := Overwrite(name, nil, true); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
	if err := os.WriteFile(name, []byte("the old content"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"new", "and longer than before", ""} {
		if err := Overwrite(name, []byte(text), true); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(name); err != nil || string(got) != text {
			t.Errorf("%q, %v, want %q", got, err, text)
		}
	}
}
