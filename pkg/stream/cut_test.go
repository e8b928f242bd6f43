package stream

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/logpipe/logpipe/pkg/record"
)

// anyLine is a stage that lets lines through.
type anyLine struct{}

func (anyLine) Name() string { return "any" }
func (anyLine) Input() Input { return Lines }
func (anyLine) Parallel(*Env) (Operator, error) {
	return Map(func(*record.Record) (bool, error) { return true, nil }), nil
}

type kept struct{ bytes.Buffer }

func (k *kept) Write(_ context.Context, b []byte) error { k.Buffer.Write(b); return nil }
func (k *kept) Close(context.Context) error             { return nil }

// TestCutLine holds that a line within which reading fails is told and counted,
// and passed on as no record.
func TestCutLine(t *testing.T) {
	broken := errors.New("broken")
	for _, c := range []struct{ in, out, cut string }{
		{"a\nb\nhalf", "a\nb\n", "half"}, {"half", "", "half"}, {"a\n", "a\n", ""}, {"", "", ""},
	} {
		var sink kept
		var told []Rejection
		in := io.MultiReader(strings.NewReader(c.in), iotest.ErrReader(broken))
		l, err := Run(t.Context(), Pipeline{Source: NewReader(in, "f", nil), Stages: []Stage{anyLine{}}, Sink: &sink},
			Options{Workers: 2, Env: &Env{Now: time.Now}, OnReject: func(r Rejection) error { told = append(told, r); return nil }})
		lines := strings.Count(c.out, "\n")
		if !errors.Is(err, broken) || sink.String() != c.out || l.Out != int64(lines) || l.In != l.Out+l.Rejected {
			t.Errorf("%q: %q, %+v, %v", c.in, sink.String(), l, err)
		}
		switch {
		case c.cut == "" && len(told) > 0:
			t.Errorf("%q: %v", c.in, told)
		case c.cut != "" && (len(told) != 1 || string(told[0].Line) != c.cut || told[0].Num != int64(lines)+1):
			t.Errorf("%q: %v", c.in, told)
		}
	}
}
