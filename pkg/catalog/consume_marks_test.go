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
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		b, err := src.Read(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range b.Control {
			if c.Kind == stream.ControlMark {
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
