package logpipetest

import (
	"context"
	"errors"
	"os/exec"
	"testing"
)

// javaTools finds Java and the jars of what, and downloads them where that was not
// done before. It skips the test where one of them cannot be had; needs says which
// Java what needs.
func javaTools(ctx context.Context, t testing.TB, jars download, what, needs string) (java, folder string) {
	t.Helper()
	java, err := exec.LookPath("java")
	if err != nil {
		t.Skipf("no java in the PATH; %s", needs)
	}
	folder, err = jars.fetch(ctx)
	if errors.Is(err, errRefused) {
		t.Skipf("%s: %v", what, err)
	}
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	return java, folder
}
