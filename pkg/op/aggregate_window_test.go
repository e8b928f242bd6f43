package op

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/stream"
)

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

func (f sinkFunc) Close(context.Context) error { return nil }

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
	if got.ledger.Out != 100_000 || time.Since(begun) > 2*time.Minute {
		t.Errorf("%d windows in %v", got.ledger.Out, time.Since(begun))
	}
}
