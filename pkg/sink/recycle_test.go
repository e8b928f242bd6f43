package sink

import (
	"context"
	"fmt"
	"testing"

	"github.com/logpipe/logpipe/pkg/channel"
	"github.com/logpipe/logpipe/pkg/flume"
)

// keeper is a sink that keeps what it got, as one that writes later does.
type keeper struct {
	bodies [][]byte
	taken  chan struct{} // one for each event
	borrow bool
}

func (k *keeper) Open(flume.Env) error { return nil }
func (k *keeper) Close() error         { return nil }
func (k *keeper) Borrows() bool        { return k.borrow }
func (k *keeper) Write(_ context.Context, batch []flume.Event) error {
	for _, e := range batch {
		k.bodies = append(k.bodies, e.Body)
	}
	for range batch {
		k.taken <- struct{}{}
	}
	return nil
}

// TestRunnerRecyclesForBorrowers lets sinks keep bodies: they have to stay as
// they are unless all sinks of the runner say that they keep nothing.
func TestRunnerRecyclesForBorrowers(t *testing.T) {
	null := configure(t, NewNull)
	for _, test := range []struct {
		name      string
		sinks     func(*keeper) []Sink
		borrow    bool
		unchanged bool
	}{
		{"a sink that keeps events", func(k *keeper) []Sink { return []Sink{k} }, false, true},
		{"a group with a sink that keeps events", func(k *keeper) []Sink { return []Sink{k, null} }, false, true},
		{"a sink that borrows", func(k *keeper) []Sink { return []Sink{k} }, true, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			const count = 300
			k := &keeper{taken: make(chan struct{}, count), borrow: test.borrow}
			var members []*Member
			for i, s := range test.sinks(k) {
				members = append(members, &Member{Name: fmt.Sprint(i), Sink: s})
			}
			c := configure(t, channel.NewMemory)
			runner := NewRunner(c, members, nil, t.Logf)
			ended := make(chan error, 1)
			go func() { ended <- runner.Run(t.Context()) }()
			var blocks flume.Blocks
			for n := range count {
				b := blocks.Copy(fmt.Appendf(nil, "%03d", n))
				events := []flume.Event{{Body: b.Bytes}}
				b.Lend(events)
				if err := c.Put(t.Context(), events); err != nil {
					t.Fatal(err)
				}
				<-k.taken // so that the next event may get the block of this one
			}
			c.Drain()
			if err := <-ended; err != nil {
				t.Fatal(err)
			}
			unchanged := true
			for n, body := range k.bodies {
				unchanged = unchanged && string(body) == fmt.Sprintf("%03d", n)
			}
			if unchanged != test.unchanged {
				t.Errorf("bodies stay as they are: %v, want %v", unchanged, test.unchanged)
			}
		})
	}
}

// TestFileRollBorrows holds that file_roll keeps nothing of an event, unless it
// has to keep schemas.
func TestFileRollBorrows(t *testing.T) {
	for format, want := range map[string]bool{"TEXT": true, "avro_event": true, "org.apache.flume.sink.hdfs.AvroEventSerializer$Builder": false} {
		s := configure(t, NewFileRoll, "sink.serializer="+format)
		s.(flume.Checker).Check()
		if got := s.(flume.Borrower).Borrows(); got != want {
			t.Errorf("%s: borrows %v", format, got)
		}
		if got := s.(Gatherer).Gathers(); got != want {
			t.Errorf("%s: gathers %v", format, got)
		}
	}
}
