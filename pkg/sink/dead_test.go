package sink

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logpipe/logpipe/pkg/broker"
	"github.com/logpipe/logpipe/pkg/channel"
	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/kafka"
)

func deadBodies(texts ...string) []flume.Event {
	var all []flume.Event
	for _, text := range texts {
		all = append(all, flume.Event{Body: []byte(text)})
	}
	return all
}

// An event that no broker takes is kept in a file, and what is behind it goes
// on: with Flume it blocks the sink for ever.
func TestKafkaOversizedEvent(t *testing.T) {
	b, err := broker.Start(t.Context(), broker.Config{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	s := configure(t, NewKafka, "brokerList="+b.Addr()[0], "topic=t", "partitionIdHeader=p", "kafka.producer.max.request.size=1000")
	s.Open(flume.Env{})
	defer s.Close()
	c := configure(t, channel.NewMemory)
	events := deadBodies("first", strings.Repeat("x", 2000), "second", "\xff no partition", "no topic", "no such partition", "last")
	events[3].Headers.Set("p", "many")
	events[4].Headers.Set("topic", "no topic")
	events[5].Headers.Set("p", "77")
	if err := c.Put(t.Context(), events); err != nil {
		t.Fatal(err)
	}
	c.Drain()
	path := filepath.Join(t.TempDir(), "new", "a1-k1.dead.ndjson")
	var told []string
	m := &Member{Name: "k1", Sink: s, Dead: NewDeadLetters(path, "a1", "sink", "k1"), Env: flume.Env{Counters: new(flume.Counters)}}
	defer m.Dead.Close()
	r := NewRunner(c, []*Member{m}, nil, func(format string, args ...any) { told = append(told, fmt.Sprintf(format, args...)) })
	if err := r.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if m.Delivered() != 3 || m.DeadLetters() != 4 || m.Env.Counter("EventDeadLetterCount").Load() != 4 || c.Size() != 0 {
		t.Fatalf("delivered %d, dead %d, left %d: %s", m.Delivered(), m.DeadLetters(), c.Size(), told)
	}
	if len(told) != 1 || !strings.HasSuffix(told[0], "kept in "+path) || !strings.Contains(told[0], "4 events cannot be delivered; the first: ") {
		t.Errorf("told %q", told)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	seen := map[string]string{}
	for _, line := range lines {
		var l deadLetter
		if err := json.Unmarshal([]byte(line), &l); err != nil || l.Agent != "a1" || l.Sink != "k1" {
			t.Fatalf("%v: %s", err, line)
		}
		body := string(l.Base64)
		if l.Body != nil {
			body = *l.Body
		}
		seen[body] = l.Reason
	}
	for body, why := range map[string]string{string(events[1].Body): "the record is too large: 2070 bytes, the limit is 1000",
		"\xff no partition": `header p is not a partition: "many"`, "no topic": `"no topic" cannot be the name of a topic`,
		"no such partition": "has no partition 77"} {
		if !strings.Contains(seen[body], why) {
			t.Errorf("%.20q: %q, want %q", body, seen[body], why)
		}
	}
	consumer, err := kafka.NewConsumer(t.Context(), kafka.Config{Brokers: b.Addr(), Wait: time.Minute}, kafka.ConsumerConfig{Topics: []string{"t"}, From: kafka.Beginning, ExitAtEnd: true})
	if err != nil {
		t.Fatal(err)
	}
	defer consumer.Close()
	var got []string
	for {
		batch, err := consumer.Read(t.Context())
		if err != nil {
			break
		}
		for _, r := range batch.Records {
			got = append(got, string(r.Value))
		}
	}
	if slices.Sort(got); !slices.Equal(got, []string{"first", "last", "second"}) {
		t.Errorf("in the topic: %q, want each once", got)
	}
}

// rejecting is a sink that rejects what begins with x, and fails while broken.
type rejecting struct {
	Null
	broken atomic.Bool
	got    []string
}

func (s *rejecting) Write(_ context.Context, batch []flume.Event) error {
	if s.broken.Load() {
		return errors.New("broken")
	}
	var all []Rejection
	for i, e := range batch {
		if strings.HasPrefix(string(e.Body), "x") {
			all = append(all, Rejection{i, errors.New("begins with x")})
		} else {
			s.got = append(s.got, string(e.Body))
		}
	}
	if len(all) > 0 {
		return &RejectedError{all}
	}
	return nil
}

// A file that cannot be written holds the events back; the others of the batch
// do not come twice.
func TestDeadLettersWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "taken", "dead")
		if err := os.WriteFile(filepath.Dir(path), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		s := &rejecting{Null: Null{batch: 10}}
		m := &Member{Name: "k1", Sink: s, Dead: NewDeadLetters(path, "a1", "sink", "k1")}
		c := configure(t, channel.NewMemory)
		c.Put(t.Context(), deadBodies("a", "x", "b"))
		c.Drain()
		go func() {
			time.Sleep(12 * time.Second)
			os.Remove(filepath.Dir(path))
		}()
		tried := 0
		NewRunner(c, []*Member{m}, nil, func(string, ...any) { tried++ }).Run(t.Context())
		data, _ := os.ReadFile(path)
		if fmt.Sprint(s.got) != "[a b]" || !strings.Contains(string(data), `"body":"x"`) || tried != 4 {
			t.Fatalf("%v, told %d times: %s", s.got, tried, data)
		}
		m.Dead.Close()
		// A line that a crash cut off does not spoil the next one.
		os.WriteFile(path, []byte(`{"half`), 0o644)
		m.Dead.Write(deadBodies("x"), []Rejection{{0, errors.New("again")}})
		data, _ = os.ReadFile(path)
		if !strings.HasPrefix(string(data), "{\"half\n{\"time\":") {
			t.Fatalf("%s", data)
		}
		m.Dead.Close()
	})
}

