package catalog

import (
	"bytes"

	"github.com/logpipe/logpipe/pkg/record"
	"github.com/logpipe/logpipe/pkg/stream"
)

// exact is the stage of a source that stands alone: lines leave as they came,
// with a carriage return before their end too.
type exact struct{}

func (exact) Name() string        { return "exact" }
func (exact) Input() stream.Input { return stream.Lines }

// Parallel passes records on.
func (exact) Parallel(*stream.Env) (stream.Operator, error) {
	return stream.Map(func(*record.Record) (bool, error) { return true, nil }), nil
}

// Cut ends at the last newline.
func (exact) Cut(data []byte) int { return bytes.LastIndexByte(data, '\n') + 1 }

// Next cuts at the next newline.
func (exact) Next(data []byte) ([]byte, int) {
	n := bytes.IndexByte(data, '\n')
	return data[:n:n], n + 1
}
