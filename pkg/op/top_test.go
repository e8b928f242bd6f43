package op

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/logpipetest"
	"github.com/logpipe/logpipe/pkg/stream"
)

func TestTop(t *testing.T) {
	rows := []string{`{"c":"x","n":3,"m":1}`, `{"c":"y","n":9.5,"m":2}`, `{"c":"x","n":5,"m":3}`, `{"c":"y","n":null,"m":4}`, `{"c":"z","n":"text","m":5}`}
	end := func(w, rest string) string { return `{"window_end":"2026-05-01T` + w + `",` + rest }
	checkCases(t, Top, []opCase{
		{name: "by the last number of the first record", words: []string{"2"}, in: rows, want: []string{
			`{"c":"z","n":"text","m":5,"rank":1}`, `{"c":"y","n":null,"m":4,"rank":2}`}},
		{name: "order of sort", words: []string{"--by=n"}, in: rows, want: []string{
			`{"c":"z","n":"text","m":5,"rank":1}`, `{"c":"y","n":9.5,"m":2,"rank":2}`, `{"c":"x","n":5,"m":3,"rank":3}`,
			`{"c":"x","n":3,"m":1,"rank":4}`, `{"c":"y","n":null,"m":4,"rank":5}`}},
		{name: "per group", words: []string{"1", "--by=m", "--per=c"}, in: rows, want: []string{
			`{"c":"x","n":5,"m":3,"rank":1}`, `{"c":"y","n":null,"m":4,"rank":1}`, `{"c":"z","n":"text","m":5,"rank":1}`}},
		{name: "groups are equal by value", words: []string{"1", "--by=n", "--per=g"}, in: []string{`{"g":1,"n":1}`, `{"g":1.0,"n":2}`, `{"n":3}`, `{"g":null,"n":4}`},
			want: []string{`{"g":null,"n":4,"rank":1}`, `{"g":1.0,"n":2,"rank":1}`}},
		{name: "the last state of a key", words: []string{"2", "--by=n", "--key=k"},
			in:   []string{`{"k":1,"n":9}`, `{"k":2,"n":5}`, `{"k":3,"n":4}`, `{"k":1.0,"n":1}`, `{"k":3,"n":6}`},
			want: []string{`{"k":3,"n":6,"rank":1}`, `{"k":2,"n":5,"rank":2}`}},
		{name: "a key that changes its group", words: []string{"--by=n", "--key=k", "--per=g"},
			in:   []string{`{"k":1,"g":"a","n":9}`, `{"k":2,"g":"b","n":5}`, `{"k":1,"g":"b","n":3}`},
			want: []string{`{"k":2,"g":"b","n":5,"rank":1}`, `{"k":1,"g":"b","n":3,"rank":2}`}},
		{name: "windows", words: []string{"1", "--by=n"},
			in: []string{end("10:01:00Z", `"k":"a","n":1}`), end("10:01:00Z", `"k":"b","n":2}`), end("10:01:00.5Z", `"k":"c","n":1}`),
				end("10:02:00Z", `"k":"d","n":7}`), end("10:01:00Z", `"k":"late","n":100}`), end("12:02:00+02:00", `"k":"e","n":8}`)},
			want: []string{end("10:01:00Z", `"k":"b","n":2,"rank":1}`), end("10:01:00.5Z", `"k":"c","n":1,"rank":1}`),
				end("12:02:00+02:00", `"k":"e","n":8,"rank":1}`)}, errs: 1},
		{name: "sliding windows", words: []string{"1", "--by=n"},
			in: []string{`{"window_start":"2026-05-01T10:00:00Z","window_end":"2026-05-01T10:10:00Z","n":1}`, `{"window_start":"2026-05-01T10:01:00Z","window_end":"2026-05-01T10:11:00Z","n":2}`},
			want: []string{`{"window_start":"2026-05-01T10:00:00Z","window_end":"2026-05-01T10:10:00Z","n":1,"rank":1}`,
				`{"window_start":"2026-05-01T10:01:00Z","window_end":"2026-05-01T10:11:00Z","n":2,"rank":1}`}},
		{name: "emissions of a running aggregate", words: []string{"1", "--by=n"},
			in: []string{`{"emitted":"2026-05-01T10:00:00Z","k":"a","n":1}`, `{"emitted":"2026-05-01T10:00:00Z","k":"b","n":2}`,
				`{"emitted":"2026-05-01T10:00:02Z","k":"a","n":3}`, `{"emitted":"2026-05-01T10:00:02Z","k":"b","n":2}`},
			want: []string{`{"emitted":"2026-05-01T10:00:00Z","k":"b","n":2,"rank":1}`, `{"emitted":"2026-05-01T10:00:02Z","k":"a","n":3,"rank":1}`}},
		{name: "names that are no times", words: []string{"1", "--by=n"}, in: []string{`{"emitted":"red","n":1}`, `{"emitted":"blue","window_end":3,"n":2}`, `{"n":0}`},
			want: []string{`{"emitted":"blue","window_end":3,"n":2,"rank":1}`}},
		{name: "a rank is replaced and never ranked by", words: []string{"1"}, in: []string{`{"n":1,"rank":9}`, `{"n": 2,"rank":8}`}, want: []string{`{"n": 2,"rank":1}`}},
		{name: "what cannot be ranked is refused", words: []string{"--by=n"}, in: []string{`{"m":1}`, `x`, `{"n":1}`}, want: []string{`{"n":1,"rank":1}`}, errs: 2},
		{name: "no number at first", in: []string{`{"m":"a"}`, `{"m":1}`}, want: []string{`{"m":1,"rank":1}`}, errs: 1},
	})
	checkRefused(t, Top, []string{"0"}, []string{"x"}, []string{"1", "2"}, []string{"--by=a[x]"}, []string{"--per=a[x]"}, []string{"--key=a[x]"}, []string{"--every=0s"})
}