func processor(t *testing.T, build func(*flume.Properties) Processor, names string, settings ...string) Processor {
	t.Helper()
	p := configure(t, build, settings...)
	if problems := p.Bind(strings.Fields(names)); len(problems) > 0 {
		t.Fatal(problems)
	}
	return p
}

func TestFailoverOrder(t *testing.T) {
	p := processor(t, newFailover, "k1 k2 k3", "priority.k1=5", "priority.k2=10", "maxpenalty=3000")
	now := time.Unix(0, 0)
	steps := []struct {
		tried  int
		failed bool
		after  time.Duration
		want   string
	}{
		{0, false, 0, "[1 0 2]"},
		{1, true, 0, "[0 2]"},
		{1, false, 999 * time.Millisecond, "[1 0 2]"}, // it works again
		{1, true, 0, "[0 2]"},
		{1, true, time.Second, "[0 2]"},     // 1 s, then 2 s
		{1, true, 2 * time.Second, "[0 2]"}, // 3 s, not 4
		{0, true, 2999 * time.Millisecond, "[2]"},
		{2, true, 0, "[]"},
		{0, false, time.Millisecond, "[1 0]"},
	}
	for n, s := range steps {
		now = now.Add(s.after)
		p.Tried(s.tried, s.failed, now)
		if got := fmt.Sprint(p.Order(now)); got != s.want {
			t.Fatalf("step %d: %s, want %s", n, got, s.want)
		}
	}
}

func TestLoadBalanceOrder(t *testing.T) {
	now := time.Unix(0, 0)
	p := processor(t, newLoadBalance, "k1 k2 k3")
	p.Tried(1, true, now)
	if got := fmt.Sprint(p.Order(now), p.Order(now), p.Order(now), p.Order(now)); got != "[0 1 2] [1 2 0] [2 0 1] [0 1 2]" {
		t.Errorf("round robin: %s", got)
	}
	p = processor(t, newLoadBalance, "k1 k2", "backoff=true", "selector.maxTimeOut=1500")
	p.Tried(0, true, now)
	if got := fmt.Sprint(p.Order(now), p.Order(now.Add(time.Second))); got != "[1] [1 0]" {
		t.Errorf("with backoff: %s", got)
	}
	p = processor(t, newLoadBalance, "k1 k2 k3", "selector=RANDOM")
	seen := map[string]bool{}
	for range 200 {
		seen[fmt.Sprint(p.Order(now))] = true
	}
	if len(seen) != 6 {
		t.Errorf("random: %v", seen)
	}
}

