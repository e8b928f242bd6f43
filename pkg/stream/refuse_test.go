package stream_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/logpipe/logpipe/pkg/catalog"
	"github.com/logpipe/logpipe/pkg/record"
	"github.com/logpipe/logpipe/pkg/stream"
)

// picky is a sink that learns later that lines with "bad" in them are refused.
type picky struct {
	at   stream.Places
	list []stream.Rejection
	kept int
}

func (p *picky) Place(at stream.Places) { p.at = at }

func (p *picky) Write(_ context.Context, lines []byte) error {
	for i, line := range bytes.Split(bytes.TrimSuffix(lines, []byte("\n")), []byte("\n")) {
		if bytes.Contains(line, []byte("bad")) {
			p.list = append(p.list, stream.Rejection{Reject: stream.Reject{Line: line, Err: errors.New("refused")}, Name: p.at.Name, Num: p.at.At(int64(i))})
		} else {
			p.kept++
		}
	}
	return nil
}

func (p *picky) Close(context.Context) error { return nil }

func (p *picky) Refused() []stream.Rejection {
	list := p.list
	p.list = nil
	return list
}

// What a sink refuses later is told with its line, whatever the stages have left out
// before it, and has not gone out. The place of what is made of several lines is not
// known. Where there is one stage, which is the sink's then, lines that it cannot read
// are as lost.
func TestRefusedLater(t *testing.T) {
	const first, second = "{\"n\":1}\n{\"n\":2,\"t\":\"bad\"}\nno object\n\n{\"n\":3,\"t\":\"bad\"}\n", "{\"n\":4}\n{\"n\":5,\"t\":\"bad\"}\n"
	for _, c := range []struct{ stages, want, counts string }{
		{"where n", "f:2 f:5 f:7", "in 6 out 2 rejected 4 refused 4"},
		{"where 'n!=2'", "f:5 f:7", "in 6 out 2 rejected 3 refused 3"},
		{"where n | head 4", "f:2 f:5", "in 6 out 2 rejected 3 refused 2"},
		{"sort n", "f:0 f:0 f:0", "in 6 out 2 rejected 4 refused 4"},
		{"aggregate --by t n=count", "f:0", "in 6 out 1 rejected 2 refused 2"},
	} {
		for _, workers := range []int{1, 3} {
			p, err := catalog.Parse("", c.stages, nil)
			if err != nil {
				t.Fatal(err)
			}
			var src blocks
			line := int64(1)
			for _, text := range []string{first, second} {
				data := append(make([]byte, 0, len(text)+record.Padding), text...)
				src = append(src, &stream.Block{Data: data, Name: "f", Line: line})
				line += int64(strings.Count(text, "\n"))
			}
			sink, told := &picky{}, []string{}
			l, err := stream.Run(t.Context(), stream.Pipeline{Source: &src, Stages: p.Stages(), Sink: sink}, stream.Options{Workers: workers,
				Env: &stream.Env{}, OnReject: func(r stream.Rejection) error {
					if r.Err.Error() == "refused" {
						told = append(told, fmt.Sprintf("%s:%d", r.Name, r.Num))
					}
					return nil
				}})
			counts := fmt.Sprintf("in %d out %d rejected %d refused %d", l.In, l.Out, l.Rejected, l.Refused)
			if got := "" + strings.Join(told, " "); err != nil || got != c.want || counts != c.counts || int64(sink.kept) != l.Out {
				t.Errorf("%s with %d workers: told %s, want %s; %s, want %s; %d kept: %v", c.stages, workers, got, c.want, counts, c.counts, sink.kept, err)
			}
		}
	}
}
