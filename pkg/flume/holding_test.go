package flume

import (
	"os"
	"path/filepath"
	"testing"
)

// A folder is the same one by way of a link, and before it is made.
func TestHoldFolder(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(dir, "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Skip(err)
	}
	for a, b := range map[string]string{
		dir:                             link,
		filepath.Join(dir, "new/below"): filepath.Join(link, "new", "x", "..", "below"),
	} {
		if HoldFolder(a) != HoldFolder(b) {
			t.Errorf("%s: %v, %s: %v", a, HoldFolder(a), b, HoldFolder(b))
		}
	}
	if a, b := HoldFolder(dir), HoldFolder(filepath.Join(link, "x")); a == b {
		t.Errorf("%v is %v", a, b)
	}
	if a, b := HoldFile(filepath.Join(dir, "x")), HoldFile(filepath.Join(link, "x")); a != b {
		t.Errorf("%v, %v", a, b)
	}
	if a, b := HoldPort("tcp", 1), HoldPort("udp", 1); a == b {
		t.Errorf("%v is %v", a, b)
	}
}
