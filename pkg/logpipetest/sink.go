package logpipetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
)

// EventSink is what a test of a sink needs of it.
type EventSink interface {
	Open(flume.Env) error
	Write(ctx context.Context, batch []flume.Event) error
	Close() error
}

// FileSink is the suite that a sink has to pass that writes into a folder: what
// it has acknowledged is there, in order, also while it still writes, when it
// begins again, and when its process is killed without warning.
type FileSink struct {
	// New makes the sink, which is not open. The folder is there.
	New func(t *testing.T, folder string) EventSink
	// Read returns the bodies in the folder, whatever state the last process
	// has left it in, in the order in which they were written. final tells that
	// the sink was closed.
	Read func(t *testing.T, folder string, final bool) []string
	// Kills is how often it is killed.
	Kills int
	// Headers are those of each event.
	Headers flume.Headers
}

// Test runs the suite.
func (s FileSink) Test(t *testing.T) {
	t.Run("order", s.order)
	t.Run("kill", s.kill)
}

// sinkBatch is the number of events that are written at once.
const sinkBatch = 23

func (s FileSink) batch(format string, args ...any) (events []flume.Event, bodies []string) {
	for i := range sinkBatch {
		body := fmt.Sprintf(format, args...) + fmt.Sprintf(" event %d", i)
		bodies = append(bodies, body)
		events = append(events, flume.Event{Headers: s.Headers.Clone(), Body: []byte(body)})
	}
	return events, bodies
}

// env is the environment of the sink; what it tells goes into the test's log.
func env(t *testing.T) flume.Env {
	return flume.Env{Name: "k1", Counters: new(flume.Counters), Logf: func(format string, args ...any) { t.Logf("k1: "+format, args...) }}
}

func (s FileSink) order(t *testing.T) {
	folder := t.TempDir()
	var want []string
	for run := range 3 {
		sink, e := s.New(t, folder), env(t)
		if err := sink.Open(e); err != nil {
			t.Fatal(err)
		}
		for n := range 5 {
			events, bodies := s.batch("run %d batch %d", run, n)
			if err := sink.Write(t.Context(), events); err != nil {
				t.Fatal(err)
			}
			want = append(want, bodies...)
			if got := s.Read(t, folder, false); !slices.Equal(got, want) {
				t.Fatalf("run %d, batch %d is acknowledged; there are %d events of %d:\n%q", run, n, len(got), len(want), got)
			}
		}
		if err := sink.Close(); err != nil {
			t.Fatal(err)
		}
		if got := s.Read(t, folder, true); !slices.Equal(got, want) {
			t.Fatalf("after run %d there are %d events of %d", run, len(got), len(want))
		}
		values := e.Counters.Values()
		if values["EventDrainAttemptCount"] != 5*sinkBatch || values["EventDrainSuccessCount"] != 5*sinkBatch ||
			values["ConnectionCreatedCount"] == 0 || values["ConnectionClosedCount"] != values["ConnectionCreatedCount"] {
			t.Errorf("counters: %v", values)
		}
	}
}

func (s FileSink) kill(t *testing.T) {
	if folder := os.Getenv(killEnv); folder != "" {
		s.child(t, folder)
		return
	}
	folder := t.TempDir()
	for range s.Kills {
		c := startKillChild(t, folder)
		time.Sleep(time.Duration(rand.IntN(40)) * time.Millisecond)
		c.kill()
	}
	acked, err := os.ReadFile(storedFile(folder))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	sink := s.New(t, folder) // what a new one does about files of the dead ones must not lose any
	if err := sink.Open(env(t)); err != nil {
		t.Fatal(err)
	}
	events, bodies := s.batch("the last")
	if err := sink.Write(t.Context(), events); err != nil {
		t.Fatal(err)
	}
	if err := sink.Close(); err != nil {
		t.Fatal(err)
	}
	batches := 0
	for line := range bytes.Lines(acked) {
		if mark, whole := bytes.CutSuffix(line, []byte(wholeEnd)); whole {
			batches++
			_, more := s.batch("%s", mark)
			bodies = append(bodies, more...)
		}
	}
	if batches < s.Kills/2 {
		t.Errorf("%d batches were acknowledged in %d kills", batches, s.Kills)
	}
	there := s.once(t, folder, bodies)
	t.Logf("%d kills: %d events acknowledged, %d there", s.Kills, len(bodies), there)
}

// once holds that each of the bodies was written once; there is how many different ones
// were written.
func (s FileSink) once(t *testing.T, folder string, bodies []string) (there int) {
	t.Helper()
	times := map[string]int{}
	for _, body := range s.Read(t, folder, true) {
		times[body]++
	}
	lost := 0
	for _, body := range bodies {
		if times[body] == 0 {
			if lost++; lost == 1 {
				t.Errorf("lost: %q", body)
			}
		}
		if times[body] > 1 {
			t.Errorf("written once and there %d times: %q", times[body], body)
		}
	}
	if lost > 0 {
		t.Errorf("%d of %d events are lost", lost, len(bodies))
	}
	return len(times)
}

// child writes until it is killed, and notes what was acknowledged.
func (s FileSink) child(t *testing.T, folder string) {
	f, err := os.OpenFile(storedFile(folder), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("\n"); err != nil { // behind a mark that the kill has cut off
		t.Fatal(err)
	}
	sink := s.New(t, folder)
	if err := sink.Open(env(t)); err != nil {
		fmt.Println(err)
		t.Fatal(err)
	}
	parentGone := make(chan struct{})
	go func() {
		var b [1]byte
		os.Stdin.Read(b[:])
		close(parentGone)
	}()
	for n := 0; ; n++ {
		mark := fmt.Sprintf("process %d-%d batch %d", os.Getpid(), time.Now().UnixNano(), n)
		events, _ := s.batch("%s", mark)
		if err := sink.Write(t.Context(), events); err != nil {
			fmt.Println(err)
			t.Fatal(err)
		}
		if _, err := f.WriteString(mark + wholeEnd); err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			fmt.Println("runs")
		}
		select {
		case <-parentGone:
			return
		default:
		}
	}
}
