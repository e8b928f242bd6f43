package stream

import (
	"bytes"

	"github.com/logpipe/logpipe/pkg/record"
)

// ColumnWorker is a FoldWorker that can do with a few top-level fields of every
// record. Where no stage stands before the fold, blocks are then read field by
// field, without records.
type ColumnWorker interface {
	FoldWorker
	// Columns names the fields that the worker wants of the next block; nil
	// asks for records.
	Columns() []*record.Name
	// ProcessColumns is Process for the rows of c, which it may not keep beyond
	// Finish. reject refuses a row.
	ProcessColumns(c *record.Columns, turn func(), reject func(row int, err error))
}

// columnReader reads the blocks of a worker for its ColumnWorker.
type columnReader struct {
	fold    ColumnWorker
	columns *record.Columns
	skip    int // blocks to read as records before columns are tried again
}

// mixedBlocks is how many blocks are read as records after one whose lines were
// of many shapes.
const mixedBlocks = 32

// begin prepares for a block; false where it is to be read as records.
func (c *columnReader) begin(j *job) bool {
	if c.skip > 0 {
		c.skip--
		return false
	}
	names := c.fold.Columns()
	if names == nil {
		return false
	}
	if c.columns == nil {
		c.columns = record.NewColumns(names, BatchSize)
	}
	c.columns.Block, c.columns.Time = j.seq, j.block.Time.UnixNano()
	return true
}

// scanColumns folds the block's lines field by field.
func (w *worker) scanColumns(data []byte) {
	c, res := w.columns.columns, &w.job.result
	c.Begin(data)
	bad := func(l record.BadLine) { w.badLine(l.Line, l.Pos, l.Err) }
	reject := func(row int, err error) {
		w.reject(0, Reject{Pos: c.Pos[row], Line: bytes.Clone(c.Record(row).Line), Err: err})
	}
	pos := uint32(0)
	for at := 0; at < len(data); {
		next, lines := c.Scan(at, pos, bad)
		at, pos = next, pos+lines
		res.in += int64(c.Len())
		res.tallies[0].in += int64(c.Len())
		w.columns.fold.ProcessColumns(c, w.turn, reject)
	}
	res.lines = int64(pos)
	if c.Mixed() {
		w.columns.skip = mixedBlocks
	}
}