func TestProcessorMistakes(t *testing.T) {
	tests := []struct {
		build    func(*flume.Properties) Processor
		settings []string
		want     string
	}{
		{newSingle, nil, "the default processor has one sink, not 2"},
		{newFailover, []string{"priority.k1=a"}, `want a whole number, not "a"`},
		{newFailover, []string{"priority.k1=1", "priority.k2=1"}, "same priority 1"},
		{newFailover, []string{"priority.k3=1"}, "no sink k3"},
	}
	for _, test := range tests {
		problems := configure(t, test.build, test.settings...).Bind([]string{"k1", "k2"})
		if len(problems) != 1 || !strings.Contains(problems[0].Message, test.want) || problems[0].Fix == "" {
			t.Errorf("%v: %v", test.settings, problems)
		}
	}
}

// Flume starts with two sinks of one priority, and delivers.
func TestSamePriority(t *testing.T) {
	f := configure(t, newFailover, "priority.k1=1", "priority.k2=5", "priority.k3=5").(*failover)
	if problems := f.Bind([]string{"k1", "k2", "k3"}); len(problems) != 1 || !problems[0].Harmless {
		t.Errorf("%v, want one that is harmless", problems)
	}
	if want := []int{1, 2, 0}; !slices.Equal(f.order, want) {
		t.Errorf("order %v, want %v", f.order, want)
	}
}

// A group loses nothing when its sinks fail in turn, and keeps its batch when
// all of them do.
func TestGroupDelivers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s1, s2 := &rejecting{Null: Null{batch: 5}}, &rejecting{Null: Null{batch: 3}}
		s1.broken.Store(true)
		m1, m2 := &Member{Name: "k1", Sink: s1}, &Member{Name: "k2", Sink: s2}
		c := configure(t, channel.NewMemory)
		var told []string
		r := NewRunner(c, []*Member{m1, m2}, processor(t, newFailover, "k1 k2", "priority.k1=2", "priority.k2=1"),
			func(format string, args ...any) { told = append(told, fmt.Sprintf(format, args...)) })
		done := make(chan error)
		go func() { done <- r.Run(t.Context()) }()
		c.Put(t.Context(), deadBodies("a", "b", "c", "d"))
		synctest.Wait()
		if got := strings.Join(s2.got, ""); got != "abcd" {
			t.Fatalf("the second sink got %s: %v", got, told)
		}
		s2.broken.Store(true)
		time.Sleep(time.Minute)
		synctest.Wait()
		c.Put(t.Context(), deadBodies("e"))
		synctest.Wait()
		if r.failing.Load() == 0 || c.Size() != 1 {
			t.Fatalf("failing %d, size %d", r.failing.Load(), c.Size())
		}
		s1.broken.Store(false)
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := strings.Join(s1.got, ""); got != "e" || m1.Delivered() != 1 || m2.Delivered() != 4 {
			t.Fatalf("the first sink got %s", got)
		}
		r.Stop()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if told[0] != "sink k1: broken; the batch goes to sink k2" {
			t.Errorf("told %q", told)
		}
	})
}

// Somebody who has looked at the events takes the file away while the sink works:
// the next ones are in a new one.
func TestDeadLettersTakenAway(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dead.ndjson")
	d := NewDeadLetters(path, "a1", "sink", "k1")
	defer d.Close()
	keep := func(body string) {
		t.Helper()
		if err := d.Write(deadBodies(body), []Rejection{{0, errors.New("no")}}); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(path)
		if err != nil || strings.Count(string(text), "\n") != 1 || !strings.Contains(string(text), body) {
			t.Fatalf("%v, the file has %s", err, text)
		}
	}
	keep("first")
	if err := os.Rename(path, path+".seen"); err != nil {
		t.Fatal(err)
	}
	keep("second")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	keep("third")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil { // as logrotate's create
		t.Fatal(err)
	}
	keep("fourth")
}
