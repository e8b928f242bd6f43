package source

import (
	"fmt"
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
			lines := netcatLines{max: 512, encoding: "utf-8"}
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
	lines := netcatLines{max: 512, encoding: "utf-8"}
	var want, got []string
	for n := range 200 {
		body := fmt.Sprintf("line %d", n)
		putLine(t, &lines, out, body)
		want = append(want, body, body)
		got = append(got, recycled(t, c, 1)...)
	}
	compareBodies(t, append(got, recycled(t, c, len(want)-len(got))...), want)
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
