package op

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/option"
	"github.com/logpipe/logpipe/pkg/record"
	"github.com/logpipe/logpipe/pkg/state"
	"github.com/logpipe/logpipe/pkg/stream"
)

type memorySink struct{ bytes.Buffer }

func (m *memorySink) Write(_ context.Context, b []byte) error { m.Buffer.Write(b); return nil }
func (m *memorySink) Close(context.Context) error             { return nil }

type memoryFiles map[string]*bytes.Buffer

func (m memoryFiles) Append(name string) (io.Writer, error) {
	if m[name] == nil {
		m[name] = new(bytes.Buffer)
	}
	return m[name], nil
}

// buildStage makes the stage of a definition from options and words.
func buildStage(t *testing.T, d Definition, words ...string) stream.Stage {
	t.Helper()
	b := d.New()
	var set option.Set
	b.Options(&set)
	var args []string
	for i := 0; i < len(words); i++ {
		name, value, given := strings.Cut(strings.TrimPrefix(words[i], "--"), "=")
		o := set.Lookup(name)
		if !strings.HasPrefix(words[i], "--") || o == nil {
			args = append(args, words[i])
			continue
		}
		if !given && o.Bare != "" {
			value = o.Bare
		} else if !given {
			i++
			value = words[i]
		}
		if err := o.Value.Set(value); err != nil {
			t.Fatal(err)
		}
	}
	s, err := b.Build(args)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// chunked gives its input in pieces, so that blocks are cut in many ways.
type chunked struct {
	r    io.Reader
	size int
}

func (c chunked) Read(p []byte) (int, error) { return c.r.Read(p[:min(len(p), c.size)]) }

type outcome struct {
	out    string
	ledger stream.Ledger
	errs   []string
	files  memoryFiles
}

func runStages(t *testing.T, input string, workers, chunk int, stages ...stream.Stage) outcome {
	t.Helper()
	o := outcome{files: memoryFiles{}}
	sink := &memorySink{}
	l, err := stream.Run(context.Background(),
		stream.Pipeline{Source: stream.NewReader(chunked{strings.NewReader(input), chunk}, "", stream.FramerOf(stages)), Stages: stages, Sink: sink},
		stream.Options{Workers: workers, Env: &stream.Env{Now: time.Now, Files: o.files}, OnReject: func(r stream.Rejection) error {
			o.errs = append(o.errs, fmt.Sprintf("%d: %v", r.Num, r.Err))
			return nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	o.out, o.ledger = sink.String(), l
	return o
}

// everyWay runs the stages with different workers and blocks and fails where
// the outcome differs.
func everyWay(t *testing.T, input string, stages func() []stream.Stage) outcome {
	t.Helper()
	first := runStages(t, input, 1, 1<<20, stages()...)
	for _, w := range []int{1, 3} {
		for _, chunk := range []int{100, 3000} {
			got := runStages(t, input, w, chunk, stages()...)
			if got.out != first.out {
				t.Fatalf("%d workers, pieces of %d: output differs:\n%s\n---\n%s", w, chunk, head20(got.out), head20(first.out))
			}
			if fmt.Sprint(got.errs) != fmt.Sprint(first.errs) || got.ledger != first.ledger {
				t.Fatalf("%d workers, pieces of %d: %v %v, want %v %v", w, chunk, got.ledger, got.errs, first.ledger, first.errs)
			}
		}
	}
	return first
}

func head20(s string) string {
	lines := strings.SplitAfter(s, "\n")
	return strings.Join(lines[:min(20, len(lines))], "")
}

func TestAggregateFunctions(t *testing.T) {
	input := `{"k":"b","v":3}
{"k":"a","v":1.5}
{"k":"b","v":"x"}
{"k":1,"v":2}
{"k":1.0,"v":4}
{"v":7}
{"k":null,"v":null}
`
	got := everyWay(t, input, func() []stream.Stage {
		return []stream.Stage{buildStage(t, Aggregate, "--by", "k", "count", "n=count(v)", "sum(v)", "min(v)", "max(v)", "first(v)", "last(v)", "p50(v)", "distinct(v)", "topk(v,1)")}
	})
	want := `{"k":null,"count":2,"n":1,"sum_v":7,"min_v":7,"max_v":7,"first_v":7,"last_v":7,"p50_v":7,"distinct_v":1,"topk_v":[{"value":7,"count":1}]}
{"k":1,"count":2,"n":2,"sum_v":6,"min_v":2,"max_v":4,"first_v":2,"last_v":4,"p50_v":2,"distinct_v":2,"topk_v":[{"value":2,"count":1}]}
{"k":"a","count":1,"n":1,"sum_v":1.5,"min_v":1.5,"max_v":1.5,"first_v":1.5,"last_v":1.5,"p50_v":1.5,"distinct_v":1,"topk_v":[{"value":1.5,"count":1}]}
{"k":"b","count":2,"n":2,"sum_v":3,"min_v":3,"max_v":"x","first_v":3,"last_v":"x","p50_v":3,"distinct_v":2,"topk_v":[{"value":3,"count":1}]}
`
	if got.out != want {
		t.Errorf("got\n%swant\n%s", got.out, want)
	}
	if got.ledger.Values != 2 { // "x" for sum and for p50
		t.Errorf("refused values: %d", got.ledger.Values)
	}
}

func TestAggregateOfNothing(t *testing.T) {
	if got := runStages(t, "", 2, 100, buildStage(t, Aggregate, "count", "sum(x)")); got.out != "{\"count\":0,\"sum_x\":null}\n" {
		t.Errorf("without groups: %q", got.out)
	}
	if got := runStages(t, "", 2, 100, buildStage(t, Aggregate, "--by", "k", "count")); got.out != "" {
		t.Errorf("with groups: %q", got.out)
	}
	if got := runStages(t, "", 2, 100, buildStage(t, Aggregate, "--window", "1m", "count")); got.out != "" {
		t.Errorf("with windows: %q", got.out)
	}
}

func TestAggregateManyGroups(t *testing.T) {
	var in strings.Builder
	n := 3*maxLocal + 17
	for i := range 2 * n {
		fmt.Fprintf(&in, "{\"k\":%d,\"v\":%d}\n", i%n, i)
	}
	for _, workers := range []int{1, 3} {
		got := runStages(t, in.String(), workers, 1<<20, buildStage(t, Aggregate, "--by", "k", "count", "sum(v)"))
		lines := strings.Split(strings.TrimSpace(got.out), "\n")
		if len(lines) != n {
			t.Fatalf("%d groups, want %d", len(lines), n)
		}
		for i, l := range lines {
			if want := fmt.Sprintf(`{"k":%d,"count":2,"sum_v":%d}`, i, i+i+n); l != want {
				t.Fatalf("row %d: %s, want %s", i, l, want)
			}
		}
	}
}

// reference computes windows the slow way, record by record.
func reference(times []int64, size, slide, lateness int64) (rows string, late int) {
	counts := map[int64]int{}
	maxTime := int64(-1 << 62)
	floor := func(a, b int64) int64 { return a - ((a%b)+b)%b }
	for _, t := range times {
		wm := maxTime - lateness
		n := 0
		for s := floor(t, slide); s+size > t; s -= slide {
			if s+size > wm {
				counts[s]++
				n++
			}
		}
		if n == 0 {
			late++
		}
		maxTime = max(maxTime, t)
	}
	var starts []int64
	for s := range counts {
		starts = append(starts, s)
	}
	sort.Slice(starts, func(i, j int) bool { return starts[i] < starts[j] })
	var b strings.Builder
	for _, s := range starts {
		fmt.Fprintf(&b, "{\"window_start\":%q,\"window_end\":%q,\"count\":%d}\n",
			time.UnixMilli(s).UTC().Format(time.RFC3339), time.UnixMilli(s+size).UTC().Format(time.RFC3339), counts[s])
	}
	return b.String(), late
}

func TestWindowsAgreeWithTheSlowWay(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, c := range []struct{ size, slide, lateness, jitter int64 }{
		{10, 10, 0, 3}, {10, 10, 5, 3}, {60, 10, 0, 30}, {60, 25, 7, 90}, {1, 1, 0, 0}, {30, 7, 100, 200},
	} {
		var in strings.Builder
		var times []int64
		for i := range 4000 {
			ms := 1772323200000 + int64(i)*137 - int64(r.Float64()*float64(c.jitter*1000))
			times = append(times, ms)
			fmt.Fprintf(&in, "{\"ts\":%d}\n", ms)
		}
		want, late := reference(times, c.size*1000, c.slide*1000, c.lateness*1000)
		got := everyWay(t, in.String(), func() []stream.Stage {
			return []stream.Stage{buildStage(t, Aggregate, "--window", fmt.Sprint(c.size, "s"), "--slide", fmt.Sprint(c.slide, "s"), "--lateness", fmt.Sprint(c.lateness, "s"), "count")}
		})
		if got.out != want {
			t.Errorf("%+v:\ngot\n%swant\n%s", c, head20(got.out), head20(want))
		}
		if got.ledger.Late != int64(late) {
			t.Errorf("%+v: late %d, want %d", c, got.ledger.Late, late)
		}
	}
}

func TestWindowsRejectAndKeepLateRecords(t *testing.T) {
	input := `{"time":"2026-03-01T10:00:01Z","n":1}
{"n":2}
{"time":"soon","n":3}
{"time":"2026-03-01T10:02:00Z","n":4}
{"time":"2026-03-01T10:00:59Z","n":5}
`
	got := everyWay(t, input, func() []stream.Stage {
		return []stream.Stage{buildStage(t, Aggregate, "--window", "1m", "--late", "file=late.json", "sum(n)")}
	})
	if want := `{"window_start":"2026-03-01T10:00:00Z","window_end":"2026-03-01T10:01:00Z","sum_n":1}
{"window_start":"2026-03-01T10:02:00Z","window_end":"2026-03-01T10:03:00Z","sum_n":4}
`; got.out != want {
		t.Errorf("got\n%s", got.out)
	}
	wantErrs := []string{`2: no event time: no field "time"`, `3: no event time: field "time" holds "soon"`,
		`5: late: its event time is 1m1s behind the latest, its window has ended`}
	if fmt.Sprint(got.errs) != fmt.Sprint(wantErrs) {
		t.Errorf("errors %q", got.errs)
	}
	if l := got.files["late.json"].String(); l != `{"time":"2026-03-01T10:00:59Z","n":5}`+"\n" {
		t.Errorf("late file %q", l)
	}
}

func TestWindowRowsLeaveAtTheWatermark(t *testing.T) {
	in, out := io.Pipe()
	lines := make(chan string, 10)
	done := make(chan error)
	go func() {
		_, err := stream.Run(context.Background(), stream.Pipeline{Source: stream.NewReader(in, "", nil),
			Stages: []stream.Stage{buildStage(t, Aggregate, "--window", "1m", "count")}, Sink: sinkFunc(func(b []byte) { lines <- string(b) })},
			stream.Options{Workers: 2, Env: &stream.Env{Now: time.Now}})
		done <- err
	}()
	io.WriteString(out, `{"ts":1772323200}`+"\n")
	io.WriteString(out, `{"ts":1772323260}`+"\n")
	if got, want := <-lines, `{"window_start":"2026-03-01T00:00:00Z","window_end":"2026-03-01T00:01:00Z","count":1}`+"\n"; got != want {
		t.Errorf("got %s", got)
	}
	out.Close()
	<-lines
	if err := <-done; err != nil {
		t.Error(err)
	}
}

type sinkFunc func([]byte)

func (f sinkFunc) Write(_ context.Context, b []byte) error { f(b); return nil }
func (f sinkFunc) Close(context.Context) error             { return nil }

func TestArrivalWindowsAndRunningRowsLeaveByTheClock(t *testing.T) {
	for _, words := range [][]string{{"--window", "50ms", "--time", "now", "count"}, {"--emit", "every=20ms", "count"}} {
		in, out := io.Pipe()
		lines := make(chan string, 100)
		done := make(chan error)
		go func() {
			_, err := stream.Run(context.Background(), stream.Pipeline{Source: stream.NewReader(in, "", nil),
				Stages: []stream.Stage{buildStage(t, Aggregate, words...)}, Sink: sinkFunc(func(b []byte) { lines <- string(b) })},
				stream.Options{Workers: 2, Env: &stream.Env{Now: time.Now}})
			done <- err
		}()
		io.WriteString(out, "{\"n\":1}\n")
		if got := <-lines; !strings.Contains(got, `"count":1}`) {
			t.Errorf("%v: %s", words, got)
		}
		out.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func TestAggregateUsage(t *testing.T) {
	for _, words := range [][]string{
		{"--slide", "1s", "count"}, {"--window", "1s", "--slide", "2s"}, {"sum"}, {"sum(a+b)"}, {"p101(x)"}, {"nope(x)"}, {"count", "count"},
		{"--by", "count", "count"}, {"topk(x)"}, {"--emit", "never"}, {"--emit", "every=1s", "--window", "1m"}, {"--late", "keep", "--window", "1m"}, {"sum(x"},
	} {
		b := Aggregate.New()
		var set option.Set
		b.Options(&set)
		var args []string
		for i := 0; i < len(words); i++ {
			if o := set.Lookup(strings.TrimPrefix(words[i], "--")); o != nil && strings.HasPrefix(words[i], "--") {
				if err := o.Value.Set(words[i+1]); err != nil {
					t.Fatal(err)
				}
				i++
				continue
			}
			args = append(args, words[i])
		}
		if _, err := b.Build(args); err == nil {
			t.Errorf("%q: accepted", words)
		}
	}
}

// TestAggregateHints holds what is said to who wrote something else.
func TestAggregateHints(t *testing.T) {
	for _, c := range []struct{ word, hint string }{
		{"summ(a)", "did you mean sum?"}, {"SUM(a)", "did you mean sum?"}, {"mean(a)", "did you mean avg?"},
		{"approx_p98x(a)", "did you mean approx_p90?"}, {"frobnicate(a)", "there are count, sum, avg, stddev, min, max, first, last, distinct, " +
			"p50 … p99.9, approx_distinct, approx_p50 … approx_p99.9, topk"},
	} {
		if _, err := parseAggregates([]string{c.word}); fault.HintOf(err) != c.hint {
			t.Errorf("%s: %v, hint %q, want %q", c.word, err, fault.HintOf(err), c.hint)
		}
	}
	for _, c := range []struct{ words, hint string }{
		{"count count", "name one of them: 'NAME=count'"}, {"x=sum(a) x=avg(b)", "name one of them: 'NAME=avg(b)'"},
	} {
		if _, err := parseAggregates(strings.Fields(c.words)); fault.HintOf(err) != c.hint {
			t.Errorf("%s: %v, hint %q, want %q", c.words, err, fault.HintOf(err), c.hint)
		}
	}
}

// TestGroupKeysAreValues holds that one value is one group, however it is
// written and by whichever path its key comes.
func TestGroupKeysAreValues(t *testing.T) {
	input := `{"k":"page"}
{"k":"p\u0061ge"}
{"k":"größe"}
{"k":"gr\u00f6\u00dfe"}
{"k":"a\u0000b"}
{"k":"a\u0000b"}
{"k":1}
{"k":1.0}
{"k":"1"}
{"k":true}
{"k":{"a":1}}
{"k":""}
`
	for _, by := range []string{"k", "k,k2"} {
		got := everyWay(t, input, func() []stream.Stage { return []stream.Stage{buildStage(t, Aggregate, "--by", by, "n=count")} })
		var counts []string
		for _, l := range strings.Split(strings.TrimSpace(got.out), "\n") {
			counts = append(counts, l[strings.LastIndex(l, ":")+1:len(l)-1])
		}
		if want := "1 2 1 1 2 2 2 1"; strings.Join(counts, " ") != want {
			t.Errorf("--by %s: counts %v, want %s:\n%s", by, counts, want, got.out)
		}
	}
}

// TestPositionsBehindOtherStages holds that first and last see records in the
// order in which they come, as they would behind a pipe.
func TestPositionsBehindOtherStages(t *testing.T) {
	for _, c := range []struct {
		in     string
		stages func() []stream.Stage
		want   string
	}{
		{"{\"a\":3}\n{\"a\":1}\n{\"a\":2}\n", func() []stream.Stage {
			return []stream.Stage{buildStage(t, Sort, "a"), buildStage(t, Aggregate, "first(a)", "last(a)")}
		}, "{\"first_a\":1,\"last_a\":3}\n"},
		{"{\"l\":\"a b c\"}\n", func() []stream.Stage {
			return []stream.Stage{buildStage(t, Each, "w=split(l)"), buildStage(t, Aggregate, "first(w)", "last(w)")}
		}, "{\"first_w\":\"a\",\"last_w\":\"c\"}\n"},
	} {
		if got := everyWay(t, c.in, c.stages); got.out != c.want {
			t.Errorf("got %s, want %s", got.out, c.want)
		}
	}
	now := runStages(t, "{\"a\":1}\n", 2, 100, buildStage(t, Sort, "a"), buildStage(t, Aggregate, "--window", "1m", "--time", "now", "count"))
	if year := time.Now().UTC().Format("2006"); !strings.Contains(now.out, `"window_start":"`+year) {
		t.Errorf("arrival behind sort: %s", now.out)
	}
}

// TestTimesAtTheBorders holds that times whose windows have no borders are
// rejected, and that many windows cost no more than their number.
func TestTimesAtTheBorders(t *testing.T) {
	in := `{"time":-9223372036854775808}
{"time":"1677-09-21T00:12:44Z"}
{"time":9223372036854775807}
{"time":"2026-03-01T10:00:00Z"}
`
	for _, words := range [][]string{{"--window", "10s"}, {"--window", "10s", "--slide", "3s"}, {"--window", "365d"}} {
		got := everyWay(t, in, func() []stream.Stage { return []stream.Stage{buildStage(t, Aggregate, append(words, "count")...)} })
		if got.ledger.Rejected != 3 || !strings.Contains(got.out, `"count":1}`) {
			t.Errorf("%v: %+v %s %v", words, got.ledger, got.out, got.errs)
		}
	}
	var many strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&many, "{\"ts\":%d}\n", 1772323200+i)
	}
	begun := time.Now()
	got := runStages(t, many.String(), 2, 1<<20, buildStage(t, Aggregate, "--window", "1s", "count"))
	if got.ledger.Out != 100_000 || time.Since(begun) > 10*time.Second {
		t.Errorf("%d windows in %v", got.ledger.Out, time.Since(begun))
	}
}

// TestSnapshotsCountOnce reads running aggregates while workers move their groups
// to the shared tables.
func TestSnapshotsCountOnce(t *testing.T) {
	folder, err := buildStage(t, Aggregate, "--by", "k", "count", "--emit", "every=1h").(stream.Fold).Fold(&stream.Env{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	fold := folder.(*tickingGroupFold)
	var given atomic.Int64
	var workers sync.WaitGroup
	for range 2 {
		w := fold.Worker()
		workers.Go(func() {
			scanner, b := record.NewScanner(), stream.NewBatch()
			for i := 0; i < 400_000; {
				b.Reset()
				for range stream.BatchSize {
					r := b.New()
					r.Reset(nil, &b.Arena)
					// Ever new keys, so slowly that the worker goes on with groups of its own.
					if _, err := scanner.Scan(padded(fmt.Sprintf("{\"k\":%d}\n", i/3)), 0, r); err != nil {
						t.Error(err)
						return
					}
					i++
				}
				given.Add(int64(len(b.Records)))
				if err := w.Process(b, func() {}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { workers.Wait(); close(done) }()
	for ended := false; !ended; {
		select {
		case <-done:
			ended = true
		default:
		}
		counted := int64(0)
		for _, g := range fold.snapshot() {
			for i := range uint32(g.Table.Len()) {
				counted += g.Columns[0].(*state.Count).Result(i).Int()
			}
		}
		if most := given.Load(); counted > most {
			t.Fatalf("%d records are counted of %d", counted, most)
		}
	}
}
