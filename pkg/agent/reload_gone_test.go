package agent

import (
	"os"
	"strings"
	"testing"
)

// A file that is moved away is told of once; the agent goes on, and takes the next
// one that comes.
func TestReloadFileGone(t *testing.T) {
	before := conf(netcat, "type = logger")
	e := startEdited(t, before, nil)
	if err := os.Rename(e.path, e.path+".old"); err != nil {
		t.Fatal(err)
	}
	e.stderr.await(t, `e.conf.*; a1 goes on as before, until the file is back`)
	c := e.dial(t)
	e.say(t, c, "one")
	e.stdout.await(t, ` one `)
	e.write(t, before+"a1.sinks.k1.maxBytesToLog = 5\n")
	e.stderr.await(t, `e.conf reloaded: sink k1 restarted\n`)
	if n := strings.Count(e.stderr.String(), "until the file is back"); n != 1 {
		t.Errorf("told %d times:\n%s", n, e.stderr)
	}
	e.end(t)
}
