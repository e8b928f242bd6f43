//go:build unix

package folder

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestReplaceTakesOver: who shares a file with another program, or leads it elsewhere by
// a link, finds it so after it was replaced.
func TestReplaceTakesOver(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "f")
	fresh := filepath.Join(dir, "fresh")
	if err := os.WriteFile(fresh, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	made, err := os.Stat(fresh)
	if err != nil {
		t.Fatal(err)
	}
	replaced := func(want os.FileMode, owner int) {
		t.Helper()
		if err := Replace(name, []byte("new"), true); err != nil {
			t.Fatal(err)
		}
		got, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if got.Mode() != want || int(got.Sys().(*syscall.Stat_t).Uid) != owner {
			t.Errorf("mode %v of user %d, want %v of %d", got.Mode(), got.Sys().(*syscall.Stat_t).Uid, want, owner)
		}
	}
	me := os.Geteuid()
	replaced(made.Mode(), me)
	for _, mode := range []os.FileMode{0o600, 0o664, 0o640} {
		if err := os.Chmod(name, mode); err != nil {
			t.Fatal(err)
		}
		replaced(mode, me)
	}
	if me == 0 && os.Chown(name, 12345, 12345) == nil {
		replaced(0o640, 12345)
	}

	link, target := filepath.Join(dir, "link"), filepath.Join("sub", "target")
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"made", "replaced"} {
		if err := Replace(link, []byte(text), false); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(filepath.Join(dir, target)); err != nil || string(got) != text {
			t.Errorf("behind the link: %q, %v, want %q", got, err, text)
		}
	}
	if st, err := os.Lstat(link); err != nil || st.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link: %v, %v", st, err)
	}
	// What .. is behind a linked folder is not in the text of the path.
	err = errors.Join(os.Mkdir(filepath.Join(dir, "sub", "deep"), 0o777),
		os.Symlink(filepath.Join("sub", "deep"), filepath.Join(dir, "to-deep")),
		os.Symlink(filepath.Join("..", "g"), filepath.Join(dir, "sub", "deep", "up")),
		Replace(filepath.Join(dir, "to-deep", "up"), []byte("up"), false))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "sub", "g")); err != nil || string(got) != "up" {
		t.Errorf("behind .. : %q, %v", got, err)
	}
	if err := os.Symlink("round", filepath.Join(dir, "round")); err != nil {
		t.Fatal(err)
	}
	if err := Replace(filepath.Join(dir, "round"), nil, false); err == nil {
		t.Error("a link to itself was replaced")
	}
}
