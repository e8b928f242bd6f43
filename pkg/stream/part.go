package stream

// A block's result above these sizes is handed on in parts, so that memory does
// not grow with what an operator makes of a block.
const (
	partBytes   = 8 << 20
	partBatches = 128
	partRejects = 1 << 16
)

// handOn hands on a part of the block's result where it has grown large.
func (w *worker) handOn() error {
	res := &w.job.result
	if len(res.out) >= partBytes || len(res.batches) >= partBatches || len(res.rejected) >= partRejects {
		return w.part()
	}
	return nil
}

// part hands on what there is of the block's result, waits until the collector
// has taken it in its turn, and begins the next part.
func (w *worker) part() error {
	j := w.job
	j.result.sort()
	j.more = true
	w.engine.results <- j
	select {
	case <-j.taken:
		return nil
	case <-w.engine.abandoned:
		return ErrStop
	}
}
