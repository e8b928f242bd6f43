package stream_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/logpipe/logpipe/pkg/catalog"
	"github.com/logpipe/logpipe/pkg/record"
	"github.com/logpipe/logpipe/pkg/stream"
)

// blocks is a source of given blocks.
type blocks []*stream.Block

func (b *blocks) Read(context.Context) (*stream.Block, error) {
	if len(*b) == 0 {
		return nil, io.EOF
	}
	first := (*b)[0]
	*b = (*b)[1:]
	return first, nil
}

type discard struct{}

func (discard) Write(context.Context, []byte) error { return nil }
func (discard) Close(context.Context) error         { return nil }

// TestSplit holds that a block in which head ends the run is acknowledged up to
// the record that head has let through last.
func TestSplit(t *testing.T) {
	const lines = "{\"n\":1,\"l\":[1,2]}\n{\"n\":2}\n\n{\"n\":3,\"l\":[3]}\n{\"n\":4,\"l\":[4,5]}\n"
	for _, c := range []struct{ stages, want string }{
		{"head 1", "1/1"},
		{"head 3", "1/3"},
		{"head 5", "1/5"},
		{"head 6", "1 2/1"},
		{"head 10", "1 2/5"},
		{"head 11", "1 2 3/1"},
		{"head 100", "1 2 3"},
		{"head 0", "1:no more records wanted"},
		{"where 'n>=2' | head 1", "1/2"},
		{"where 'n==4' | head 2", "1 2/5"},
		{"where 'n>=2' | set m=n | head 3", "1/5"},
		{"head 2 | where 'n>=1'", "1/2"},
		{"head 4 | where 'n>=1' | head 2", "1/2"},
		{"head 2 | where 'n>=1' | head 2", "1/2"},
		{"each l=l | head 1", "1/0"}, // the first line has another record
		{"each l=l | head 2", "1/1"},
		{"each l=l | head 5", "1/4"}, // whether the last line has another is not known
		{"head 4 | sort n", "1/4"},
		{"sort n | head 2", "1 2 3"},
		{"parse csv --fields=a | head 2", "1/3"},
		{"head 9 | parse csv --fields=a | head 2", "1:no more records wanted"},
	} {
		for _, workers := range []int{1, 3} {
			t.Run(fmt.Sprint(c.stages, workers), func(t *testing.T) {
				var acks []string
				var in blocks
				text := lines
				if strings.Contains(c.stages, "parse csv") {
					text = "a\n\"b\nc\"\nd\n"
				}
				for i := range 3 {
					data := append(make([]byte, 0, len(text)+record.Padding), text...)
					in = append(in, &stream.Block{Data: data, Name: "in", Line: int64(1 + 5*i), Ack: func(err error) {
						text := fmt.Sprint(i + 1)
						if split := (stream.Split{}); errors.As(err, &split) {
							text += fmt.Sprint("/", split.Lines)
						} else if err != nil {
							text += ":" + err.Error()
						}
						acks = append(acks, text)
					}})
				}
				p, err := catalog.Parse("", c.stages, nil)
				if err != nil {
					t.Fatal(err)
				}
				_, err = stream.Run(t.Context(), stream.Pipeline{Source: &in, Stages: p.Stages(), Sink: discard{}},
					stream.Options{Workers: workers, Env: &stream.Env{}})
				if got := strings.Join(acks, " "); err != nil || got != c.want {
					t.Errorf("acks %q, want %q, %v", got, c.want, err)
				}
			})
		}
	}
}

// TestSplitFramed holds that the blocks of a source of lines are acknowledged up to
// the same line, wherever they end within records.
func TestSplitFramed(t *testing.T) {
	text := "a\n\"b\nc\"\nd\n\"e\n\nf\"\ng\nh\n"
	ends := []int{1, 3, 4, 7, 8, 9} // the line with which each record ends
	for size := 1; size <= 9; size++ {
		for wanted := 1; wanted <= len(ends); wanted++ {
			through := 0
			var in blocks
			lines := strings.SplitAfter(strings.TrimSuffix(text, "\n"), "\n")
			for at := 0; at < len(lines); at += size {
				part := lines[at:min(at+size, len(lines))]
				data := strings.TrimSuffix(strings.Join(part, ""), "\n") + "\n"
				in = append(in, &stream.Block{Data: append(make([]byte, 0, len(data)+record.Padding), data...), Name: "in", Line: int64(at + 1),
					Ack: func(err error) {
						n := 0
						if split := (stream.Split{}); errors.As(err, &split) {
							n = split.Lines
						} else if err == nil {
							n = len(part)
						}
						if n > 0 {
							through = max(through, at+n)
						}
					}})
			}
			p, err := catalog.Parse("", fmt.Sprint("parse csv --fields=a | head ", wanted), nil)
			if err != nil {
				t.Fatal(err)
			}
			source := stream.Framed(&in, stream.FramerOf(p.Stages()))
			_, err = stream.Run(t.Context(), stream.Pipeline{Source: source, Stages: p.Stages(), Sink: discard{}},
				stream.Options{Workers: 2, Env: &stream.Env{}})
			if err != nil || through != ends[wanted-1] {
				t.Errorf("blocks of %d lines, head %d: through up to line %d, want %d, %v", size, wanted, through, ends[wanted-1], err)
			}
		}
	}
}