// Ties are decided by content: the order of the input changes nothing.
func TestTopDoesNotDependOnOrder(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	var lines []string
	for i := range 500 {
		lines = append(lines, fmt.Sprintf(`{"k":"%d","n":%d,"g":%d}`, i%50, i%3, i%4))
	}
	lines = append(lines, `{"n":2,"k":"0"}`, `{"k":"0","n":2.0,"g":0}`, `{"a":1,"n":2}`)
	for _, words := range [][]string{{"--by=n"}, {"5", "--by=n", "--per=g"}, {"600", "--by=n"}} {
		want := ""
		for range 5 {
			rnd.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
			o := runStages(t, strings.Join(lines, "\n"), 3, 500, buildStage(t, Top, words...))
			if want == "" {
				want = o.out
			} else if o.out != want {
				t.Fatalf("%q: got\n%swant\n%s", words, o.out, want)
			}
		}
	}
	if _, ok := buildStage(t, Top, "--by=n").(stream.AnyOrder); !ok {
		t.Error("top --by does not say that it takes any order")
	}
	for _, words := range [][]string{nil, {"--by=n", "--key=k"}} {
		if _, ok := buildStage(t, Top, words...).(stream.AnyOrder); ok {
			t.Errorf("top %q depends on the order", words)
		}
	}
}

func TestTopLateRecordsCountAsLate(t *testing.T) {
	in := `{"window_end":"2026-05-01T10:02:00Z","n":1}` + "\n" + `{"window_end":"2026-05-01T10:01:00Z","n":1}` + "\n"
	o := runStages(t, in, 1, 1000, buildStage(t, Top))
	if o.ledger.Late != 1 || o.ledger.Rejected != 0 || o.ledger.Out != 1 {
		t.Errorf("ledger %+v", o.ledger)
	}
}

func TestTopBehindAggregateAndBeforeOthers(t *testing.T) {
	in := strings.Repeat(`{"p":"a"}`+"\n", 3) + strings.Repeat(`{"p":"b"}`+"\n", 5) + `{"p":"c"}` + "\n"
	o := runStages(t, in, 3, 20, buildStage(t, Aggregate, "--by", "p", "count"), buildStage(t, Top, "2"), buildStage(t, Where, "rank == 2"), buildStage(t, Select, "p", "count"))
	if o.out != "{\"p\":\"a\",\"count\":3}\n" {
		t.Errorf("got %q", o.out)
	}
}

// Only the greatest are kept: memory does not grow with the input.
func TestTopKeepsItsMemory(t *testing.T) {
	s := buildStage(t, Top, "3", "--by=bytes")
	op, err := s.(stream.Serial).Serial(&stream.Env{})
	if err != nil {
		t.Fatal(err)
	}
	run := steps(t, oneBatch(t, accessLines(100)...), op)
	run()
	if n := logpipetest.Allocs(20, run); n > 0 {
		t.Errorf("%v allocations for records that do not rank", n)
	}
}

func liveOperator(t *testing.T, out *bytes.Buffer, words ...string) *liveTop {
	t.Helper()
	s := buildStage(t, Top, words...)
	s.(Concluder).Conclude()
	op, err := s.(stream.Serial).Serial(&stream.Env{Terminal: true, Stdout: out})
	if err != nil {
		t.Fatal(err)
	}
	live, ok := op.(*liveTop)
	if !ok {
		t.Fatalf("got %T", op)
	}
	return live
}

