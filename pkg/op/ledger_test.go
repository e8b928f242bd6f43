package op

import (
	"fmt"
	"strings"
	"testing"

	"github.com/logpipe/logpipe/pkg/stream"
)

// TestRecordsAddUp runs pipelines of all operators over input with lines of all kinds:
// each record that came in is accounted for, whatever becomes of it and whoever ends
// the run.
func TestRecordsAddUp(t *testing.T) {
	var in strings.Builder
	for i := range 5000 {
		switch i % 50 {
		case 7:
			in.WriteString("\n")
		case 21:
			in.WriteString("no record\n")
		default:
			fmt.Fprintf(&in, `{"n":%d,"k":"%d","time":%d,"list":[%s]}`+"\n", i, i%7, 1_700_000_000+i-i%3*i%100, strings.Repeat("1,", i%3)+"2")
		}
	}
	type words []string
	list := map[string]func() stream.Stage{}
	for name, c := range map[string]struct {
		d Definition
		w words
	}{
		"parse": {Parse, words{"json"}}, "where": {Where, words{"n >= 100"}}, "where odd": {Where, words{"n % 2 == 1"}},
		"select": {Select, words{"n", "k", "time"}}, "set": {Set, words{"m=n*2"}}, "drop": {Drop, words{"list"}},
		"rename": {Rename, words{"x=k"}}, "each": {Each, words{"e=list"}}, "each none": {Each, words{"e=nothing"}},
		"head": {Head, words{"300"}}, "head 0": {Head, words{"0"}}, "sort": {Sort, words{"n:desc"}},
		"table": {Table, nil}, "csv": {Table, words{"--csv", "n", "k"}}, "all csv": {Table, words{"--csv"}},
		"count": {Aggregate, words{"--by", "k", "count"}}, "count n": {Aggregate, words{"--by", "n", "count"}},
		"sum": {Aggregate, words{"count", "sum(n)"}}, "window": {Aggregate, words{"--window", "1m", "--by", "k", "count"}},
		"slide": {Aggregate, words{"--window", "5m", "--slide", "1m", "--lateness", "10s", "count"}},
		"top":   {Top, words{"3", "--by", "n"}}, "top count": {Top, words{"2", "--by", "count"}}, "top per": {Top, words{"2", "--by", "n", "--per", "k"}},
		"top key": {Top, words{"2", "--by", "n", "--key", "k"}},
	} {
		list[name] = func() stream.Stage { return buildStage(t, c.d, c.w...) }
	}
	for _, pipe := range []string{
		"parse", "where", "where|where odd", "where|where odd|head", "select|set|drop|rename", "each", "each none", "each|head", "each|where odd|sort|head",
		"head", "head 0", "where|head 0", "sort", "sort|head", "sort|where odd|top", "table", "csv", "all csv", "csv|head", "where|table",
		"count", "count n", "count n|head", "sum", "window", "slide", "window|top count", "slide|sort|head", "count n|top count", "count n|top count|count",
		"top", "top per", "top key", "top|head 0", "where odd|window|where odd", "window|sum", "each|window|count", "parse|where|parse|count", "sort|each|count",
		"head|table", "sort|sort|sort", "head|count", "each none|sum",
	} {
		t.Run(pipe, func(t *testing.T) {
			for _, workers := range []int{1, 4} {
				for _, chunk := range []int{300, 1 << 20} {
					var stages []stream.Stage
					for _, name := range strings.Split(pipe, "|") {
						stages = append(stages, list[name]())
					}
					l := runStages(t, in.String(), workers, chunk, stages...).ledger // says what does not add up
					if l.In+l.Made != l.Out+l.Rejected+l.Late+l.Dropped+l.Folded+l.Again+l.Open {
						t.Errorf("%d workers, pieces of %d: %+v", workers, chunk, l)
					}
				}
			}
		})
	}
}
