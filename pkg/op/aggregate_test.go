package op

import (
	"fmt"
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

// TestSnapshotsCountOnce reads running aggregates while workers move their groups
// to the shared tables.
func TestSnapshotsCountOnce(t *testing.T) {
	folder, err := buildStage(t, Aggregate, "--by", "k", "count", "--emit", "every=1h").(stream.Fold).Fold(&stream.Env{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	fold := folder.(*tickingGroupFold)
	const workers, each, looks = 2, 120_000, 40
	var given atomic.Int64
	var running sync.WaitGroup
	more := make(chan struct{}, 1)
	for range workers {
		w := fold.Worker()
		running.Go(func() {
			scanner, b := record.NewScanner(), stream.NewBatch()
			for i := 0; i < each; {
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
				select {
				case more <- struct{}{}:
				default:
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { running.Wait(); close(done) }()
	// Looks without a pause would hold the workers up: each goes over all groups.
	for next, ended := int64(0), false; !ended; {
		select {
		case <-done:
			ended = true
		case <-more:
			if given.Load() < next {
				continue
			}
			next += workers * each / looks
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
