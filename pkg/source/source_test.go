package source

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/channel"
	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// configure makes a component from its properties.
func configure[C any](t *testing.T, build func(*flume.Properties) C, settings ...string) C {
	t.Helper()
	return logpipetest.Configure(t, build, settings...)
}

// diary collects the lines that a component tells.
type diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *diary) logf(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, fmt.Sprintf(format, args...))
}

func (d *diary) String() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return strings.Join(d.lines, "\n")
}

// rig runs one source into one memory channel.
type rig struct {
	channel flume.Channel
	out     *Output
	diary   diary
	stop    context.CancelFunc
	ended   chan error
}

func start(t *testing.T, s Source, settings ...string) *rig {
	t.Helper()
	return startCounted(t, s, nil, settings...)
}

func startCounted(t *testing.T, s Source, counts *flume.Counters, settings ...string) *rig {
	t.Helper()
	r := &rig{channel: configure(t, channel.NewMemory, settings...), ended: make(chan error, 1)}
	hard, giveUp := context.WithCancel(t.Context())
	ctx, stop := context.WithCancel(hard)
	r.stop = stop
	r.out = NewOutput(hard, OutputConfig{Required: []flume.Channel{r.channel}, Logf: r.diary.logf})
	if err := s.Open(flume.Env{Name: "r1", Logf: r.diary.logf, Counters: counts}); err != nil {
		giveUp()
		t.Fatal(err)
	}
	finished := make(chan struct{})
	go func() {
		r.ended <- s.Run(ctx, r.out)
		s.Close()
		close(finished)
	}()
	t.Cleanup(func() { giveUp(); <-finished })
	return r
}

// take returns the bodies of the next n events.
func (r *rig) take(t *testing.T, n int) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var bodies []string
	for len(bodies) < n {
		tx, err := r.channel.Take(ctx, n-len(bodies))
		if err != nil {
			t.Fatalf("%v after %d of %d events; told:\n%s", err, len(bodies), n, &r.diary)
		}
		for _, e := range tx.Events() {
			bodies = append(bodies, string(e.Body))
		}
		tx.Commit()
		if r, ok := tx.(flume.Recycler); ok {
			r.Recycle() // as the sinks of most agents do
		}
	}
	return bodies
}

