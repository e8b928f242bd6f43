package pipe

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/broker"
	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/kafka"
	"github.com/logpipe/logpipe/pkg/logpipetest"
	"github.com/logpipe/logpipe/pkg/sink"
)

// configure makes a component with these settings.
func configure[C any](t *testing.T, build func(*flume.Properties) C, settings ...string) C {
	t.Helper()
	c := logpipetest.Configure(t, build, settings...)
	if checker, ok := any(c).(flume.Checker); ok {
		if problems := checker.Check(); len(problems) > 0 {
			t.Fatalf("%v: %v", settings, problems)
		}
	}
	return c
}

// world is where a component prints and tells.
type world struct {
	mu       sync.Mutex
	out      bytes.Buffer
	told     []string
	counters flume.Counters
}

func (w *world) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.out.Write(p)
}

func (w *world) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.out.String()
}

func (w *world) logf(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.told = append(w.told, fmt.Sprintf(format, args...))
}

func (w *world) all() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(w.told, "\n")
}

func (w *world) env() flume.Env {
	return flume.Env{Name: "k1", Stdout: w, Logf: w.logf, Counters: &w.counters}
}

func openSink(t *testing.T, settings ...string) (*Sink, *world) {
	t.Helper()
	s, w := configure(t, NewSink, settings...).(*Sink), &world{}
	if err := s.Open(w.env()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, w
}

func events(bodies ...string) []flume.Event {
	var all []flume.Event
	for _, body := range bodies {
		all = append(all, flume.Event{Body: []byte(body)})
	}
	return all
}

func write(t *testing.T, s *Sink, list []flume.Event) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := s.Write(ctx, list); err != nil {
		t.Fatal(err)
	}
}

// What the stages make of a batch is out when Write returns.
func TestSinkDeliversEachBatch(t *testing.T) {
	s, w := openSink(t, `command=where 'n > 1' | set "host=header('host')"`)
	first := events(`{"n":1}`, `{"n":2}`)
	first[1].Headers.Set("host", "web-1")
	write(t, s, first)
	want := "{\"n\":2,\"host\":\"web-1\"}\n"
	if got := w.String(); got != want {
		t.Fatalf("printed %q, want %q", got, want)
	}
	write(t, s, events(`{"n":3}`))
	want += "{\"n\":3,\"host\":null}\n"
	if got := w.String(); got != want {
		t.Fatalf("printed %q, want %q", got, want)
	}
	if err := s.Close(); err != nil || w.String() != want {
		t.Fatalf("at the end: %v, %q", err, w.String())
	}
	if n := w.counters.Values()["EventDrainSuccessCount"]; n != 3 {
		t.Errorf("%d delivered", n)
	}
}

// A header is there in every stage, behind parse and in windows too.
func TestSinkHeaders(t *testing.T) {
	s, w := openSink(t, `command=parse regex '(?<n>\d+)' | select n "host=header('host')" | aggregate --by host count`)
	var batch []flume.Event
	for i := range 700 { // several batches of the engine
		e := flume.Event{Body: fmt.Append(nil, i)}
		e.Headers.Set("host", fmt.Sprintf("h%d", i%2))
		batch = append(batch, e)
	}
	write(t, s, batch)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if got, want := w.String(), "{\"host\":\"h0\",\"count\":350}\n{\"host\":\"h1\",\"count\":350}\n"; got != want {
		t.Errorf("printed %q, want %q", got, want)
	}
}

// A window goes over batches, comes out when it is over, and the open one at the
// end.
func TestSinkWindows(t *testing.T) {
	s, w := openSink(t, "command=aggregate --window 1m --by k count")
	if g := s.Guarantee(); !strings.Contains(g, "in memory") {
		t.Errorf("guarantee: %s", g)
	}
	at := func(second int) string {
		return fmt.Sprintf(`{"time":"2026-11-20T10:%02d:%02dZ","k":"a"}`, second/60, second%60)
	}
	write(t, s, events(at(1), at(20)))
	write(t, s, events(at(50)))
	if got := w.String(); got != "" {
		t.Fatalf("printed %q", got)
	}
	write(t, s, events(at(61), at(2)))
	if got := w.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, `"count":3`) {
		t.Fatalf("printed %q", got)
	}
	if n := w.counters.Values()["EventLateCount"]; n != 1 {
		t.Errorf("%d late", n)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if got := w.String(); strings.Count(got, "\n") != 2 || !strings.Contains(got, `"count":1`) {
		t.Fatalf("at the end printed %q", got)
	}
}

// Events that a stage refuses go back to the agent, which keeps them.
func TestSinkRejects(t *testing.T) {
	s, w := openSink(t, "command=where n")
	err := s.Write(t.Context(), events(`{"n":1}`, "no object", `{"n":2}`, "two\nlines", `{"n":3`))
	var rejected *sink.RejectedError
	if !errors.As(err, &rejected) || len(rejected.Events) != 3 || rejected.Events[0].Index != 1 || rejected.Events[1].Index != 3 || rejected.Events[2].Index != 4 {
		t.Errorf("write: %v", err)
	}
	if got := w.String(); got != "{\"n\":1}\n{\"n\":2}\n" {
		t.Errorf("printed %q", got)
	}
	if n := w.counters.Values()["EventRejectedCount"]; n != 3 {
		t.Errorf("%d rejected", n)
	}
}

