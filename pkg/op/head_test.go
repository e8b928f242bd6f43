package op

import (
	"io"
	"strings"
	"testing"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/option"
	"github.com/logpipe/logpipe/pkg/stream"
)

// opCase is a use of an operator with its input and output, a record a line.
type opCase struct {
	name  string
	words []string
	in    []string
	want  []string
	errs  int // refused records
}

func (c opCase) input() string { return strings.Join(c.in, "\n") + "\n" }

// checkCases runs the cases with different workers and blocks.
func checkCases(t *testing.T, d Definition, cases []opCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Helper()
			o := everyWay(t, c.input(), func() []stream.Stage { return []stream.Stage{buildStage(t, d, c.words...)} })
			want := strings.Join(append(c.want, ""), "\n")
			if o.out != want {
				t.Errorf("got\n%swant\n%s", o.out, want)
			}
			if len(o.errs) != c.errs {
				t.Errorf("refused %v, want %d", o.errs, c.errs)
			}
		})
	}
}

// checkRefused builds uses that are errors of usage.
func checkRefused(t *testing.T, d Definition, uses ...[]string) {
	t.Helper()
	for _, words := range uses {
		b := d.New()
		var set option.Set
		b.Options(&set)
		var args []string
		for _, w := range words {
			name, value, _ := strings.Cut(strings.TrimPrefix(w, "--"), "=")
			if o := set.Lookup(name); strings.HasPrefix(w, "--") && o != nil {
				if value == "" {
					value = o.Bare
				}
				if err := o.Value.Set(value); err != nil {
					t.Fatal(err)
				}
				continue
			}
			args = append(args, w)
		}
		_, err := b.Build(args)
		if err == nil {
			t.Errorf("%s %q was accepted", d.Name, words)
		} else if fault.CodeOf(err) != fault.Usage || !strings.HasPrefix(err.Error(), d.Name) {
			t.Errorf("%s %q: exit code %d, %v", d.Name, words, fault.CodeOf(err), err)
		}
	}
}

func TestHead(t *testing.T) {
	in := []string{`{"a":1}`, `no object`, `{"a":3}`, `{"a":4}`, `{"a":5}`, `{"a":6}`, `{"a":7}`, `8`, `9`, `10`, `11`, `12`}
	for _, c := range []opCase{
		{name: "ten", in: in, want: in[:10]},
		{name: "two of any kind", words: []string{"2"}, in: in, want: in[:2]},
		{name: "none", words: []string{"0"}, in: in},
		{name: "more than there are", words: []string{"100"}, in: in, want: in},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, workers := range []int{1, 3} {
				for _, chunk := range []int{1, 10, 1000} {
					o := runStages(t, c.input(), workers, chunk, buildStage(t, Head, c.words...))
					if want := strings.Join(append(c.want, ""), "\n"); o.out != want {
						t.Errorf("%d workers, pieces of %d: got %q, want %q", workers, chunk, o.out, want)
					}
				}
			}
		})
	}
	checkRefused(t, Head, []string{"1", "2"}, []string{"-1"}, []string{"x"})
}

// endless gives the same record for ever.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	n := 0
	for ; n+8 <= len(p); n += 8 {
		copy(p[n:], "{\"a\":1}\n")
	}
	return n, nil
}

func TestHeadEndsThePipeline(t *testing.T) {
	sink := &memorySink{}
	stages := []stream.Stage{buildStage(t, Head, "3"), buildStage(t, Drop, "b")}
	_, err := stream.Run(t.Context(), stream.Pipeline{Source: stream.NewReader(io.Reader(endless{}), "", nil), Stages: stages, Sink: sink},
		stream.Options{Env: &stream.Env{}})
	if want := strings.Repeat("{\"a\":1}\n", 3); err != nil || sink.String() != want {
		t.Errorf("got %q %v", sink.String(), err)
	}
}
