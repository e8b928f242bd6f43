package source

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A container has a single file mounted at the place of positionFile: no other can get
// its name, so it is written in place, and told.
func TestTaildirPositionFileMounted(t *testing.T) {
	x := newTailTest(t)
	outside := filepath.Join(t.TempDir(), "positions.json")
	x.must(os.WriteFile(outside, []byte("[]"), 0o644))
	x.must(os.MkdirAll(filepath.Dir(x.pos), 0o777))
	x.must(os.WriteFile(x.pos, nil, 0o644))
	if err := syscall.Mount(outside, x.pos, "", syscall.MS_BIND, ""); err != nil {
		t.Skipf("a file cannot be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(x.pos, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	x.add("a.log", "one\ntwo\n")
	r := start(t, x.source(`.*\.log`))
	wantBodies(t, r.take(t, 2), "one", "two")
	wantBodies(t, x.end(r))
	if text, err := os.ReadFile(outside); err != nil || !strings.Contains(string(text), `"pos":8`) {
		t.Errorf("the mounted file has %s, %v", text, err)
	}
	if n := strings.Count(r.diary.String(), "mounted by itself"); n != 1 {
		t.Errorf("told %d times: %s", n, r.diary.String())
	}
	x.add("a.log", "three\n")
	r = start(t, x.source(`.*\.log`))
	wantBodies(t, r.take(t, 1), "three")
	wantBodies(t, x.end(r))
}
