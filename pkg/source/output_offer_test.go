package source

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logpipe/logpipe/pkg/channel"
	"github.com/logpipe/logpipe/pkg/flume"
)

// filled is a memory channel with a keep-alive of a second and so many events inside.
func filled(t *testing.T, capacity, transaction, inside int) flume.Channel {
	t.Helper()
	c := configure(t, channel.NewMemory, fmt.Sprint("capacity=", capacity), fmt.Sprint("transactionCapacity=", transaction), "keep-alive=1")
	for range inside {
		if err := c.Put(t.Context(), bodies("before")); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// selecting is an output with a selector over channels c1, c2 …
func selecting(t *testing.T, s Selector, channels ...flume.Channel) *Output {
	t.Helper()
	var names []string
	for i := range channels {
		names = append(names, fmt.Sprint("c", i+1))
	}
	if problems := s.Bind(names); len(problems) > 0 {
		t.Fatal(problems)
	}
	hard, giveUp := context.WithTimeout(t.Context(), time.Minute) // rather than wait for ever
	t.Cleanup(giveUp)
	return NewOutput(hard, OutputConfig{Selector: s, Channels: channels, Logf: t.Logf})
}

func sizes(channels []flume.Channel) (n []int) {
	for _, c := range channels {
		n = append(n, c.Size())
	}
	return n
}

// An offer is answered after the keep-alive of a channel that is full, and then no
// channel has anything of it.
func TestOfferToFullChannels(t *testing.T) {
	all := func(channels ...flume.Channel) OutputConfig { return OutputConfig{Required: channels} }
	selected := func(s Selector, channels ...flume.Channel) OutputConfig {
		return OutputConfig{Selector: s, Channels: channels}
	}
	const full, never = "channel is full", "5 events at once are more than the channel's capacity 4"
	for _, test := range []struct {
		name   string
		config func(*testing.T) OutputConfig
		events int
		want   string // error
		takes  time.Duration
		sizes  []int // afterwards
	}{
		{"the second is full", func(t *testing.T) OutputConfig { return all(filled(t, 9, 5, 0), filled(t, 5, 5, 5)) }, 1, full, time.Second, []int{0, 5}},
		{"the first is full", func(t *testing.T) OutputConfig { return all(filled(t, 5, 5, 5), filled(t, 9, 5, 0)) }, 1, full, time.Second, []int{5, 0}},
		{"the last is nearly full", func(t *testing.T) OutputConfig {
			return all(filled(t, 9, 5, 0), filled(t, 9, 5, 0), filled(t, 9, 5, 8))
		}, 2, full, time.Second, []int{0, 0, 8}},
		{"more than a transaction", func(t *testing.T) OutputConfig { return all(filled(t, 40, 20, 20)) }, 25, full, time.Second, []int{20}},
		{"more than a transaction, which fits", func(t *testing.T) OutputConfig { return all(filled(t, 40, 20, 15), filled(t, 90, 7, 0)) }, 25, "", 0, []int{40, 25}},
		{"more than there ever is", func(t *testing.T) OutputConfig { return all(filled(t, 9, 2, 0), filled(t, 4, 2, 0)) }, 5, never, 0, []int{0, 0}},
		{"multiplexing", func(t *testing.T) OutputConfig {
			s := configure(t, newMultiplexing, "default=c1 c2")
			s.Bind([]string{"c1", "c2"})
			return selected(s, filled(t, 9, 5, 0), filled(t, 5, 5, 5))
		}, 1, full, time.Second, []int{0, 5}},
		{"balancing, all full", func(t *testing.T) OutputConfig {
			s := configure(t, newBalancing)
			s.Bind([]string{"c1", "c2"})
			return selected(s, filled(t, 5, 5, 5), filled(t, 5, 5, 5))
		}, 3, full, time.Second, []int{5, 5}},
		{"balancing, no room for all", func(t *testing.T) OutputConfig {
			s := configure(t, newBalancing)
			s.Bind([]string{"c1", "c2", "c3"})
			return selected(s, filled(t, 5, 5, 5), filled(t, 5, 5, 3), filled(t, 5, 5, 4))
		}, 4, full, time.Second, []int{5, 3, 4}},
		{"balancing, room in others", func(t *testing.T) OutputConfig {
			s := configure(t, newBalancing)
			s.Bind([]string{"c1", "c2", "c3"})
			return selected(s, filled(t, 5, 5, 2), filled(t, 5, 5, 5), filled(t, 5, 5, 2))
		}, 6, "", 0, []int{5, 5, 5}},
		{"balancing, more than there ever is", func(t *testing.T) OutputConfig {
			s := configure(t, newBalancing)
			s.Bind([]string{"c1"})
			return selected(s, filled(t, 4, 2, 0))
		}, 5, never, 0, []int{0}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := test.config(t)
				cfg.Logf = t.Logf
				out := NewOutput(t.Context(), cfg)
				begin := time.Now()
				_, err := out.Offer(make([]flume.Event, test.events))
				if (test.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), test.want) {
					t.Errorf("%v, want %q", err, test.want)
				}
				if took := time.Since(begin); took != test.takes {
					t.Errorf("after %v, want %v", took, test.takes)
				}
				if got := sizes(slices.Concat(cfg.Required, cfg.Channels)); !slices.Equal(got, test.sizes) {
					t.Errorf("%v events in the channels, want %v", got, test.sizes)
				}
				want := accounts{}
				if err == nil {
					want = accounts{received: int64(test.events), accepted: int64(test.events)}
				}
				if got := accountsOf(out); got != want {
					t.Errorf("%+v, want %+v", got, want)
				}
			})
		})
	}
}

