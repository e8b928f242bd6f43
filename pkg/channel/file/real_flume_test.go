package file

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/flumelog"
	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// TestRealFlumeLeft compares the count with what a real Flume delivers afterwards:
// one folder or two, with and without its checkpoint, after kills in the middle.
func TestRealFlumeLeft(t *testing.T) {
	tools := logpipetest.NewFlumeTools(t)
	for _, folders := range []int{1, 2} {
		t.Run(fmt.Sprint(folders, " folders"), func(t *testing.T) {
			f := newFlumeChannel(t, tools, folders)
			out := f.run(true, "file_roll", 3000)
			f.await("nothing left", func() bool { return f.left(true).Events == 0 })
			sent := 3000
			if folders == 2 {
				sent += f.sendUntilDeleted()
			}
			f.kill()
			if n := len(lines(t, out)); n != sent {
				t.Errorf("%d lines of %d", n, sent)
			}
			f.same(0)

			f.run(true, "avro\na1.sinks.k1.hostname = 127.0.0.1\na1.sinks.k1.port = 1", 2000)
			f.kill()
			f.same(2000)

			out = f.run(false, "file_roll", 0)
			f.await("some are delivered", func() bool { return len(lines(t, out)) > 100 })
			f.kill()
			left := f.left(true)
			if left.Events > 1900 || left.Doubt != nil {
				t.Errorf("%+v after %d lines", left, len(lines(t, out)))
			}
			t.Logf("left after a kill: %+v; without the checkpoint: %+v", left, f.left(false))
			f.same(left.Events)

			out = f.run(false, "file_roll", 0)
			f.await("nothing left", func() bool { return f.left(true).Events == 0 })
			f.kill()
			if n := len(lines(t, out)); n != left.Events {
				t.Errorf("Flume had %d events left, %d were counted", n, left.Events)
			}
			f.same(0)
		})
	}
}

// flumeChannel is a file channel of a real Flume.
type flumeChannel struct {
	*testing.T
	tools *logpipetest.FlumeTools
	dir   string
	data  []string
	agent *logpipetest.FlumeAgent
	port  int // of its source
}

func newFlumeChannel(t *testing.T, tools *logpipetest.FlumeTools, folders int) *flumeChannel {
	f := &flumeChannel{T: t, tools: tools, dir: t.TempDir()}
	for i := range folders {
		f.data = append(f.data, filepath.Join(f.dir, fmt.Sprint("data", i)))
	}
	return f
}

// run starts Flume, with an Avro source or without a source, sends it so many
// events and returns the folder of the sink.
func (f *flumeChannel) run(source bool, sink string, events int) string {
	f.Helper()
	port, out := logpipetest.FreePort(f), f.TempDir()
	conf := fmt.Sprintf(`a1.channels = c1
a1.sinks = k1
a1.channels.c1.type = file
a1.channels.c1.checkpointDir = %s
a1.channels.c1.dataDirs = %s
a1.channels.c1.capacity = 10000
a1.channels.c1.transactionCapacity = 100
a1.channels.c1.checkpointInterval = 1000
a1.channels.c1.maxFileSize = 20000
a1.sinks.k1.channel = c1
a1.sinks.k1.sink.directory = %s
a1.sinks.k1.sink.rollInterval = 0
a1.sinks.k1.type = %s
`, filepath.Join(f.dir, "checkpoint"), strings.Join(f.data, ","), out, sink)
	ready := "Component type: SINK, name: k1 started"
	if source {
		conf += fmt.Sprintf("a1.sources = r1\na1.sources.r1.channels = c1\na1.sources.r1.type = avro\na1.sources.r1.bind = 127.0.0.1\na1.sources.r1.port = %d\n", port)
		ready = "Component type: SOURCE, name: r1 started"
	}
	f.agent = f.tools.Start(f, conf, ready)
	f.port = port
	if events > 0 {
		f.send(events)
	}
	return out
}

func (f *flumeChannel) send(events int) {
	f.Helper()
	var text strings.Builder
	for i := range events {
		fmt.Fprintf(&text, "event %d\n", i)
	}
	f.tools.AvroClient(f, text.String(), "-H", "127.0.0.1", "-p", fmt.Sprint(f.port))
}

// sendUntilDeleted sends events one by one until Flume has deleted its first log. It does
// so with the checkpoint behind the one that no longer needs it, and writes none where
// nothing has come.
func (f *flumeChannel) sendUntilDeleted() (sent int) {
	f.Helper()
	f.await("a log is deleted", func() bool {
		if _, err := os.Stat(filepath.Join(f.dir, "data0", "log-1")); err != nil {
			return true
		}
		f.send(1)
		sent++
		return false
	})
	f.await("nothing left", func() bool { return f.left(true).Events == 0 })
	return sent
}

// kill kills Flume, but not while it writes its checkpoint, which tells nothing then:
// where it has deleted logs, the others do not tell how many events are left.
func (f *flumeChannel) kill() {
	f.Helper()
	f.agent.KillWhen(f, func() bool {
		b, err := os.ReadFile(filepath.Join(f.dir, "checkpoint", "checkpoint"))
		const marker = 8 * 4 // a long (EventQueueBackingStoreFile.INDEX_CHECKPOINT_MARKER)
		return err == nil && len(b) >= marker+8 && binary.BigEndian.Uint64(b[marker:]) == 0
	})
}

func (f *flumeChannel) left(checkpoint bool) flumelog.Rest {
	if checkpoint {
		return flumelog.Count(f.data, filepath.Join(f.dir, "checkpoint"))
	}
	return flumelog.Count(f.data, "")
}

// same holds that so many events are left, by the checkpoint and without it.
func (f *flumeChannel) same(want int) {
	f.Helper()
	for _, checkpoint := range []bool{true, false} {
		rest := f.left(checkpoint)
		if rest.Doubt != nil || rest.Events < want || rest.Events > want && !rest.AtMost || checkpoint && rest.AtMost {
			f.Errorf("checkpoint %v: %+v, want %d", checkpoint, rest, want)
		}
	}
}

func (f *flumeChannel) await(what string, is func() bool) {
	f.Helper()
	for end := time.Now().Add(time.Minute); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			f.Fatalf("waited in vain: %s; %+v", what, f.left(true))
		}
	}
}

// lines are those in the files of a folder.
func lines(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all = slices.AppendSeq(all, strings.Lines(string(b)))
	}
	return all
}
