package stream

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/record"
)

// refusing is a stage that refuses the records that begin with its word.
type refusing struct{ word string }

func (refusing) Name() string { return "refusing" }
func (refusing) Input() Input { return Lines }
func (s refusing) refuse(r *record.Record) (bool, error) {
	if bytes.HasPrefix(r.Line, []byte(s.word)) {
		return false, errors.New("refused")
	}
	return true, nil
}
func (s refusing) Parallel(*Env) (Operator, error) { return Map(s.refuse), nil }

// inOrder is a refusing stage that sees all records in input order.
type inOrder struct{ refusing }

func (inOrder) Parallel() {} // not the method of Parallel
func (s inOrder) Serial(*Env) (Operator, error) {
	return Map(s.refuse), nil
}

// pairs is a refusing stage whose records are two lines each.
type pairs struct{ refusing }

func (pairs) Cut(data []byte) int {
	end, lines := 0, 0
	for i, c := range data {
		if c == '\n' {
			if lines++; lines%2 == 0 {
				end = i + 1
			}
		}
	}
	return end
}

func (pairs) Next(data []byte) ([]byte, int) {
	n := bytes.IndexByte(data, '\n') + 1
	n += bytes.IndexByte(data[n:], '\n') + 1
	return data[:n-1], n
}

func (pairs) Skip() func([]byte) (int, bool, string) {
	return func(piece []byte) (int, bool, string) { return len(piece), false, "" }
}

// stopping runs stages over text until the first rejection.
func stopping(t *testing.T, text string, block int, workers int, stages ...Stage) (out string, first Rejection, l Ledger) {
	t.Helper()
	var sink kept
	end := errors.New("rejected")
	source := NewReader(&chunks{text, block}, "", FramerOf(stages))
	l, err := Run(t.Context(), Pipeline{Source: source, Stages: stages, Sink: &sink},
		Options{Workers: workers, Env: &Env{Now: time.Now}, Stop: true, OnReject: func(r Rejection) error {
			if first.Err != nil {
				t.Error("rejected twice")
			}
			first = r
			return end
		}})
	if (first.Err != nil) != errors.Is(err, end) {
		t.Errorf("rejected %v, run ended with %v", first.Err, err)
	}
	return sink.String(), first, l
}

// chunks gives n bytes at a time.
type chunks struct {
	text string
	n    int
}

func (c *chunks) Read(p []byte) (int, error) {
	n, err := strings.NewReader(c.text[:min(len(c.text), c.n)]).Read(p)
	c.text = c.text[n:]
	return n, err
}

// TestStop holds that everything before the first rejected record goes out,
// nothing behind it, and that it is told with its place and counted.
func TestStop(t *testing.T) {
	for _, c := range []struct {
		name     string
		stages   []Stage
		in, want string
		at       int64
	}{
		{"lines", []Stage{refusing{"bad"}}, "a\nb\nbad\nc\nbad\n", "a\nb\n", 3},
		{"none", []Stage{refusing{"bad"}}, "a\nb\n", "a\nb\n", 0},
		{"first", []Stage{refusing{"bad"}}, "bad\nb\n", "", 1},
		{"the second stage first", []Stage{refusing{"bad"}, refusing{"worse"}}, "a\nworse\nb\nbad\n", "a\n", 2},
		{"in order", []Stage{refusing{"bad"}, inOrder{refusing{"worse"}}}, "a\nb\nworse\nc\nbad\n", "a\nb\n", 3},
		{"before order", []Stage{refusing{"bad"}, inOrder{refusing{"worse"}}}, "a\nb\nbad\nc\nworse\n", "a\nb\n", 3},
		{"pairs", []Stage{pairs{refusing{"bad"}}}, "a\nb\nbad\nc\nd\ne\n", "a\nb\n", 3},
		{"long", []Stage{refusing{"bad"}}, "a\n" + strings.Repeat("x", MaxLine+1) + "\nb\n", "a\n", 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, first, l := stopping(t, c.in, 1<<20, 3, c.stages...)
			if out != c.want || first.Num != c.at {
				t.Errorf("output %q, line %d", out, first.Num)
			}
			if want := int64(strings.Count(c.want, "\n")); c.name == "lines" && (l.In != want+1 || l.Out != want || l.Rejected != 1) {
				t.Errorf("%+v", l)
			}
		})
	}
}

// TestStopAnywhere holds that neither the blocks nor the workers decide what goes
// out before the first rejection.
func TestStopAnywhere(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 100 {
		var text, want strings.Builder
		n, stopped := 1+rnd.IntN(3000), false
		for i := range n {
			line := fmt.Sprintf("%d %d\n", i, rnd.Uint64())
			switch rnd.IntN(n) {
			case 0:
				line = "bad\n"
			case 1:
				line = "worse\n"
			}
			text.WriteString(line)
			if stopped = stopped || line[0] > '9'; !stopped {
				want.WriteString(line)
			}
		}
		stages := []Stage{refusing{"bad"}, refusing{"worse"}}
		if rnd.IntN(2) == 0 {
			stages[1] = inOrder{refusing{"worse"}}
		}
		out, _, _ := stopping(t, text.String(), 1+rnd.IntN(20000), 1+rnd.IntN(3), stages...)
		if out != want.String() {
			t.Fatalf("%d bytes came out, want %d", len(out), want.Len())
		}
	}
}
