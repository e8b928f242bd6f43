package source

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/logpipe/logpipe/pkg/channel"
	"github.com/logpipe/logpipe/pkg/flume"
)

// twice is a selector that gives each event to channels 0 and 1.
type twice struct{}

func (twice) Bind([]string) []flume.Problem                 { return nil }
func (twice) Route(*flume.Event) (required, optional []int) { return []int{0, 1}, nil }
func (twice) Open(flume.Env) error                          { return nil }
func (twice) Intercept(events []flume.Event) (doubled []flume.Event) {
	return append(events, events...)
}

// TestEventsOfSeveralChannels recycles the events of one channel, and looks at
// those of the other one, which have the same bodies.
func TestEventsOfSeveralChannels(t *testing.T) {
	for name, config := range map[string]func(a, b flume.Channel) OutputConfig{
		"required": func(a, b flume.Channel) OutputConfig { return OutputConfig{Required: []flume.Channel{b, a}} },
		"optional": func(a, b flume.Channel) OutputConfig {
			return OutputConfig{Required: []flume.Channel{b}, Optional: []flume.Channel{a}}
		},
		"selector": func(a, b flume.Channel) OutputConfig {
			return OutputConfig{Selector: twice{}, Channels: []flume.Channel{a, b}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			one, other := configure(t, channel.NewMemory, "capacity=1000"), configure(t, channel.NewMemory, "capacity=1000")
			out := NewOutput(t.Context(), config(one, other))
			var want []string
			lines := netcatLines{max: 512, in: must(newCharset("UTF-8"))}
			for n := range 200 {
				want = append(want, fmt.Sprintf("line %d", n))
				putLine(t, &lines, out, want[n])
				recycled(t, one, 1)
			}
			compareBodies(t, recycled(t, other, len(want)), want)
		})
	}
}

// TestDoubledEvents lets an interceptor double events.
func TestDoubledEvents(t *testing.T) {
	c := configure(t, channel.NewMemory, "capacity=1000")
	out := NewOutput(t.Context(), OutputConfig{Required: []flume.Channel{c}, Interceptors: []Interceptor{twice{}}})
	lines := netcatLines{max: 512, in: must(newCharset("UTF-8"))}
	var want, got []string
	for n := range 200 {
		body := fmt.Sprintf("line %d", n)
		putLine(t, &lines, out, body)
		want = append(want, body, body)
		got = append(got, recycled(t, c, 1)...)
	}
	compareBodies(t, append(got, recycled(t, c, len(want)-len(got))...), want)
}

// first is an interceptor that drops all events of a batch but the first.
type first struct{ twice }

func (first) Intercept(events []flume.Event) []flume.Event { return events[:1] }

// TestFilteredEventsAreSmall holds that an event does not keep the memory of those
// that an interceptor has dropped.
func TestFilteredEventsAreSmall(t *testing.T) {
	const batches, each, length = 500, 1000, 128
	c := configure(t, channel.NewMemory, "capacity=1000")
	out := NewOutput(t.Context(), OutputConfig{Required: []flume.Channel{c}, Interceptors: []Interceptor{first{}}})
	var blocks flume.Blocks
	var want []string
	for n := range batches {
		block := blocks.Get(each * length)
		copy(block.Bytes, fmt.Sprintf("%0*d", length, n))
		want = append(want, string(block.Bytes[:length]))
		var events []flume.Event
		for i := range each {
			e := block.Event(i*length, (i+1)*length)
			e.Headers.Set("n", want[n])
			events = append(events, e)
		}
		block.Lend(events)
		if err := out.Put(events); err != nil {
			t.Fatal(err)
		}
	}
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if most := uint64(batches * each * length / 2); m.HeapAlloc > most {
		t.Errorf("%d events keep %d bytes", batches, m.HeapAlloc)
	}
	for n := range batches {
		tx, err := c.Take(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		e := tx.Events()[0]
		if value, _ := e.Headers.Get("n"); string(e.Body) != want[n] || value != want[n] {
			t.Fatalf("event %d is %q with %q", n, e.Body, value)
		}
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
	}
}

// putLine puts a line as an event.
func putLine(t *testing.T, lines *netcatLines, out *Output, text string) {
	t.Helper()
	if err := lines.read(strings.NewReader(text + "\n")); err != nil {
		t.Fatal(err)
	}
	events, err := lines.next(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := out.Put(events); err != nil {
		t.Fatal(err)
	}
}

// recycled takes n events, one at a time, and lets their memory be used again.
func recycled(t *testing.T, c flume.Channel, n int) (bodies []string) {
	t.Helper()
	for range n {
		tx, err := c.Take(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		bodies = append(bodies, string(tx.Events()[0].Body))
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		tx.(flume.Recycler).Recycle()
	}
	return bodies
}

func compareBodies(t *testing.T, got, want []string) {
	t.Helper()
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("event %d is %q, not %q", i, got[i], want[i])
		}
	}
}

// TestLinesFillBatches holds that the window's end does not cut a batch short.
func TestLinesFillBatches(t *testing.T) {
	const size, count = 1000, 5500
	var text strings.Builder
	for n := range count {
		fmt.Fprintf(&text, "%0200d\n", n)
	}
	how := deserializers{kind: lineDeserializer, maxLine: 2048, input: "UTF-8", output: "UTF-8", onBad: "FAIL"}
	if problems := how.check(); len(problems) > 0 {
		t.Fatal(problems)
	}
	var window blockWindow
	d, err := how.open(strings.NewReader(text.String()), 0, &window, nil)
	if err != nil {
		t.Fatal(err)
	}
	next := 0
	for next < count {
		events, end, err := d.next(size, true)
		if err != nil {
			t.Fatal(err)
		}
		if want := min(size, count-next); len(events) != want {
			t.Fatalf("a batch of %d events behind %d, want %d", len(events), next, want)
		}
		for _, e := range events {
			if string(e.Body) != fmt.Sprintf("%0200d", next) {
				t.Fatalf("event %d is %q", next, e.Body)
			}
			next++
		}
		if end != int64(next)*201 {
			t.Fatalf("goes on at %d behind %d events", end, next)
		}
		flume.Release(events)
	}
}
