package op

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/option"
	"github.com/logpipe/logpipe/pkg/stream"
)

type memorySink struct{ bytes.Buffer }

func (m *memorySink) Write(_ context.Context, b []byte) error { m.Buffer.Write(b); return nil }

func (m *memorySink) Close(context.Context) error { return nil }

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
	if l.Gaps != "" {
		t.Errorf("the records do not add up: %s: %+v", l.Gaps, l)
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
