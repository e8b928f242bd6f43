package catalog

import (
	"context"
	"io"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/gen"
	"github.com/logpipe/logpipe/pkg/op"
	"github.com/logpipe/logpipe/pkg/option"
	"github.com/logpipe/logpipe/pkg/record"
	"github.com/logpipe/logpipe/pkg/stream"
)

// genCommand describes the source of synthetic records.
func genCommand() Command {
	kinds := ""
	var words []string
	for _, k := range gen.Kinds() {
		kinds += "\n  " + k.Name + "\n      " + k.Help + "\n      " + k.Text
		words = append(words, k.Name)
	}
	return Command{
		Name: "gen", Group: Move,
		Usage: "gen {access|behavior|tracks|customers|spark-events}",
		Short: "make synthetic records",
		Long: "The same --seed gives the same records everywhere. Event times begin at a fixed date, or now " +
			"where --rate or --every paces the records. The kinds and their text forms:\n" + kinds,
		Examples: []op.Example{{
			Note:    "the seed decides: the same three visits on every machine",
			Command: `logpipe gen behavior -n 3 --seed 7`,
			Output:  "page60|6|3.9330482|0\npage2|9|4.6404496|0\npage2|9|2.4487451|0\n",
		}, {
			Note:    "up to 50 messages every five seconds, without end: the first two, without their time, which is now",
			Command: `logpipe gen behavior --every 5s --batch 0..50 --json --seed 7 | logpipe head 2 | logpipe drop ts`,
			Output: `{"page":"page60","clicks":6,"minutes":3.9330482,"like":0}
{"page":"page2","clicks":9,"minutes":4.6404496,"like":0}
`,
		}},
		Source: func() SourceBuilder { return new(genBuilder) },
		Words:  words,
	}
}

type genBuilder struct {
	o           gen.Options
	seed        int64
	batch, bad  string
	start       string
	cardinality int
}

func (b *genBuilder) Options(s *option.Set) {
	s.Int64(&b.o.N, "count,n", 0, "make this `number` of records; 0 = without end")
	s.Float(&b.o.Rate, "rate", 0, "`records` per second; 0 = as fast as possible")
	s.Duration(&b.o.Every, "every", 0, "make a batch each time this `duration` has passed")
	s.String(&b.batch, "batch", "", "`size` of the batches, 10 or 0..50 for a random one")
	s.Int64(&b.seed, "seed", 0, "the same `number` gives the same records")
	s.String(&b.bad, "bad", "", "`share` of malformed lines, 0.1% or 0.001")
	s.Bool(&b.o.JSON, "json", "JSON objects instead of the text form")
	s.String(&b.start, "start", "", "event `time` of the first record, RFC 3339")
	s.Duration(&b.o.Step, "step", 0, "event-time `distance` between records; 0 = the kind's own, or the pace")
	s.Int(&b.o.Cardinality, "cardinality", 0, "`number` of courses, pages or customers; 0 = the kind's own")
}

func (b *genBuilder) Build(args []string) (Source, error) {
	if len(args) != 1 {
		_, err := gen.New("", gen.Options{})
		if len(args) == 0 {
			return nil, fault.Hint(fault.Usagef("gen: say which kind of records"), "%s", fault.HintOf(err))
		}
		return nil, fault.Usagef("gen takes one kind of records, not %d words", len(args))
	}
	b.o.Seed = uint64(b.seed)
	var err error
	if b.batch != "" {
		if b.o.BatchMin, b.o.BatchMax, err = gen.ParseBatch(b.batch); err != nil {
			return nil, err
		}
	}
	if b.bad != "" {
		if b.o.Bad, err = gen.ParseShare(b.bad); err != nil {
			return nil, err
		}
	}
	if b.start != "" {
		if b.o.Start, err = time.Parse(time.RFC3339Nano, b.start); err != nil {
			return nil, fault.Hint(fault.Usagef("gen: --start %q is not a time", b.start), "write it as 2026-03-01T00:00:00Z")
		}
	}
	if _, err := gen.New(args[0], b.o); err != nil {
		return nil, err
	}
	return &genSource{kind: args[0], o: b.o}, nil
}

// genSource opens a generator as a source.
type genSource struct {
	kind string
	o    gen.Options
}

// Live tells whether records are paced.
func (s *genSource) Live() bool { return s.o.Rate > 0 || s.o.Every > 0 }

// UsesClock tells whether event times come from the wall clock.
func (s *genSource) UsesClock() bool { return s.Live() && s.o.Start.IsZero() }

func (s *genSource) Open(ctx context.Context, _ *stream.Env) (stream.Source, error) {
	g, err := gen.New(s.kind, s.o)
	if err != nil {
		return nil, err
	}
	if !s.Live() {
		return &genBlocks{g: g}, nil
	}
	r, w := io.Pipe()
	go func() { w.CloseWithError(g.Run(ctx, w)) }() // the engine reads until then
	return stream.NewReader(r, "gen", nil), nil
}

// genBlocks makes blocks as fast as they are read.
type genBlocks struct {
	g    *gen.Generator
	give chan []byte
}

// Read returns the next block.
func (s *genBlocks) Read(ctx context.Context) (*stream.Block, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if s.give == nil {
		s.give = make(chan []byte, 16)
	}
	var buf []byte
	select {
	case buf = <-s.give:
	default:
		buf = make([]byte, 0, stream.BlockSize+8<<10)
	}
	more := true
	for more && len(buf) < stream.BlockSize {
		buf, more = s.g.Next(buf)
	}
	if len(buf) == 0 {
		return nil, io.EOF
	}
	if cap(buf)-len(buf) < record.Padding {
		buf = append(make([]byte, 0, len(buf)+record.Padding), buf...)
	}
	return &stream.Block{Data: buf, Name: "gen", Time: time.Now(), Free: func() {
		select {
		case s.give <- buf[:0]:
		default:
		}
	}}, nil
}
