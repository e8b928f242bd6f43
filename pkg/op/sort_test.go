package op

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/record"
	"github.com/logpipe/logpipe/pkg/stream"
)

func TestSort(t *testing.T) {
	kinds := []string{`{"a":[1]}`, `{"a":"b"}`, `{"a":2}`, `{"a":true}`, `{"b":1}`, `{"a":{"x":1}}`, `{"a":"a"}`, `{"a": 1.5}`, `{"a":false}`, `{"a":-3}`, `{"a":null}`, `{"a":""}`}
	up := []string{`{"b":1}`, `{"a":null}`, `{"a":false}`, `{"a":true}`, `{"a":-3}`, `{"a": 1.5}`, `{"a":2}`, `{"a":""}`, `{"a":"a"}`, `{"a":"b"}`, `{"a":{"x":1}}`, `{"a":[1]}`}
	down := slices.Clone(up)
	slices.Reverse(down)
	down[10], down[11] = down[11], down[10] // null and absent are equal: input order
	pairs := []string{`{"a":1,"b":1}`, `{"a":2,"b":1}`, `{"a":1,"b":2}`, `{"a":2,"b":2}`}
	order := func(list ...int) (out []string) {
		for _, i := range list {
			out = append(out, pairs[i])
		}
		return out
	}
	checkCases(t, Sort, []opCase{
		{name: "kinds", words: []string{"a"}, in: kinds, want: up},
		{name: "reverse is stable", words: []string{"--reverse", "a"}, in: kinds, want: down},
		{name: "one field round", words: []string{"a:desc", "b"}, in: pairs, want: order(1, 3, 0, 2)},
		{name: "all but one round", words: []string{"--reverse", "a", "b:asc"}, in: pairs, want: order(1, 3, 0, 2)},
		{name: "input order among equals", words: []string{"b"}, in: pairs, want: order(0, 1, 2, 3)},
		{name: "path", words: []string{"x.y:desc"}, in: []string{`{"x":{"y":1}}`, `{"x":{"y":2}}`}, want: []string{`{"x":{"y":2}}`, `{"x":{"y":1}}`}},
		{name: "odd name", words: []string{"['a:desc']"}, in: []string{`{"a:desc":2}`, `{"a:desc":1}`}, want: []string{`{"a:desc":1}`, `{"a:desc":2}`}},
		{name: "large integers", words: []string{"n"}, in: []string{`{"n":9007199254740993}`, `{"n":9007199254740992}`, `{"n":9.007199254740992e15}`, `{"n":-9007199254740993}`, `{"n":-9007199254740992}`},
			want: []string{`{"n":-9007199254740993}`, `{"n":-9007199254740992}`, `{"n":9007199254740992}`, `{"n":9.007199254740992e15}`, `{"n":9007199254740993}`}},
		{name: "bytes stay", words: []string{"a"}, in: []string{` {"a": "\u0062" } `, `{"a":"a\n"}`}, want: []string{`{"a":"a\n"}`, `{"a": "\u0062" }`}},
	})
	checkRefused(t, Sort, nil, []string{""}, []string{"a[x]"}, []string{":desc"})
}

func TestSortManyAgreesWithCompare(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	values := []string{`null`, `true`, `false`, `0`, `-1`, `1e300`, `"abcdefg"`, `"abcdefgh"`, `"abcdefgi"`, `"abc\u0000"`, `"abc"`, `"é"`, `0.1`, `0.10000000000000001`, `-0.5`}
	var b strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&b, "{\"a\":%s,\"i\":%d}\n", values[rnd.IntN(len(values))], i)
	}
	o := everyWay(t, b.String(), func() []stream.Stage { return []stream.Stage{buildStage(t, Sort, "a")} })
	lines := strings.Split(strings.TrimSpace(o.out), "\n")
	batch := oneBatch(t, lines...)
	a, i := record.FlatField("a"), record.FlatField("i")
	for k := 1; k < len(batch.Records); k++ {
		x, y := batch.Records[k-1], batch.Records[k]
		c := record.Compare(x.Get(a), y.Get(a))
		if c > 0 || c == 0 && x.Get(i).Int() > y.Get(i).Int() {
			t.Fatalf("%s before %s", lines[k-1], lines[k])
		}
	}
	if len(lines) != 2000 {
		t.Errorf("%d lines", len(lines))
	}
}

func TestSortRefusesOtherEndings(t *testing.T) {
	for _, word := range []string{"a:foo", "a:", "a:num:desc", "ns:a"} {
		if _, err := Sort.New().Build([]string{word}); fault.CodeOf(err) != fault.Usage || !strings.Contains(fault.HintOf(err), "['") {
			t.Errorf("%s: %v, hint %q", word, err, fault.HintOf(err))
		}
	}
	in := "{\"a:b\":1}\n{\"a:b\":2}\n"
	if o := runStages(t, in, 1, 1, buildStage(t, Sort, "['a:b']:desc")); o.out != "{\"a:b\":2}\n{\"a:b\":1}\n" {
		t.Errorf("got %q", o.out)
	}
}

func TestSortFeedsOtherStages(t *testing.T) {
	in := "{\"a\":3}\n{\"a\":1}\n{\"a\":2}\n"
	o := runStages(t, in, 2, 3, buildStage(t, Set, "b=a*2"), buildStage(t, Sort, "b:desc"), buildStage(t, Where, "b > 2"), buildStage(t, Head, "1"))
	if o.out != "{\"a\":3,\"b\":6}\n" {
		t.Errorf("got %q", o.out)
	}
}

func TestHoldingTellsWhatWaits(t *testing.T) {
	for _, c := range []struct {
		stage stream.Stage
		want  string
		flag  string // what changes it
	}{
		{buildStage(t, Sort, "a"), "sort holds 2 records", "top --by"},
		{buildStage(t, Table), "table holds 2 rows", ""},
		{buildStage(t, Top), "top ranks 2 records", "aggregate --window 1m or --emit every=2s"},
	} {
		op, err := c.stage.(stream.Serial).Serial(&stream.Env{})
		if err != nil {
			t.Fatal(err)
		}
		h := op.(interface{ Holding() string })
		if got := h.Holding(); got != "" {
			t.Errorf("without input: %q", got)
		}
		if err := op.Process(oneBatch(t, `{"a":1}`, `{"a":2}`), nowhere); err != nil {
			t.Fatal(err)
		}
		if got := h.Holding(); !strings.HasPrefix(got, c.want) || !strings.Contains(got, c.flag) {
			t.Errorf("got %q, want %q and %q", got, c.want, c.flag)
		}
	}
}

func BenchmarkSort(b *testing.B) {
	lines := accessLines(100_000)
	rnd := rand.New(rand.NewPCG(1, 2))
	rnd.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
	batch := oneBatch(b, lines...)
	for _, field := range []string{"bytes", "path"} {
		b.Run(field, func(b *testing.B) {
			for b.Loop() {
				op, err := plainStage(b, Sort, field).(stream.Serial).Serial(&stream.Env{})
				if err != nil {
					b.Fatal(err)
				}
				if err := op.Process(batch, nowhere); err != nil {
					b.Fatal(err)
				}
				if err := op.Flush(nowhere); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
