package logpipetest

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
)

// Kill is a test that kills a source without warning, again and again, and then
// looks for what was lost. The source runs in a child process (the test's own
// binary) and stores into a channel that outlives the child.
type Kill struct {
	Kills int
	Alive time.Duration // longest life of a child; 0 = 60 ms
	// Run runs the source with the channel until ctx ends; folder is the same
	// in all children. It runs in the child.
	Run func(ctx context.Context, folder string, stored flume.Channel) error
	// Feed makes the input in the meantime and returns the bodies that have to
	// arrive; the children end once all of them are there.
	Feed func(t *testing.T, folder string) []string
	// Twice is the most bodies that may arrive more than once; -1 = any number.
	Twice int
}

const killEnv = "LOGPIPE_KILL_FOLDER"

// Test runs the test. The body of each event has to be unlike all others and
// without control characters.
func (k Kill) Test(t *testing.T) {
	t.Helper()
	if folder := os.Getenv(killEnv); folder != "" {
		k.child(t, folder)
		return
	}
	folder := t.TempDir()
	fed := make(chan []string, 1)
	go func() { fed <- k.Feed(t, folder) }()
	for range k.Kills {
		c := startKillChild(t, folder)
		alive := k.Alive
		if alive == 0 {
			alive = 60 * time.Millisecond
		}
		time.Sleep(rand.N(alive))
		c.kill()
	}
	var want []string
	select {
	case want = <-fed:
	case <-time.After(2 * awaitLimit):
		t.Fatal("the input does not end")
	}
	c := startKillChild(t, folder)
	defer c.kill()
	got := awaitStored(t, folder, want)
	twice := 0
	for _, body := range want {
		if got[body] > 1 {
			twice++
		}
		delete(got, body)
	}
	for body := range got {
		t.Errorf("nobody wrote %q", body)
	}
	t.Logf("%d kills: %d events, %d of them more than once", k.Kills, len(want), twice)
	if k.Twice >= 0 && twice > k.Twice {
		t.Errorf("%d of %d events arrived more than once, want at most %d", twice, len(want), k.Twice)
	}
}

// awaitStored waits until all is stored that has to be.
func awaitStored(t *testing.T, folder string, want []string) map[string]int {
	t.Helper()
	deadline := time.Now().Add(2 * awaitLimit)
	for {
		got := stored(t, folder)
		missing := 0
		example := ""
		for _, body := range want {
			if got[body] == 0 {
				missing++
				example = body
			}
		}
		if missing == 0 {
			return got
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d events are lost, such as %q", missing, len(want), example)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

type killChild struct {
	cmd   *exec.Cmd
	stdin io.Closer
}

// startKillChild runs the same test in a child, and returns once that has
// printed that it runs.
func startKillChild(t *testing.T, folder string) *killChild {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^"+strings.ReplaceAll(t.Name(), "/", "$/^")+"$", "-test.v=false")
	cmd.Env = append(os.Environ(), killEnv+"="+folder)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if line != "runs\n" {
		rest, _ := io.ReadAll(out)
		t.Fatalf("the child does not run: %v %s%s", err, line, rest)
	}
	return &killChild{cmd, in}
}

func (c *killChild) kill() {
	c.cmd.Process.Kill()
	c.cmd.Wait()
	c.stdin.Close()
}

// child runs the source until it is killed, or until its parent is gone.
func (k Kill) child(t *testing.T, folder string) {
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	f, err := os.OpenFile(storedFile(folder), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("\n"); err != nil { // behind a write that the kill has cut off
		t.Fatal(err)
	}
	fmt.Println("runs")
	if err := k.Run(ctx, folder, &storedChannel{f: f}); err != nil {
		fmt.Println(err)
		t.Fatal(err)
	}
}

func storedFile(folder string) string { return folder + ".stored" }

// wholeEnd ends a line of that file. A kill also cuts a short write, where a page of
// the file ends in it; the next child ends such a line with a line feed alone.
const wholeEnd = "\x1f\n"

// stored counts the bodies that are stored.
func stored(t *testing.T, folder string) map[string]int {
	t.Helper()
	data, err := os.ReadFile(filepath.Clean(storedFile(folder)))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	all := map[string]int{}
	for line := range bytes.Lines(data) {
		if body, whole := bytes.CutSuffix(line, []byte(wholeEnd)); whole {
			all[string(body)]++
		}
	}
	return all
}

// storedChannel is a channel whose events are in a file when Put returns: they
// outlive the process.
type storedChannel struct {
	f   *os.File
	buf []byte
}

func (c *storedChannel) Open(flume.Env) error { return nil }

func (c *storedChannel) Put(_ context.Context, batch []flume.Event) error {
	c.buf = c.buf[:0]
	for _, e := range batch {
		c.buf = append(append(c.buf, e.Body...), wholeEnd...)
	}
	_, err := c.f.Write(c.buf)
	return err
}

func (c *storedChannel) Take(context.Context, int) (flume.Transaction, error) { return nil, io.EOF }
func (c *storedChannel) Drain()                                               {}
func (c *storedChannel) MaxBatch() int                                        { return 100 }
func (c *storedChannel) Size() int                                            { return 0 }
func (c *storedChannel) Close() error                                         { return c.f.Close() }
