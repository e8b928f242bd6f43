package sink

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/logpipe/logpipe/pkg/channel"
	"github.com/logpipe/logpipe/pkg/channel/file"
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

// WriteBatches tells of each batch, or of none.
func (g *gatherer) WriteBatches(ctx context.Context, events []flume.Event, delivered func(int) error) error {
	for n := 10; n < len(events); n += 10 {
		if err := delivered(n); err != nil {
			return err
		}
	}
	if err := delivered(len(events)); err != nil {
		return err
	}
	err := g.Write(ctx, events)
	if err != nil {
		err = errors.Join(err, delivered(0))
	}
	return err
}

// TestRunnerGathersWhatSurvives holds that a sink gets several batches of a channel
// that survives a kill, and that the channel knows how far they are delivered: what
// a sink takes back comes again, and nothing else.
func TestRunnerGathersWhatSurvives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		c := configure(t, file.New, "checkpointDir="+dir+"/check", "dataDirs="+dir+"/data", "minimumRequiredSpace=0", "transactionCapacity=10")
		if err := c.Open(flume.Env{}); err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		var want []string
		for n := range 20 {
			batch := fmt.Sprintf("a%d b%[1]d c%[1]d d%[1]d e%[1]d", n)
			want = append(want, batch)
			if err := c.Put(t.Context(), deadBodies(strings.Fields(batch)...)); err != nil {
				t.Fatal(err)
			}
		}
		c.Drain()
		g := &gatherer{}
		if err := NewRunner(c, []*Member{{Name: "k1", Sink: g}}, nil, t.Logf).Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		all := strings.Join(want, " ")
		if bootKnown() && !slices.Equal(g.calls, []string{all, all}) {
			t.Errorf("the sink got %q", g.calls)
		}
		if got := strings.Join(g.calls[1:], " "); got != all {
			t.Errorf("delivered %s", got)
		}
	})
}

// bootKnown reports whether the system tells one of its runs from another.
func bootKnown() bool {
	_, err := os.Stat("/proc/sys/kernel/random/boot_id")
	return err == nil
}

// TestRunnerGathers holds that a sink that gathers gets all that waits at once,
// and that all of it comes again in its order after a failure.
func TestRunnerGathers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := configure(t, channel.NewMemory, fmt.Sprint("capacity=", 2*mostEvents), "transactionCapacity=10")
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
