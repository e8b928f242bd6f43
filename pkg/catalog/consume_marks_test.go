package catalog

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/kafka"
	"github.com/logpipe/logpipe/pkg/stream"
)

// nextMark reads on to the next mark.
func nextMark(t *testing.T, src stream.Source) *stream.Control {
	t.Helper()
	return nextControl(t, src, stream.ControlMark)
}

func nextControl(t *testing.T, src stream.Source, kind stream.ControlKind) *stream.Control {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		b, err := src.Read(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range b.Control {
			if c.Kind == kind {
				return c
			}
		}
	}
}

// The marks of topics that match leave one out that was deleted, and bear the ids of
// them.
func TestMarksLeaveOutWhatWasDeleted(t *testing.T) {
	b := cluster(t)
	x, y := openSink(t, "produce x"+b), openSink(t, "produce y"+b)
	write(t, x, "old\n")
	write(t, y, "0\n")
	src := openSource(t, "consume '^[xy]$' -g g --marks --mark-every 10ms -o beginning"+b)
	m := nextMark(t, src)
	for m.Offsets["x/0"] != 1 || m.Offsets["y/0"] != 1 {
		m = nextMark(t, src)
	}
	if ids := slices.Sorted(maps.Keys(m.Topics)); !slices.Equal(ids, []string{"x", "y"}) || len(m.Topics["x"]) != 22 {
		t.Errorf("topics %v", m.Topics)
	}
	a, err := kafka.NewAdmin(t.Context(), kafka.Config{Brokers: []string{strings.TrimPrefix(b, " -b ")}, Wait: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if err := a.DeleteTopics(t.Context(), "x"); err != nil {
		t.Fatal(err)
	}
	late := time.Now().Add(2 * time.Minute)
	for n := 1; ; n++ {
		write(t, y, strconv.Itoa(n)+"\n")
		if m = nextMark(t, src); len(m.Offsets) == 1 {
			break
		}
		if time.Now().After(late) {
			t.Fatalf("marks of %v", m.Offsets)
		}
	}
	if m.Offsets["y/0"] < 2 {
		t.Errorf("a mark of %v", m.Offsets)
	}
	closeSource(t, src)
}

// TestAwaitsTheLastMark holds that a reader stays in its group until its last mark is
// committed, where that is of no more than the mark before it, or than the group had
// committed when the reader came: who commits it would hear that it came too late.
func TestAwaitsTheLastMark(t *testing.T) {
	b := cluster(t)
	write(t, openSink(t, "produce x"+b), "1\n")
	end := kafka.NewCommitter(kafka.Config{Brokers: []string{strings.TrimPrefix(b, " -b ")}, Wait: time.Minute}, "")
	defer end.Close()
	for _, kind := range []stream.ControlKind{stream.ControlMark, stream.ControlReset} {
		src := openSource(t, "consume x -g g --marks --mark-every 10ms -o beginning"+b)
		c := nextControl(t, src, kind)
		if kind == stream.ControlMark {
			if err := end.Commit(t.Context(), kafkaMark(c)); err != nil {
				t.Fatal(err)
			}
		}
		last := src.(stream.Ender).Last().Control[0]
		if !last.Last || last.Offsets["x/0"] != 1 || !maps.Equal(last.Offsets, c.Offsets) {
			t.Fatalf("behind %v the last mark is of %v", c.Offsets, last.Offsets)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		if err := src.(Awaiter).Await(ctx); err != nil || ctx.Err() == nil {
			t.Errorf("behind %v nobody waits for the last mark; error %v", kind, err)
		}
		cancel()
		if err := end.Commit(t.Context(), kafkaMark(last)); err != nil {
			t.Fatal(err)
		}
		ctx, cancel = context.WithTimeout(t.Context(), time.Minute)
		if err := src.(Awaiter).Await(ctx); err != nil || ctx.Err() != nil {
			t.Errorf("behind %v the last mark is committed, and not seen; error %v", kind, err)
		}
		cancel()
		closeSource(t, src)
	}
}
