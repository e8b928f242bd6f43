package op

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/logpipe/logpipe/pkg/stream"
)

// randomLines writes records that are mostly of one shape, and some of every
// other kind.
func randomLines(n, keys int, seed uint64) string {
	r := rand.New(rand.NewPCG(seed, 1))
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	var b strings.Builder
	for i := range n {
		key := fmt.Sprintf(`"page%d"`, r.IntN(keys))
		clicks, minutes := fmt.Sprint(r.IntN(12)-2), fmt.Sprintf("%.*f", r.IntN(8), r.Float64()*10)
		ts := fmt.Sprint(1772323199264 + int64(i)*40 + r.Int64N(9000) - 4500)
		if r.IntN(12) == 0 {
			key = pick(`null`, `7`, `7.0`, `true`, `"größe"`, `"a\u0000b"`, `"p\u0061ge1"`, `""`, `[1]`, `"a text of more than sixteen bytes"`)
		}
		if r.IntN(12) == 0 {
			clicks = pick(`null`, `"8"`, `1e2`, `123456789012`, `9007199254740993`, `1e300`, `{}`, `0.5`, `12345678901234567890`, `-0`)
		}
		if r.IntN(12) == 0 {
			minutes = pick(`null`, `3`, `false`, `1e-7`, `12345678.123456789`, `"x"`, `-0.0`)
		}
		if r.IntN(20) == 0 {
			ts = pick(`null`, `"2026-03-01T00:00:00Z"`, `"rubbish"`, `1772323199`, `1772323199.25`, `9e300`, `9223372036854775807`)
		}
		switch r.IntN(40) {
		case 0:
			fmt.Fprintf(&b, "{\"ts\":%s,\"page\":%s}\n", ts, key)
		case 1:
			fmt.Fprintf(&b, " { \"page\" : %s , \"clicks\": %s,\"minutes\":%s,\"ts\":%s} \n", key, clicks, minutes, ts)
		case 2:
			b.WriteString(pick("{\"page\":\"x\",\"clicks\":01,\"minutes\":1,\"ts\":1}\n", "rubbish\n", "\n", "{}\n", "{\"page\":\"cut\n"))
		default:
			fmt.Fprintf(&b, "{\"page\":%s,\"clicks\":%s,\"minutes\":%s,\"ts\":%s,\"more\":%d}\n", key, clicks, minutes, ts, i)
		}
	}
	return b.String()
}

// TestColumnsFoldAsRecords folds the same records read as columns, and as
// records behind a stage that changes nothing.
func TestColumnsFoldAsRecords(t *testing.T) {
	for _, words := range []string{
		"count sum(clicks)",
		"--by page count sum(clicks) avg(minutes) h=sum(0.8*clicks+0.8*minutes+1)",
		"--by page,clicks count m=max(minutes) d=distinct(page)",
		"--by page n=count(clicks) p50(minutes) p99(clicks) distinct(clicks) stddev(minutes)",
		"--by page first(clicks) last(page) topk(clicks,3)",
		"--by page a=sum(clicks-minutes) b=sum(2*clicks) c=sum(-1*minutes) e=sum(lower(page))",
		"--by page.x count sum(a.b)",
		"--by page --window 1m --time ts count sum(clicks) x=sum(clicks-2*minutes)",
		"--by page,clicks --window 1m --slide 20s --lateness 3s --time ts count max(page) first(minutes)",
		"--window 10s count last(minutes) p90(clicks)",
		"--by page --window 30s --time ts --late=file=late count",
	} {
		for _, keys := range []int{20, 300_000} { // the second: more groups than a worker keeps
			n := 3000
			if keys > n {
				n = 50_000
			}
			if keys > 20 && strings.Contains(words, "--window") {
				continue
			}
			input := randomLines(n, keys, uint64(keys))
			columns := func() []stream.Stage { return []stream.Stage{buildStage(t, Aggregate, strings.Fields(words)...)} }
			records := func() []stream.Stage {
				return []stream.Stage{buildStage(t, Where, "true"), buildStage(t, Aggregate, strings.Fields(words)...)}
			}
			want := runStages(t, input, 2, 1<<20, records()...)
			var got outcome
			if keys == 20 {
				got = everyWay(t, input, columns)
			} else {
				got = runStages(t, input, 1, 1<<20, columns()...)
			}
			if got.out != want.out {
				t.Errorf("%s, %d keys:\n%s---\n%s", words, keys, head20(got.out), head20(want.out))
			}
			if fmt.Sprint(got.errs) != fmt.Sprint(want.errs) || got.ledger != want.ledger {
				t.Errorf("%s: %v, not %v", words, got.ledger, want.ledger)
			}
			if fmt.Sprint(got.files) != fmt.Sprint(want.files) {
				t.Errorf("%s: other late records", words)
			}
		}
	}
}

// TestKeysOfManyGroupsAndFewValues passes the number of groups that a worker
// keeps, so slowly that it goes on with new ones of its own.
func TestKeysOfManyGroupsAndFewValues(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	var b strings.Builder
	count := map[string]int{}
	for i := range 250_000 {
		most := 50 + i/1000
		row := fmt.Sprintf("{\"x\":\"x%d\",\"y\":%d", r.IntN(most), r.IntN(most))
		count[row]++
		b.WriteString(row + "}\n")
	}
	for _, first := range [][]stream.Stage{nil, {buildStage(t, Where, "true")}} {
		got := runStages(t, b.String(), 1, 1<<20, append(first, buildStage(t, Aggregate, "--by", "x,y", "n=count"))...)
		rows := strings.SplitAfter(strings.TrimSpace(got.out), "\n")
		if len(rows) != len(count) {
			t.Errorf("%d groups, not %d", len(rows), len(count))
		}
		for _, row := range rows {
			key, n, _ := strings.Cut(strings.TrimSpace(row), ",\"n\":")
			if n != fmt.Sprintf("%d}", count[key]) {
				t.Fatalf("%s: %s, not %d", key, n, count[key])
			}
		}
	}
}
