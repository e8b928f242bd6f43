// Package logpipetest is for tests alone: it runs the real servers and tools
// that logpipe has to agree with, so that a test compares with what they do and
// not with what somebody remembers of them.
//
// Such tests are the real suite:
//
//	LOGPIPE_REAL=1 go test -count=1 -run Real -v ./...
//
// The name of each begins with TestReal, and each begins with a call of Real or
// of a function that calls it. A test whose server cannot be had here (no java,
// a download that is refused) is skipped and says why; a server that is here and
// does not work fails it.
//
// What is downloaded comes through the package manager that the machine already
// has, with the user's own settings, and is kept in
// ${XDG_CACHE_HOME:-$HOME/.cache}/logpipe-real. Servers listen on free ports of
// 127.0.0.1, keep their data in the test's temporary folder, and end with the
// test, also with one that fails or is killed (on Linux).
package logpipetest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Real skips the test unless the real suite was asked for by LOGPIPE_REAL=1.
func Real(t testing.TB) {
	t.Helper()
	if os.Getenv("LOGPIPE_REAL") != "1" {
		t.Skip("runs real servers: set LOGPIPE_REAL=1")
	}
}

// Program builds logpipe from the sources and returns the path of the binary,
// which is called logpipe and stands in a folder of its own.
func Program(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "logpipe")
	if os.PathSeparator == '\\' {
		path += ".exe"
	}
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", path, "github.com/logpipe/logpipe/cmd/logpipe").CombinedOutput()
	if err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return path
}

func loopback(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

// cacheDir is where downloads are kept.
func cacheDir() (string, error) {
	base := os.Getenv("XDG_CACHE_HOME")
	if base == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("no folder for downloads: %w", err)
		}
		base = filepath.Join(home, ".cache")
	}
	return filepath.Join(base, "logpipe-real"), nil
}
