package op

import (
	"strconv"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/option"
	"github.com/logpipe/logpipe/pkg/stream"
)

// Head is the operator that lets the first records through and ends the
// pipeline behind them.
var Head = Definition{
	Name:  "head",
	Usage: "head [N | -n N]",
	Short: "let the first N records through (10) and end the pipeline",
	Examples: []Example{{
		Command: `printf '{"n":%d}\n' 1 2 3 | logpipe head 2`,
		Output:  "{\"n\":1}\n{\"n\":2}\n",
	}},
	New: func() Builder { return new(head) },
}

type head struct{ n int64 }

func (h *head) Options(s *option.Set) {
	s.Int64(&h.n, "count,n", 10, "let the first `N` records through")
}

func (h *head) Build(args []string) (stream.Stage, error) {
	if len(args) > 1 {
		return nil, fault.Usagef("head takes one number, not %d words", len(args))
	}
	if len(args) == 1 {
		n, err := strconv.ParseInt(args[0], 10, 64)
		if err != nil || n < 0 {
			return nil, fault.Usagef("head: want a number of records, not %q", args[0])
		}
		h.n = n
	}
	if h.n < 0 {
		return nil, fault.Usagef("head: want a number of records, not %d", h.n)
	}
	return h, nil
}

// Name is "head".
func (h *head) Name() string { return "head" }

// Input is any line.
func (h *head) Input() stream.Input { return stream.Lines }

// Serial counts records in input order.
func (h *head) Serial(*stream.Env) (stream.Operator, error) { return &heading{left: h.n}, nil }

type heading struct{ left int64 }

func (h *heading) Process(b *stream.Batch, emit stream.Emit) error {
	if h.left < int64(len(b.Records)) {
		b.Records = b.Records[:h.left]
	}
	h.left -= int64(len(b.Records))
	if len(b.Records) > 0 {
		if err := emit(b); err != nil {
			return err
		}
	}
	if h.left == 0 {
		return stream.ErrStop
	}
	return nil
}

func (h *heading) Flush(stream.Emit) error { return nil }
