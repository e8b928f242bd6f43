package sink

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/logpipe/logpipe/pkg/channel"
	"github.com/logpipe/logpipe/pkg/flume"
)

// gatherer notes what it gets at once, and fails the first time.
type gatherer struct {
	calls []string
	sizes []int
}

func (g *gatherer) Open(flume.Env) error { return nil }
func (g *gatherer) Close() error         { return nil }
func (g *gatherer) Gathers() bool        { return true }
func (g *gatherer) Batch() (string, int) { return "batchSize", 10 }
func (g *gatherer) Write(_ context.Context, batch []flume.Event) error {
	var all []string
	for _, e := range batch {
		all = append(all, string(e.Body))
	}
	g.calls, g.sizes = append(g.calls, strings.Join(all, " ")), append(g.sizes, len(batch))
	if len(g.calls) == 1 {
		return errors.New("the disk is not there")
	}
	return nil
}

// TestRunnerGathers holds that a sink that gathers gets all that waits at once,
// that all of it comes again in its order after a failure, and that each batch
// stays a transaction.
func TestRunnerGathers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := configure(t, channel.NewMemory, "capacity=4000", "transactionCapacity=10")
		var want []string
		for n := range mostEvents + 25 {
			text := fmt.Sprint(n)
			want = append(want, text)
			if err := c.Put(t.Context(), []flume.Event{{Body: []byte(text)}}); err != nil {
				t.Fatal(err)
			}
		}
		c.Drain()
		g := &gatherer{}
		member := &Member{Name: "k1", Sink: g}
		if err := NewRunner(c, []*Member{member}, nil, t.Logf).Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(g.sizes, []int{mostEvents, mostEvents, 25}) {
			t.Errorf("the sink got %d events at once", g.sizes)
		}
		if g.calls[0] != g.calls[1] {
			t.Error("after a failure other events come, or in another order")
		}
		if got := strings.Join(g.calls[1:], " "); got != strings.Join(want, " ") {
			t.Errorf("delivered %s", got)
		}
		if n := member.Delivered(); n != int64(len(want)) || c.Size() != 0 {
			t.Errorf("%d events are delivered, and %d are left in the channel", n, c.Size())
		}
	})
}
