package source

import "testing"

func inodeOf(t *testing.T, _ string) uint64 {
	t.Skip("Flume's TAILDIR does not run on Windows")
	return 0
}
