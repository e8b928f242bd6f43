package stream

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/logpipe/logpipe/pkg/record"
)

type parallelStage struct {
	name string
	in   Input
	f    func(*record.Record) (bool, error)
}

func (s parallelStage) Name() string                    { return s.name }
func (s parallelStage) Input() Input                    { return s.in }
func (s parallelStage) Parallel(*Env) (Operator, error) { return Map(s.f), nil }

// firstN is a serial stage that wants n records.
type firstN struct{ n int }

func (firstN) Name() string                    { return "first" }
func (firstN) Input() Input                    { return Lines }
func (s firstN) Serial(*Env) (Operator, error) { return &firstOp{left: s.n}, nil }

type firstOp struct{ left int }

func (o *firstOp) Process(b *Batch, emit Emit) error {
	if o.left == 0 {
		return ErrStop
	}
	b.Records = b.Records[:min(o.left, len(b.Records))]
	o.left -= len(b.Records)
	if err := emit(b); err != nil || o.left > 0 {
		return err
	}
	return ErrStop
}
func (o *firstOp) Flush(Emit) error { return nil }

type memory struct{ bytes.Buffer }

func (m *memory) Write(_ context.Context, b []byte) error { m.Buffer.Write(b); return nil }
func (m *memory) Close(context.Context) error             { return nil }

