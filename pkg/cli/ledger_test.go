package cli

import (
	"io"
	"strings"
	"testing"

	"github.com/logpipe/logpipe/pkg/catalog"
	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/stream"
)

// leaky is a filter that lets the first of two records through and forgets to count
// the other.
type leaky struct{}

func (leaky) Name() string                                  { return "leaky" }
func (leaky) Input() stream.Input                           { return stream.Lines }
func (leaky) Parallel(*stream.Env) (stream.Operator, error) { return leaky{}, nil }
func (leaky) Flush(stream.Emit) error                       { return nil }
func (leaky) Process(b *stream.Batch, emit stream.Emit) error {
	b.Records = b.Records[:1]
	return emit(b)
}

// TestLostRecordIsTold runs a command that loses a record: it is told, and with
// --strict the exit code says so.
func TestLostRecordIsTold(t *testing.T) {
	const want = "1 record was lost in leaky"
	for _, strict := range []bool{false, true} {
		a, _, errs := testApp("a\nb\n")
		a.Out = io.Discard
		a.Shared.Strict = strict
		err := a.Run(t.Context(), Job{Pipeline: &catalog.Pipeline{Parts: []catalog.Part{{Stage: leaky{}}}}})
		if !strings.Contains(errs.String(), want) {
			t.Errorf("strict %v: %q", strict, errs)
		}
		if strict != (err != nil && fault.CodeOf(err) == fault.Rejected) {
			t.Errorf("strict %v: %v", strict, err)
		}
	}
}
