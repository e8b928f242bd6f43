package source

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logpipe/logpipe/pkg/channel"
	"github.com/logpipe/logpipe/pkg/flume"
)

// accounts are the counts of an output.
type accounts struct{ received, accepted, putting, filtered, lost int64 }

func accountsOf(o *Output) accounts {
	return accounts{o.Received(), o.Accepted(), o.Putting(), o.Filtered(), o.Lost()}
}

// An event is accepted when all required channels have it, and not before;
// what waits is counted as that, however it was put.
func TestAccounts(t *testing.T) {
	puts := map[string]func(*Output, []flume.Event) error{
		"put":     (*Output).Put,
		"batches": func(o *Output, events []flume.Event) error { return o.PutBatches(events, 1) },
	}
	for name, put := range puts {
		for _, others := range []int{0, 1} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					ctx, giveUp := context.WithCancel(t.Context())
					full := configure(t, channel.NewMemory, "capacity=4", "transactionCapacity=2")
					var d diary
					cfg := OutputConfig{Logf: d.logf, Required: []flume.Channel{full},
						Interceptors: []Interceptor{opened(t, configure(t, newRegexFilter, "regex=drop", "excludeEvents=true"))}}
					for range others {
						cfg.Required = append(cfg.Required, configure(t, channel.NewMemory, "capacity=100"))
					}
					out := NewOutput(ctx, cfg)
					done := make(chan error, 1)
					go func() { done <- put(out, bodies("1", "2", "drop", "3", "4", "5", "6", "7")) }()
					synctest.Wait()
					if got, want := accountsOf(out), (accounts{8, 4, 3, 1, 0}); got != want {
						t.Errorf("while it waits: %+v, want %+v", got, want)
					}
					tx, err := full.Take(ctx, 2)
					if err != nil {
						t.Fatal(err)
					}
					tx.Commit()
					synctest.Wait()
					if got, want := accountsOf(out), (accounts{8, 6, 1, 1, 0}); got != want {
						t.Errorf("with space for two: %+v, want %+v", got, want)
					}
					giveUp()
					if <-done == nil {
						t.Error("nothing told")
					}
					if got, want := accountsOf(out), (accounts{8, 6, 0, 1, 1}); got != want {
						t.Errorf("in the end: %+v, want %+v", got, want)
					}
				})
			})
		}
	}
}

func opened(t *testing.T, i Interceptor) Interceptor {
	t.Helper()
	if err := i.Open(flume.Env{Logf: t.Logf}); err != nil {
		t.Fatal(err)
	}
	return i
}

