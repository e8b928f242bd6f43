package logpipetest

import (
	"context"
	"errors"
	"os/exec"
	"testing"
	"time"
)

// javaTools finds Java and the jars of what, and downloads them where that was not
// done before. It skips the test outside of the real suite, and where one of them
// cannot be had; needs says which Java what needs.
func javaTools(t testing.TB, jars download, what, needs string) (java, folder string) {
	t.Helper()
	Real(t)
	java, err := exec.LookPath("java")
	if err != nil {
		t.Skipf("no java in the PATH; %s", needs)
	}
	return java, jarsOf(t, jars, what)
}

// jarsOf downloads the jars of what where that was not done before, and skips the
// test where they cannot be had.
func jarsOf(t testing.TB, jars download, what string) (folder string) {
	t.Helper()
	// A download that hangs must not take the time of the other tests.
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	folder, err := jars.fetch(ctx)
	if errors.Is(err, errRefused) {
		t.Skipf("%s: %v", what, err)
	}
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	return folder
}
