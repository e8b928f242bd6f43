package file

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// console collects what a channel tells.
type console struct {
	mu    sync.Mutex
	lines []string
}

func (c *console) logf(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lines = append(c.lines, fmt.Sprintf(format, args...))
}

func (c *console) count(part string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for _, line := range c.lines {
		if strings.Contains(line, part) {
			n++
		}
	}
	return n
}

// configure makes a channel in a folder with properties as `name=value`.
func configure(t testing.TB, dir string, properties ...string) *Channel {
	t.Helper()
	var p flume.Properties
	c := New(&p).(*Channel)
	properties = append([]string{"checkpointDir=" + filepath.Join(dir, "checkpoint"), "dataDirs=" + filepath.Join(dir, "data"),
		"minimumRequiredSpace=0"}, properties...)
	for _, text := range properties {
		name, value, _ := strings.Cut(text, "=")
		q, _ := p.Lookup(name)
		if q == nil {
			t.Fatalf("no property %s", name)
		}
		if err := q.Assign(name, value); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func open(t testing.TB, dir string, properties ...string) (*Channel, *console) {
	t.Helper()
	c := configure(t, dir, properties...)
	said := &console{}
	if err := c.Open(flume.Env{Name: "c1", Logf: said.logf, Counters: &flume.Counters{}}); err != nil {
		t.Fatal(err)
	}
	return c, said
}

func suite(properties ...string) logpipetest.ChannelSuite {
	return logpipetest.ChannelSuite{Durable: true, Open: func(t testing.TB, dir string, capacity, transaction int, wait time.Duration) flume.Channel {
		c, _ := open(t, dir, append(properties, fmt.Sprint("capacity=", capacity),
			fmt.Sprint("transactionCapacity=", transaction), fmt.Sprint("keep-alive=", int(wait.Seconds())))...)
		return c
	}}
}

func TestSuite(t *testing.T) { suite().Run(t) }

// TestSuiteSmallSegments runs the suite with a segment for every few records.
func TestSuiteSmallSegments(t *testing.T) {
	suite("maxFileSize=300", "checkpointInterval=1").Run(t)
}

// TestSuiteLogAlone runs it without the checkpoint of an orderly end.
func TestSuiteLogAlone(t *testing.T) {
	suite("checkpointOnClose=false", "maxFileSize=500").Run(t)
}

// An event larger than a file may be has one of its own: the size only says when
// the next file begins.
func TestEventLargerThanAFile(t *testing.T) {
	c, _ := open(t, t.TempDir(), "maxFileSize=1000")
	defer c.Close()
	for i, size := range []int{10, 1 << 20, 10} {
		if err := c.Put(t.Context(), []flume.Event{{Body: bytes.Repeat([]byte{'a' + byte(i)}, size)}}); err != nil {
			t.Fatal(err)
		}
	}
	for i, size := range []int{10, 1 << 20, 10} {
		tx, err := c.Take(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		if body := tx.Events()[0].Body; len(body) != size || body[0] != 'a'+byte(i) {
			t.Errorf("event %d: %d bytes, the first is %q", i, len(body), body[0])
		}
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
	}
}
