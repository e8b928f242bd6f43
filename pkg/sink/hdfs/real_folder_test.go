package hdfs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/filesystem"
	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/flumerpc"
	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// elsewhere is the local file system as a machine sees it on which a writer does not
// run.
type elsewhere struct{ filesystem.Local }

func (elsewhere) Gone(context.Context, string) (bool, error) { return false, nil }

// TestRealFlumeFolder holds that nothing is lost of a file that a real Flume writes
// into the folder and has been quiet about for long: it stays as it is where Flume is
// seen, and goes on under another name where it is not; its end is half an event
// until Flume closes it.
func TestRealFlumeFolder(t *testing.T) {
	tools := logpipetest.NewFlumeTools(t)
	for _, seen := range []bool{true, false} {
		folder, port := t.TempDir(), logpipetest.FreePort(t)
		begun := tools.Start(t, fmt.Sprintf(`a1.sources = r1
a1.channels = c1
a1.sinks = k1
a1.sources.r1.type = avro
a1.sources.r1.bind = 127.0.0.1
a1.sources.r1.port = %d
a1.sources.r1.channels = c1
a1.channels.c1.type = memory
a1.channels.c1.capacity = 10000
a1.channels.c1.transactionCapacity = 5000
a1.sinks.k1.type = hdfs
a1.sinks.k1.channel = c1
a1.sinks.k1.hdfs.path = file://%s
a1.sinks.k1.hdfs.fileType = DataStream
a1.sinks.k1.hdfs.rollInterval = 0
a1.sinks.k1.hdfs.rollSize = 0
a1.sinks.k1.hdfs.rollCount = 6000
`, port, folder), "Component type: SOURCE, name: r1 started")
		sendNumbered(t, port, 0, 3000)
		const half = 72 * 9 * 512 // what it hands to the system of 333,000 bytes
		name := await(t, folder, "FlumeData.*.tmp", half)
		then := time.Now().Add(-time.Hour)
		if err := os.Chtimes(name, then, then); err != nil {
			t.Fatal(err)
		}
		final := strings.TrimSuffix(name, ".tmp")
		aside := filepath.Join(folder, asidePrefix+filepath.Base(final))
		var s *Sink
		var d *diary
		if settings := []string{"hdfs.path=file://" + folder, "hdfs.fileType=DataStream"}; seen {
			s, d = open(t, settings...)
		} else {
			s, d = openFaulty(t, elsewhere{}, settings...)
		}
		s.work.Wait()
		if seen && (!strings.Contains(d.String(), "(java) has it open") || size(name) != half) {
			t.Errorf("told\n%s", d)
		}
		sendNumbered(t, port, 3000, 3001) // Flume closes a file with the next event
		all := final                      // Flume has closed it
		if !seen {
			all = aside
			if n := size(final); n != half-half%111 {
				t.Errorf("%s has %d bytes; told\n%s", final, n, d)
			}
		}
		await(t, folder, filepath.Base(all), 6000*111)
		wantNumbered(t, all)
		s.Close()
		begun.Kill(t)
		t.Logf("told\n%s", d)
	}
}

// sendNumbered sends n events that are lines of 111 bytes.
func sendNumbered(t *testing.T, port, from, n int) {
	t.Helper()
	c, err := flumerpc.Dial(t.Context(), flumerpc.Config{Address: fmt.Sprintf("127.0.0.1:%d", port), Connect: time.Minute, Request: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	var all []flume.Event
	for i := range n {
		all = append(all, event(numbered(from+i)))
	}
	if err := errors.Join(c.Append(t.Context(), all), c.Close()); err != nil {
		t.Fatal(err)
	}
}

func numbered(i int) string { return fmt.Sprintf("%06d %s", i, strings.Repeat("x", 103)) }

// size is that of a file; -1 = it is not there.
func size(name string) int64 {
	info, err := os.Stat(name)
	if err != nil {
		return -1
	}
	return info.Size()
}

// await waits for a file of so many bytes.
func await(t *testing.T, folder, pattern string, bytes int64) string {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		names, err := filepath.Glob(filepath.Join(folder, pattern))
		if err != nil {
			t.Fatal(err)
		}
		if len(names) == 1 && size(names[0]) == bytes {
			return names[0]
		}
		if time.Now().After(end) {
			t.Fatalf("no file of %d bytes: %q", bytes, names)
		}
	}
}

// wantNumbered holds that a file has all events that were sent.
func wantNumbered(t *testing.T, name string) {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range strings.Split(strings.TrimSuffix(string(data), "\n"), "\n") {
		if line != numbered(i) {
			t.Fatalf("%s: line %d is %q", name, i, line)
		}
	}
}
