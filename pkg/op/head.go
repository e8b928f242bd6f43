package op

import (
	"strconv"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/option"
	"github.com/logpipe/logpipe/pkg/record"
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

// Passes tells that records go through as they are.
func (h *head) Passes() {}

type heading struct{ left int64 }

func (h *heading) Process(b *stream.Batch, emit stream.Emit) error {
	n := min(h.left, int64(len(b.Records)))
	b.Dropped += int64(len(b.Records[n:])) // behind the last
	if n == 0 {
		if h.left == 0 {
			return stream.ErrStop
		}
		return nil
	}
	last := b.Records[n-1]
	var next *record.Record
	if n < int64(len(b.Records)) {
		next = b.Records[n]
	}
	h.left -= n
	var end error
	if h.left == 0 {
		end = stream.StopAfter(last, next) // emit may change the batch
	}
	b.Records = b.Records[:n]
	if err := emit(b); err != nil {
		return err
	}
	return end
}

func (h *heading) Flush(stream.Emit) error { return nil }