// An offer that waits is stored as soon as there is space in the last channel.
func TestOfferWaitsForSpace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one, other := filled(t, 9, 5, 0), filled(t, 2, 2, 2)
		out := NewOutput(t.Context(), OutputConfig{Required: []flume.Channel{one, other}, Logf: t.Logf})
		done := make(chan error, 1)
		go func() { done <- offered(out, bodies("a", "b")) }()
		synctest.Wait()
		if one.Size() != 0 {
			t.Errorf("%d events are in the channel with space while the other one is full", one.Size())
		}
		takeOne(t, other)
		takeOne(t, other)
		if err := <-done; err != nil || one.Size() != 2 || other.Size() != 2 {
			t.Errorf("%v; %d and %d events", err, one.Size(), other.Size())
		}
	})
}

func takeOne(t *testing.T, c flume.Channel) {
	t.Helper()
	tx, err := c.Take(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
}

// A channel whose sink is dead gets nothing once it is full, and its source goes on
// with the others, however it puts; while all are full it waits for any of them.
func TestBalancingGoesRoundFullChannels(t *testing.T) {
	puts := map[string]func(*Output, []flume.Event) error{
		"put": (*Output).Put,
		"until": func(o *Output, events []flume.Event) error {
			_, err := o.OfferUntil(o.Context(), events)
			return err
		},
		"told": func(o *Output, events []flume.Event) error { return o.PutTold(events, func(int) {}) },
	}
	for name, put := range puts {
		for _, policy := range []string{"round_robin", "random"} {
			t.Run(name+" "+policy, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					channels := []flume.Channel{filled(t, 50, 4, 0), filled(t, 5, 4, 5), filled(t, 6, 4, 0)}
					out := selecting(t, configure(t, newBalancing, "policy="+policy), channels...)
					begin := time.Now()
					for range 14 {
						if err := put(out, make([]flume.Event, 4)); err != nil {
							t.Fatal(err)
						}
					}
					if got := sizes(channels); !slices.Equal(got, []int{50, 5, 6}) || time.Since(begin) > 0 {
						t.Fatalf("%v events after %v", got, time.Since(begin))
					}
				})
			})
		}
	}
}

// While all channels are full a source waits for whichever has space first.
func TestBalancingWaitsForAny(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		channels := []flume.Channel{filled(t, 3, 3, 3), filled(t, 3, 3, 3)}
		out := selecting(t, configure(t, newBalancing), channels...)
		done := make(chan error, 1)
		go func() { done <- out.Put(make([]flume.Event, 2)) }() // one for each of them
		time.Sleep(10 * time.Second)                            // several keep-alives
		begin := time.Now()
		takeOne(t, channels[1])
		synctest.Wait()
		takeOne(t, channels[1])
		if err := <-done; err != nil || time.Since(begin) > 0 {
			t.Fatalf("%v after %v", err, time.Since(begin))
		}
		if got := sizes(channels); !slices.Equal(got, []int{3, 3}) {
			t.Errorf("%v events", got)
		}
	})
}

// untrue is a channel that tells of space that it has not.
type untrue struct{ flume.Channel }

func (untrue) Fits([]flume.Event) bool                        { return true }
func (untrue) AwaitRoom(context.Context, []flume.Event) error { return nil }

// A channel that turns out to be full, as one with a full disk does, is left for the
// next one; an offer puts there first when it comes again.
func TestRoomThatIsNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		full, other := untrue{filled(t, 5, 5, 5)}, filled(t, 50, 5, 0)
		out := selecting(t, configure(t, newBalancing), full, other)
		for range 5 {
			if err := out.Put(make([]flume.Event, 3)); err != nil {
				t.Fatal(err)
			}
		}
		if got := sizes([]flume.Channel{full, other}); !slices.Equal(got, []int{5, 15}) {
			t.Errorf("%v events in the channels", got)
		}
		other = filled(t, 50, 5, 0)
		out = NewOutput(t.Context(), OutputConfig{Required: []flume.Channel{other, full}, Logf: t.Logf})
		for range 5 {
			if _, err := out.Offer(bodies("a")); !errors.Is(err, flume.ErrFull) {
				t.Fatal(err)
			}
		}
		if other.Size() != 1 {
			t.Errorf("%d events in the channel that has space, want the one of before anybody knew", other.Size())
		}
	})
}
