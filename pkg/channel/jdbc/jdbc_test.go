package jdbc

import (
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
	told  chan string // where a test waits for a line
}

func (c *console) logf(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lines = append(c.lines, line)
	if c.told != nil {
		c.told <- line
	}
}

func (c *console) text() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Join(c.lines, "\n")
}

// configure makes a channel with properties as `name=value`.
func configure(t testing.TB, properties ...string) *Channel {
	t.Helper()
	var p flume.Properties
	c := New(&p).(*Channel)
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

func inFolder(dir string) string {
	return "driver.url=jdbc:sqlite:" + filepath.Join(dir, "events.sqlite")
}

func start(t testing.TB, c *Channel) *console {
	t.Helper()
	said := &console{}
	if err := c.Open(flume.Env{Name: "c1", Logf: said.logf, Counters: &flume.Counters{}}); err != nil {
		t.Fatal(err)
	}
	return said
}

// suite is the suite of all channels; url makes driver.url of a folder.
func suite(url func(dir string) string, properties ...string) logpipetest.ChannelSuite {
	return logpipetest.ChannelSuite{Durable: true, Open: func(t testing.TB, dir string, capacity, transaction int, wait time.Duration) flume.Channel {
		c := configure(t, append(properties, url(dir), fmt.Sprint("maximum.capacity=", capacity))...)
		c.batch, c.keepAlive = transaction, wait
		start(t, c)
		return c
	}}
}

func TestSuite(t *testing.T) { suite(inFolder).Run(t) }

// TestKill kills the process while puts and takes share transactions.
func TestKill(t *testing.T) {
	logpipetest.KillChannel(t, func(t testing.TB, dir string) flume.Channel {
		c := configure(t, inFolder(dir), "maximum.capacity=20000")
		c.batch = 100
		start(t, c)
		return c
	})
}
