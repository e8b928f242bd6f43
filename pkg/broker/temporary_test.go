//go:build unix

package broker

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestRemoveDead holds that a broker removes the folders of those that were
// killed, and nothing else.
func TestRemoveDead(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	b, err := Start(t.Context(), Config{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	lay := func(folder, lock string) {
		t.Helper()
		dir := filepath.Join(temp, folder)
		if err := os.MkdirAll(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, lockName), []byte(lock), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	lay("logpipe-broker-dead", "123\n")
	lay("logpipe-broker-new", "") // its broker has not come so far
	lay("logpipe-other-dead", "123\n")
	if err := os.Mkdir(filepath.Join(temp, "logpipe-broker-bare"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("logpipe-other-dead", filepath.Join(temp, "logpipe-broker-link")); err != nil {
		t.Fatal(err)
	}
	second, err := Start(t.Context(), Config{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{filepath.Base(b.Dir()), filepath.Base(second.Dir()),
		"logpipe-broker-bare", "logpipe-broker-link", "logpipe-broker-new", "logpipe-other-dead"}
	slices.Sort(want)
	if got := names(t, temp); !slices.Equal(got, want) {
		t.Errorf("there is %v, want %v", got, want)
	}
	second.Abandon()
	if got := names(t, temp); slices.Contains(got, filepath.Base(second.Dir())) || !slices.Contains(got, filepath.Base(b.Dir())) {
		t.Errorf("there is %v", got)
	}
	if err := second.Close(); err != nil {
		t.Error(err)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
}

func names(t *testing.T, dir string) (list []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

// TestTemporaryWhileStarting holds that the folder of a broker can be removed before
// it has started, and that a folder that was named cannot.
func TestTemporaryWhileStarting(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	told := 0
	cfg := Config{Listen: "127.0.0.1:0", Temporary: func(remove func()) {
		told++
		if left := names(t, temp); len(left) != 1 {
			t.Errorf("there is %v", left)
		}
		remove()
		if left := names(t, temp); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
	}}
	for _, dir := range []string{"", t.TempDir()} {
		cfg.Dir = dir
		b, err := Start(t.Context(), cfg)
		if err == nil { // it may make what it needs anew
			err = b.Close()
		}
		if dir != "" && err != nil {
			t.Error(err)
		}
		if left := names(t, temp); len(left) > 0 || told != 1 {
			t.Errorf("left: %v, told %d times", left, told)
		}
	}
}

// TestAbandonKeeps holds that a folder that was named stays.
func TestAbandonKeeps(t *testing.T) {
	dir := t.TempDir()
	b, err := Start(t.Context(), Config{Listen: "127.0.0.1:0", Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	b.Abandon()
	if len(names(t, dir)) == 0 {
		t.Error("the folder is empty")
	}
}