// A body that holds line ends within quotes is one record of CSV.
func TestSinkRecordsOfSeveralLines(t *testing.T) {
	s, w := openSink(t, "command=parse csv --fields a,b")
	write(t, s, events("1,\"x\ny\"", "2,z"))
	if got, want := w.String(), "{\"a\":\"1\",\"b\":\"x\\ny\"}\n{\"a\":\"2\",\"b\":\"z\"}\n"; got != want {
		t.Errorf("printed %q, want %q", got, want)
	}
}

type brokenOut struct{}

func (brokenOut) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

// Where nobody reads stdout, the agent ends.
func TestSinkWithoutReader(t *testing.T) {
	s := configure(t, NewSink, "command=where true").(*Sink)
	if err := s.Open(flume.Env{Stdout: brokenOut{}}); err != nil {
		t.Fatal(err)
	}
	var fatal *flume.FatalError
	if err := s.Write(t.Context(), events(`{"a":1}`)); !errors.As(err, &fatal) {
		t.Errorf("write: %v", err)
	}
	s.Close()
}

// A broker that is gone holds the batch back, and with it all that the stages
// hold; when it is there again nothing is missing.
func TestSinkProduces(t *testing.T) {
	b, err := broker.Start(t.Context(), broker.Config{Listen: logpipetest.OwnAddress(t)})
	if err != nil {
		t.Fatal(err)
	}
	addr := b.Addr()[0]
	s, w := openSink(t, "command=set 'twice=2*n' | produce out --brokers "+addr+" --timeout 1s --wait 1m")
	write(t, s, events(`{"n":1}`, `{"n":2}`))
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		done <- s.Write(ctx, events(`{"n":3}`))
	}()
	select {
	case err := <-done:
		t.Fatalf("a write without a broker: %v", err)
	case <-time.After(1500 * time.Millisecond):
	}
	if b, err = broker.Start(t.Context(), broker.Config{Listen: addr}); err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if err := <-done; err != nil {
		t.Fatalf("%v; told %s", err, w.all())
	}
	c, err := kafka.NewConsumer(t.Context(), kafka.Config{Brokers: []string{addr}, Wait: time.Minute}, kafka.ConsumerConfig{Topics: []string{"out"}, From: kafka.Beginning, ExitAtEnd: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var got []string
	for {
		batch, err := c.Read(t.Context())
		if err != nil {
			break
		}
		for _, r := range batch.Records {
			got = append(got, string(r.Value))
		}
	}
	if !slices.Contains(got, `{"n":3,"twice":6}`) {
		t.Errorf("in the topic: %s", got)
	}
}

func intercept(t *testing.T, list []flume.Event, settings ...string) (string, *world) {
	t.Helper()
	i, w := configure(t, NewInterceptor, settings...), &world{}
	if err := i.Open(w.env()); err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range i.Intercept(list) {
		line := string(e.Body)
		for _, h := range e.Headers {
			line += " " + h.Key + "=" + h.Value
		}
		out = append(out, line)
	}
	return strings.Join(out, "|"), w
}

func TestInterceptor(t *testing.T) {
	list := func() []flume.Event {
		all := events(`{"n":1,"l":[7,8]}`, `{"n":2}`, "no object", `{"n":3,"l":[9]}`, "")
		for i := range all {
			all[i].Headers.Set("h", fmt.Sprint(i))
		}
		return all
	}
	for settings, want := range map[string]string{
		"command=where 'n > 1'":                                                 `{"n":2} h=1|no object h=2|{"n":3,"l":[9]} h=3| h=4`,
		"command=where 'n > 1'\nonReject=drop":                                  `{"n":2} h=1|{"n":3,"l":[9]} h=3`,
		"command=set \"h=header('h')\" | drop l\nonReject=drop":                 `{"n":1,"h":"0"} h=0|{"n":2,"h":"1"} h=1|{"n":3,"h":"3"} h=3`,
		"command=each x=l | select x \"h=header('h')\"\nonReject=drop":          `{"x":7,"h":"0"} h=0|{"x":8,"h":"0"} h=0|{"x":9,"h":"3"} h=3`,
		"command=parse text | where 'starts_with(line, \"no\")'\nonReject=drop": `{"line":"no object"} h=2`,
	} {
		got, w := intercept(t, list(), strings.Split(settings, "\n")...)
		if got != want {
			t.Errorf("%s:\n%s, want\n%s", settings, got, want)
		}
		if n := w.counters.Values()["PipeRejectedCount"]; strings.Contains(want, "no object h=2|") && (n != 2 || !strings.Contains(w.all(), "passed on as it is")) {
			t.Errorf("%d rejected, told %s", n, w.all())
		}
	}
}

// Batches above the engine's size, and calls from several goroutines.
func TestInterceptorConcurrent(t *testing.T) {
	i := configure(t, NewInterceptor, "command=where 'n % 2 == 0' | set m=n+1")
	if err := i.Open(flume.Env{}); err != nil {
		t.Fatal(err)
	}
	var calls sync.WaitGroup
	for g := range 4 {
		calls.Go(func() {
			var list []flume.Event
			for n := range 1000 {
				list = append(list, flume.Event{Headers: flume.Headers{{Key: "g", Value: fmt.Sprint(g)}}, Body: fmt.Appendf(nil, `{"n":%d}`, n)})
			}
			out := i.Intercept(list)
			if len(out) != 500 {
				t.Errorf("%d events", len(out))
				return
			}
			for n, e := range out {
				if want := fmt.Sprintf(`{"n":%d,"m":%d}`, 2*n, 2*n+1); string(e.Body) != want || e.Headers[0].Value != fmt.Sprint(g) {
					t.Errorf("%s %v, want %s", e.Body, e.Headers, want)
					return
				}
			}
		})
	}
	calls.Wait()
}