// What goes nowhere is accepted too, as in Flume.
func TestAccountsOfDropped(t *testing.T) {
	for name, put := range map[string]func(*Output, []flume.Event) error{"put": (*Output).Put, "offer": offered} {
		out := NewOutput(t.Context(), OutputConfig{Logf: t.Logf, Required: []flume.Channel{configure(t, channel.NewMemory), configure(t, channel.NewMemory)},
			Interceptors: []Interceptor{opened(t, configure(t, newRegexFilter, "regex=drop", "excludeEvents=true"))}})
		if err := put(out, bodies("drop", "drop")); err != nil {
			t.Fatal(err)
		}
		if got, want := accountsOf(out), (accounts{2, 2, 0, 2, 0}); got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
}

func offered(o *Output, events []flume.Event) error {
	_, err := o.Offer(events)
	return err
}

// Of a request that is refused, what the channels have of it already counts: it is
// delivered, whatever its sender does. What was received is what is inside.
func TestAccountsOfRefused(t *testing.T) {
	until := func(o *Output, events []flume.Event) (int, error) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		return o.OfferUntil(ctx, events)
	}
	put := func(o *Output, events []flume.Event) (int, error) { return 0, o.Put(events) }
	replicated := func(channels ...flume.Channel) OutputConfig { return OutputConfig{Required: channels} }
	selected := func(s Selector, channels ...flume.Channel) OutputConfig {
		s.Bind([]string{"c1", "c2"}[:len(channels)])
		return OutputConfig{Selector: s, Channels: channels}
	}
	for _, test := range []struct {
		name   string
		config func(*testing.T) OutputConfig
		offer  func(*Output, []flume.Event) (int, error)
		stored int
		want   accounts
		sizes  []int
	}{
		{"the first batch of a request", func(t *testing.T) OutputConfig { return replicated(filled(t, 5, 4, 0)) }, until, 4, accounts{4, 4, 0, 0, 0}, []int{4}},
		{"one of two channels", func(t *testing.T) OutputConfig { return replicated(filled(t, 50, 8, 0), untrue{filled(t, 5, 4, 5)}) },
			until, 0, accounts{4, 0, 0, 0, 0}, []int{4, 5}},
		{"offered, a part of a share", func(t *testing.T) OutputConfig { return replicated(untrue{filled(t, 9, 2, 4)}) },
			(*Output).Offer, 4, accounts{4, 4, 0, 0, 0}, []int{8}},
		{"offered, a part of one of two", func(t *testing.T) OutputConfig {
			return replicated(filled(t, 50, 8, 0), untrue{filled(t, 9, 2, 4)})
		}, (*Output).Offer, 4, accounts{8, 4, 0, 0, 0}, []int{8, 8}},
		{"offered, one of two by a selector", func(t *testing.T) OutputConfig {
			return selected(configure(t, newMultiplexing, "header=h", "mapping.a=c1", "default=c2"), filled(t, 50, 8, 0), untrue{filled(t, 9, 2, 8)})
		}, (*Output).Offer, 3, accounts{3, 3, 0, 0, 0}, []int{3, 8}},
		{"one of two by a selector", func(t *testing.T) OutputConfig {
			return selected(configure(t, newMultiplexing, "header=h", "mapping.a=c1", "default=c2"), filled(t, 50, 8, 0), untrue{filled(t, 9, 8, 8)})
		}, until, 3, accounts{3, 3, 0, 0, 0}, []int{3, 8}},
		{"both by a selector", func(t *testing.T) OutputConfig {
			return selected(configure(t, newMultiplexing, "default=c1 c2"), filled(t, 50, 8, 0), untrue{filled(t, 9, 8, 8)})
		}, until, 0, accounts{8, 0, 0, 0, 0}, []int{8, 8}},
		{"where there is room", func(t *testing.T) OutputConfig {
			return selected(configure(t, newBalancing), untrue{filled(t, 5, 2, 2)}, untrue{filled(t, 5, 2, 3)})
		}, until, 5, accounts{5, 5, 0, 0, 0}, []int{5, 5}},
		{"offered where there is room", func(t *testing.T) OutputConfig {
			return selected(configure(t, newBalancing), untrue{filled(t, 5, 2, 1)})
		}, (*Output).Offer, 4, accounts{4, 4, 0, 0, 0}, []int{5}},
		{"put where there is room", func(t *testing.T) OutputConfig {
			return selected(configure(t, newBalancing), untrue{filled(t, 5, 2, 2)}, untrue{filled(t, 5, 2, 3)})
		}, put, 0, accounts{8, 5, 0, 0, 3}, []int{5, 5}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hard, giveUp := context.WithTimeout(t.Context(), time.Hour)
				defer giveUp()
				cfg := test.config(t)
				cfg.Logf = t.Logf
				out := NewOutput(hard, cfg)
				events := make([]flume.Event, 8)
				for i := range 3 {
					events[2*i].Headers = flume.Headers{{Key: "h", Value: "a"}}
				}
				if stored, err := test.offer(out, events); err == nil || stored != test.stored {
					t.Errorf("%d stored, want %d; %v", stored, test.stored, err)
				}
				if got := accountsOf(out); got != test.want {
					t.Errorf("%+v, want %+v", got, test.want)
				}
				if got := sizes(slices.Concat(cfg.Required, cfg.Channels)); !slices.Equal(got, test.sizes) {
					t.Errorf("%v events in the channels, want %v", got, test.sizes)
				}
			})
		})
	}
}