func TestTopOnATerminal(t *testing.T) {
	var out bytes.Buffer
	live := liveOperator(t, &out, "2", "--by=n")
	columns, rows := 60, 24
	live.screen.size = func() (int, int) { return columns, rows }
	process := func(lines ...string) {
		t.Helper()
		emit := func(*stream.Batch) error { t.Error("a record was emitted"); return nil }
		if err := live.Process(oneBatch(t, lines...), emit); err != nil {
			t.Fatal(err)
		}
	}
	now := time.Date(2026, 5, 1, 10, 0, 0, 0, time.UTC)
	expect := func(what string, after time.Duration, want string) {
		t.Helper()
		out.Reset()
		now = now.Add(after)
		if err := live.Tick(now, nowhere); err != nil {
			t.Fatal(err)
		}
		if out.String() != want {
			t.Errorf("%s: got %q, want %q", what, out.String(), want)
		}
	}
	window := `"window_start":"2026-05-01T10:00:00Z","window_end":"2026-05-01T10:01:00Z"`
	process(`{`+window+`,"k":"a","n":1}`, `{`+window+`,"k":"b","n":20}`, `{`+window+`,"k":"c","n":3}`)
	title := "window 2026-05-01T10:00:00Z to 2026-05-01T10:01:00Z\x1b[K\n"
	expect("first table", 0, "top 2 by n, 3 records, q quits\x1b[K\n"+title+"rank  k   n\x1b[K\n   1  b  20\x1b[K\n   2  c   3\x1b[K\n\x1b[J")
	process(`{` + window + `,"k":"d","n":100}`)
	expect("not yet", time.Second, "")
	second := "top 2 by n, 4 records, q quits\x1b[K\n" + title + "rank  k    n\x1b[K\n   1  d  100\x1b[K\n   2  b   20\x1b[K\n\x1b[J"
	expect("refreshed in place", time.Second, "\x1b[5A\r"+second)
	expect("nothing new", 10*time.Second, "")
	rows = 3
	expect("fewer rows", 0, "\x1b[2J\x1b[H"+strings.Join(strings.SplitAfter(second, "\n")[:2], "")+"\x1b[J")
	columns, rows = 20, 24
	expect("a narrow terminal", 0, "\x1b[2J\x1b[Htop 2 by n, 4 reco…\x1b[K\nwindow 2026-05-01T…\x1b[K\nrank  k    n\x1b[K\n   1  d  100\x1b[K\n   2  b   20\x1b[K\n\x1b[J")
	columns = 60
	out.Reset()
	if err := live.Flush(nowhere); err != nil {
		t.Fatal(err)
	}
	if want := "\x1b[2J\x1b[Htop 2 by n, 4 records\x1b[K\n"; !strings.HasPrefix(out.String(), want) {
		t.Errorf("at the end: %q", out.String())
	}
}

func TestTopDrawsOnlyWhereItEndsThePipeline(t *testing.T) {
	for _, c := range []struct{ terminal, concludes, live bool }{{true, true, true}, {true, false, false}, {false, true, false}} {
		s := buildStage(t, Top)
		if c.concludes {
			s.(Concluder).Conclude()
		}
		op, err := s.(stream.Serial).Serial(&stream.Env{Terminal: c.terminal, Stdout: new(bytes.Buffer)})
		if _, live := op.(*liveTop); err != nil || live != c.live {
			t.Errorf("%+v: %T %v", c, op, err)
		}
	}
}

func BenchmarkTop(b *testing.B) {
	ties := make([]string, 256)
	for i := range ties {
		ties[i] = fmt.Sprintf(`{"key":"k%d","count":1}`, i*7919%256)
	}
	for name, c := range map[string]struct {
		lines []string
		stage ranking
	}{
		"below":   {accessLines(256), ranking{by: "bytes"}},
		"ties":    {ties, ranking{by: "count"}},
		"groups":  {accessLines(256), ranking{by: "bytes", perNames: []string{"ip"}}},
		"updates": {ties, ranking{by: "count", keyNames: []string{"key"}}},
	} {
		b.Run(name, func(b *testing.B) {
			c.stage.every = time.Second
			s, err := c.stage.Build([]string{"3"})
			if err != nil {
				b.Fatal(err)
			}
			op, err := s.(stream.Serial).Serial(&stream.Env{})
			if err != nil {
				b.Fatal(err)
			}
			run := steps(b, oneBatch(b, c.lines...), op)
			b.ReportAllocs()
			for b.Loop() {
				run()
			}
		})
	}
}