func runText(t *testing.T, in io.Reader, workers int, stages ...Stage) (string, []Rejection, Ledger) {
	t.Helper()
	var rejected []Rejection
	sink := &memory{}
	l, err := Run(context.Background(), Pipeline{NewReader(in, "in.json", FramerOf(stages)), stages, sink}, Options{
		Workers: workers, Env: &Env{Now: time.Now},
		OnReject: func(r Rejection) error { rejected = append(rejected, r); return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	return sink.String(), rejected, l
}

var even = parallelStage{"even", Objects, func(r *record.Record) (bool, error) {
	v := r.Get(record.FlatField("n"))
	if v.Kind != record.Int {
		return false, fmt.Errorf("n is no number")
	}
	return v.Int()%2 == 0, nil
}}

func numbers(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "{\"n\":%d}\n", i)
	}
	return b.String()
}

func TestOutputIsInInputOrder(t *testing.T) {
	input := numbers(200_000)
	want, _, _ := runText(t, strings.NewReader(input), 1, even)
	for _, workers := range []int{2, 5} {
		got, _, l := runText(t, strings.NewReader(input), workers, even)
		if got != want {
			t.Fatalf("%d workers: output differs", workers)
		}
		if l.In != 200_000 || l.Out != 100_000 {
			t.Errorf("ledger %+v", l)
		}
	}
	got, _, _ := runText(t, iotest.OneByteReader(strings.NewReader(input[:5000])), 2, even)
	if !strings.HasPrefix(want, got[:len(got)-1]) {
		t.Error("small blocks change the output")
	}
}

func TestRejectionsCarryTheirLine(t *testing.T) {
	input := "{\"n\":1}\n\nhello\n{\"n\":2}\n{\"n\":\"x\"}\r\n{\"n\":4}"
	got, rejected, l := runText(t, strings.NewReader(input), 2, even)
	if got != "{\"n\":2}\n{\"n\":4}\n" {
		t.Errorf("output %q", got)
	}
	if len(rejected) != 2 || rejected[0].Num != 3 || rejected[1].Num != 5 || string(rejected[0].Line) != "hello" {
		t.Errorf("rejected %+v", rejected)
	}
	if l.In != 5 || l.Rejected != 2 {
		t.Errorf("ledger %+v", l)
	}
}

func TestEarlyStop(t *testing.T) {
	in, out := io.Pipe()
	go func() {
		for i := 0; ; i++ {
			if _, err := fmt.Fprintf(out, "{\"n\":%d}\n", i); err != nil {
				return
			}
		}
	}()
	got, _, _ := runText(t, in, 2, even, firstN{3})
	in.Close()
	if got != "{\"n\":0}\n{\"n\":2}\n{\"n\":4}\n" {
		t.Errorf("output %q", got)
	}
}

func TestRecordArrivesAtOnce(t *testing.T) {
	in, out := io.Pipe()
	lines := make(chan string, 10)
	sink := sinkFunc(func(b []byte) error { lines <- string(b); return nil })
	done := make(chan error)
	go func() {
		_, err := Run(context.Background(), Pipeline{NewReader(in, "", nil), []Stage{even}, sink}, Options{Env: &Env{}})
		done <- err
	}()
	for i := 0; i < 6; i += 2 {
		fmt.Fprintf(out, "{\"n\":%d}\n", i)
		if got, want := <-lines, fmt.Sprintf("{\"n\":%d}\n", i); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	out.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

type sinkFunc func([]byte) error

func (f sinkFunc) Write(_ context.Context, b []byte) error { return f(bytes.Clone(b)) }
func (f sinkFunc) Close(context.Context) error             { return nil }

func TestReaderLines(t *testing.T) {
	long := strings.Repeat("x", MaxLine+100)
	for _, c := range []struct {
		name, in, want string
		long           int
	}{
		{"empty", "", "", 0},
		{"no newline at the end", "a\nb", "a\nb\n", 0},
		{"byte order mark", "\xef\xbb\xbfa\n", "a\n", 0},
		{"mark alone", "\xef\xbb\xbf", "", 0},
		{"long line", "a\n" + long + "\nb\n", "a\nb\n", 1},
		{"long last line", "a\n" + long, "a\n", 1},
		{"two long lines", long + "\n" + long + "\nb\n", "b\n", 2},
	} {
		r := NewReader(strings.NewReader(c.in), "", nil)
		var got []byte
		n := 0
		for {
			b, err := r.Read(context.Background())
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if cap(b.Data)-len(b.Data) < record.Padding {
				t.Fatalf("%s: no padding", c.name)
			}
			got = append(got, b.Data...)
			n += len(b.Long)
			b.Free()
		}
		if string(got) != c.want || n != c.long {
			t.Errorf("%s: got %d bytes and %d long lines, want %d and %d", c.name, len(got), n, len(c.want), c.long)
		}
	}
}

func TestCancelDrains(t *testing.T) {
	in, out := io.Pipe()
	defer in.Close()
	ctx, cancel := context.WithCancel(context.Background())
	wrote := make(chan string, 10)
	sink := sinkFunc(func(b []byte) error { wrote <- string(b); return nil })
	done := make(chan error)
	go func() {
		_, err := Run(ctx, Pipeline{NewReader(in, "", nil), []Stage{even}, sink}, Options{Env: &Env{}})
		done <- err
	}()
	io.WriteString(out, "{\"n\":2}\n")
	<-wrote
	cancel() // the reader stays blocked in its read
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// copies is a parallel stage that emits each record n times, in batches of its own.
type copies struct{ n int }

func (copies) Name() string                      { return "copies" }
func (copies) Input() Input                      { return Objects }
func (c copies) Parallel(*Env) (Operator, error) { return &copyOp{n: c.n, out: NewBatch()}, nil }

type copyOp struct {
	n   int
	out *Batch
}

func (o *copyOp) Process(b *Batch, emit Emit) error {
	for _, r := range b.Records {
		for k := range o.n {
			c := o.out.New()
			r.CopyTo(c)
			c.Arena = &o.out.Arena
			c.Set(record.Intern("k"), record.IntValue(int64(k)))
			if len(o.out.Records) == BatchSize || k == o.n-1 {
				if err := emit(o.out); err != nil {
					return err
				}
				o.out.Reset()
			}
		}
	}
	return nil
}
func (o *copyOp) Flush(Emit) error { return nil }

// TestLargeResultsGoOnInParts makes far more of a block than a result may hold:
// the output is the same, what is refused is told, and an early end ends it.
func TestLargeResultsGoOnInParts(t *testing.T) {
	const rows, each = 3, partBatches*BatchSize + 1000
	pad := strings.Repeat("x", partBytes/each)
	var input, want strings.Builder
	for i := range rows {
		fmt.Fprintf(&input, "{\"n\":%d,\"p\":\"%s\"}\n", i, pad)
		for k := range each {
			fmt.Fprintf(&want, "{\"n\":%d,\"p\":\"%s\",\"k\":%d}\n", i, pad, k)
		}
	}
	odd := parallelStage{"odd", Objects, func(r *record.Record) (bool, error) {
		if r.Get(record.FlatField("k")).Int()%2 == 1 {
			return true, nil
		}
		return false, fmt.Errorf("even")
	}}
	for _, workers := range []int{1, 3} {
		for name, behind := range map[string][]Stage{"alone": nil, "kept": {firstN{1 << 30}}} {
			got, _, l := runText(t, strings.NewReader(input.String()), workers, append([]Stage{copies{each}}, behind...)...)
			if got != want.String() || l.In != rows || l.Out != rows*each {
				t.Errorf("%s, %d workers: %d bytes, %+v", name, workers, len(got), l)
			}
			_, rejected, l := runText(t, strings.NewReader(input.String()), workers, append([]Stage{copies{each}, odd}, behind...)...)
			if n := len(rejected); n != rows*each/2 || rejected[n-1].Num != rows || l.Out != rows*each/2 || l.In != rows {
				t.Errorf("%s, %d workers: %d rejected, %+v", name, workers, n, l)
			}
		}
		got, _, l := runText(t, iotest.OneByteReader(strings.NewReader(input.String())), workers, copies{each}, firstN{each + 1})
		if l.Out != each+1 || !strings.HasSuffix(got, "\"k\":0}\n") {
			t.Errorf("early end, %d workers: %+v", workers, l)
		}
	}
}