// rest waits for the end of the source and returns the bodies left.
func (r *rig) rest(t *testing.T) []string {
	t.Helper()
	if err := <-r.ended; err != nil {
		t.Fatal(err)
	}
	r.channel.Drain()
	var bodies []string
	for {
		tx, err := r.channel.Take(t.Context(), 1000)
		if err == io.EOF {
			return bodies
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range tx.Events() {
			bodies = append(bodies, string(e.Body))
		}
		tx.Commit()
		if r, ok := tx.(flume.Recycler); ok {
			r.Recycle() // as the sinks of most agents do
		}
	}
}

func TestSeq(t *testing.T) {
	r := start(t, configure(t, NewSeq, "batchSize=3", "totalEvents=7"))
	if got := strings.Join(r.rest(t), " "); got != "0 1 2 3 4 5 6" {
		t.Fatalf("got %s", got)
	}
}

func TestSeqWaitsForSpaceAndStops(t *testing.T) {
	r := start(t, configure(t, NewSeq), "capacity=10", "transactionCapacity=10", "keep-alive=0")
	if got := r.take(t, 25); got[24] != "24" {
		t.Fatalf("got %v", got)
	}
	for r.channel.Size() < 10 { // else the source may stop with nothing behind
		time.Sleep(time.Millisecond)
	}
	r.stop()
	// The put that waits needs space before the source can notice the stop.
	r.take(t, 1)
	r.rest(t)
}

func TestOutputReplicates(t *testing.T) {
	small := configure(t, channel.NewMemory, "capacity=2", "transactionCapacity=2", "keep-alive=0")
	big := configure(t, channel.NewMemory, "capacity=100")
	optional := configure(t, channel.NewMemory, "capacity=3", "transactionCapacity=3", "keep-alive=0")
	ctx, cancel := context.WithCancel(t.Context())
	var d diary
	out := NewOutput(ctx, OutputConfig{
		Interceptors: []Interceptor{configure(t, newStatic, "key=k", "value=v")},
		Required:     []flume.Channel{big, small},
		Optional:     []flume.Channel{optional},
		Logf:         d.logf,
	})
	if out.MaxBatch() != 2 {
		t.Fatalf("MaxBatch %d", out.MaxBatch())
	}
	put := make(chan error)
	events := make([]flume.Event, 5)
	go func() { put <- out.Put(events) }()
	tx, err := small.Take(ctx, 2)
	if err != nil {
		t.Fatal(err)
	}
	if v, _ := tx.Events()[0].Headers.Get("k"); v != "v" {
		t.Fatalf("headers %v", tx.Events()[0].Headers)
	}
	tx.Events()[0].Headers.Set("k", "changed")
	tx.Commit()
	// Two of three batches fit; the third waits until the agent gives up.
	for big.Size() < 5 || !strings.Contains(d.String(), "channel is full") { // one who gives up earlier is told of no wait
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-put; err == nil {
		t.Fatal("the put must fail when the agent gives up")
	}
	if big.Size() != 5 || small.Size() != 2 || optional.Size() != 2 {
		t.Fatalf("sizes %d %d %d: a full channel must not give duplicates in others", big.Size(), small.Size(), optional.Size())
	}
	if out.Received() != 5 || out.Lost() != 1 || out.Skipped() != 2 {
		t.Fatalf("received %d lost %d skipped %d", out.Received(), out.Lost(), out.Skipped())
	}
	tx, _ = big.Take(t.Context(), 1)
	if v, _ := tx.Events()[0].Headers.Get("k"); v != "v" {
		t.Fatal("channels share headers")
	}
}

func TestInterceptors(t *testing.T) {
	now := time.Now().UnixMilli()
	tests := []struct {
		build    func(*flume.Properties) Interceptor
		settings []string
		before   flume.Headers
		key      string
		want     string // "*" = anything but empty
	}{
		{newStatic, nil, nil, "key", "value"},
		{newStatic, []string{"key=dc", "value=east"}, nil, "dc", "east"},
		{newStatic, []string{"key=dc", "value=east"}, flume.Headers{{Key: "dc", Value: "west"}}, "dc", "west"},
		{newStatic, []string{"key=dc", "value=east", "preserveExisting=false"}, flume.Headers{{Key: "dc", Value: "west"}}, "dc", "east"},
		{newHost, nil, nil, "host", "*"},
		{newHost, []string{"useIP=false", "hostHeader=h"}, nil, "h", "*"},
		{newHost, []string{"preserveExisting=true"}, flume.Headers{{Key: "host", Value: "x"}}, "host", "x"},
		{newTimestamp, nil, flume.Headers{{Key: "timestamp", Value: ""}}, "timestamp", "*"},
		{newTimestamp, []string{"headerName=at", "preserveExisting=true"}, flume.Headers{{Key: "at", Value: "1"}}, "at", "1"},
	}
	for _, test := range tests {
		i := configure(t, test.build, test.settings...)
		if err := i.Open(flume.Env{}); err != nil {
			t.Fatal(err)
		}
		events := i.Intercept([]flume.Event{{Headers: test.before.Clone()}})
		got, _ := events[0].Headers.Get(test.key)
		if got != test.want && (test.want != "*" || got == "") {
			t.Errorf("%T %v: %s = %q, want %q", i, test.settings, test.key, got, test.want)
		}
		if test.key == "timestamp" {
			var ms int64
			fmt.Sscan(got, &ms)
			if ms < now || ms > now+60_000 {
				t.Errorf("timestamp %s, now %d", got, now)
			}
		}
	}
}

func TestTypesAreDescribed(t *testing.T) {
	for _, typ := range Types() {
		if typ.New == nil {
			continue
		}
		var p flume.Properties
		typ.New(&p)
		for _, q := range p.All() {
			if q.Help == "" {
				t.Errorf("%s.%s has no help", typ.Name(), q.Name)
			}
		}
	}
}
