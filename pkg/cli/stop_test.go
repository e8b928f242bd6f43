package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/record"
	"github.com/logpipe/logpipe/pkg/stream"
)

// refusing is a stage that looks at the blocks, reads pairs of lines as
// records, and refuses the record "bad".
type refusing struct {
	sniffed *[]byte
	framed  bool
}

func (refusing) Name() string        { return "refusing" }
func (refusing) Input() stream.Input { return stream.Lines }
func (s refusing) Parallel(*stream.Env) (stream.Operator, error) {
	return stream.Map(func(r *record.Record) (bool, error) {
		if bytes.HasPrefix(r.Line, []byte("bad")) {
			return false, errors.New("refused")
		}
		return true, nil
	}), nil
}

func (s refusing) Sniff(_ any, block []byte) (any, error) {
	*s.sniffed = append(*s.sniffed, block...)
	return nil, nil
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

func (p pairs) Next(data []byte) ([]byte, int) {
	n := bytes.IndexByte(data, '\n') + 1
	n += bytes.IndexByte(data[n:], '\n') + 1
	return data[:n-1], n
}

func (pairs) Skip() func([]byte) (int, bool, string) {
	return func(piece []byte) (int, bool, string) { return len(piece), false, "" }
}

// TestSingly holds that everything before a refused record has been written
// when it ends the run, and that the stage has seen what came before it.
func TestSingly(t *testing.T) {
	for _, c := range []struct {
		name     string
		stage    func(*[]byte) stream.Stage
		in, want string
		at       int64
	}{
		{"lines", func(b *[]byte) stream.Stage { return refusing{sniffed: b} }, "a\nb\nbad\nc\n", "a\nb\n", 3},
		{"pairs", func(b *[]byte) stream.Stage { return pairs{refusing{sniffed: b}} }, "a\nb\nbad\nc\nd\ne\n", "a\nb\n", 3},
		{"first", func(b *[]byte) stream.Stage { return refusing{sniffed: b} }, "bad\nb\n", "", 1},
		{"long", func(b *[]byte) stream.Stage { return refusing{sniffed: b} },
			"a\n" + strings.Repeat("x", stream.MaxLine+1) + "\nb\n", "a\n", 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, out, _ := testApp(c.in)
			a.Shared.OnError = "stop"
			var sniffed []byte
			stages := []stream.Stage{c.stage(&sniffed)}
			env := &stream.Env{Now: time.Now, Files: &sideFiles{}}
			var place int64
			r, err := newRejects(a, env.Files)
			if err != nil {
				t.Fatal(err)
			}
			p := singly(stream.Pipeline{Source: stream.NewReader(a.In, "", stream.FramerOf(stages)), Stages: stages, Sink: stdout{out}})
			_, err = stream.Run(t.Context(), p, stream.Options{Env: env, Workers: 3, OnReject: func(j stream.Rejection) error {
				place = j.Num
				return r.add(j)
			}})
			if err == nil || out.String() != c.want || place != c.at {
				t.Errorf("%v: output %q, line %d", err, out, place)
			}
			if len(c.in) < 100 && !strings.HasPrefix(string(sniffed), c.want) {
				t.Errorf("the stage has seen %q", sniffed)
			}
		})
	}
}

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

// TestSinglyAcks holds that a block is acknowledged with its last record only.
func TestSinglyAcks(t *testing.T) {
	var acked []int
	var splits []int
	ack := func(i int) func(error) {
		return func(err error) {
			if split := (stream.Split{}); errors.As(err, &split) {
				splits = append(splits, i, split.Lines)
				return
			}
			acked = append(acked, i)
		}
	}
	p := singly(stream.Pipeline{Source: &blocks{
		{Data: []byte("a\nb\n"), Ack: ack(1)},
		{Data: []byte("c\n"), Long: []stream.LongLine{{Before: 1, Size: 5}}, Ack: ack(2)},
	}})
	for i, want := range []struct {
		data string
		acks int
	}{{"a\n", 0}, {"b\n", 1}, {"c\n", 1}, {"", 2}} {
		b, err := p.Source.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if b.Ack != nil {
			b.Ack(stream.Split{Lines: bytes.Count(b.Data, []byte("\n"))}) // as where the run ends here
			b.Ack(nil)
		}
		if string(b.Data) != want.data || len(acked) != want.acks {
			t.Errorf("block %d: %q, %d acks", i, b.Data, len(acked))
		}
	}
	if _, err := p.Source.Read(t.Context()); err != io.EOF {
		t.Error(err)
	}
	if want := []int{1, 1, 1, 2, 2, 1, 2, 1}; !slices.Equal(splits, want) {
		t.Errorf("splits %v, want %v", splits, want)
	}
}
