package stream

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/logpipe/logpipe/pkg/record"
)

// worker runs the parallel part of a pipeline, a block at a time.
type worker struct {
	engine  *engine
	plan    *plan
	scanner *record.Scanner
	framer  Framer
	objects bool // the first stage reads objects: blocks are indexed directly
	returns bool // it takes a carriage return before a line end for one of the line's bytes
	ops     []Operator
	names   []string
	emit    []Emit // emit[i] hands a batch to op i, the last one to the end
	fold    FoldWorker
	last    Emit          // takes batches instead of the collector (stopAt), or nil
	columns *columnReader // where the fold reads columns, or nil
	passer  BlockPasser   // the only operator, where blocks may go on whole, or nil
	keep    bool          // batches go on to the collector as they are
	batch   *Batch
	job     *job
	in      int64
}

// result is what a worker made of a block.
type result struct {
	lines    int64 // lines of the block, blank and overlong ones included
	in       int64 // records
	out      []byte
	pos      []uint32 // of the records in out, where the sink wants to know; nil = each line is one
	records  int64    // in out
	batches  []*Batch
	rejected []Rejection
	tallies  []tally // of the operators, and of the fold or what comes out of the last of them
	err      error
	direct   bool // out is the block's own data
}

// errLong refuses a line that was not read.
type errLong LongLine

func (e errLong) Error() string {
	if e.Cut != nil {
		return fmt.Sprintf("reading ended within the line, after %d bytes of it", e.Size)
	}
	what := "line"
	if e.Lines > 1 || e.Fault != "" {
		what = "record"
	}
	text := fmt.Sprintf("%s of %d bytes", what, e.Size)
	if e.Lines > 1 {
		text += fmt.Sprintf(" in %d lines", e.Lines)
	}
	text += fmt.Sprintf(" is longer than the limit of %d MiB", MaxLine>>20)
	if !e.Taken {
		text += " and was skipped"
	}
	if e.Fault != "" {
		text += ": " + e.Fault
	}
	return text
}

func newWorker(e *engine) (*worker, error) {
	p, env := e.plan, e.opts.Env
	w := &worker{engine: e, plan: p, scanner: record.NewScanner()}
	first := p.first()
	w.framer, _ = first.(Framer)
	w.objects = first != nil && first.Input() == Objects
	w.returns = keepsReturns(first)
	for i, s := range p.head {
		if i > 0 && needsIndex(p.all, i) {
			w.add("", indexer(w.scanner))
		}
		op, err := s.Parallel(env)
		if err != nil {
			return nil, err
		}
		w.add(s.Name(), op)
	}
	if p.fold != nil {
		w.fold = e.tail.folder.Worker()
		e.tail.watermarked = w.fold.Watermarked()
		if c, ok := w.fold.(ColumnWorker); ok && w.objects && len(p.head) == 0 {
			w.columns = &columnReader{fold: c}
		}
		if i := len(p.head); i > 0 && needsIndex(p.all, i) {
			w.add("", indexer(w.scanner))
		}
	}
	w.keep = p.fold == nil && len(p.rest) > 0
	if len(w.ops) == 1 && p.fold == nil && !w.keep && !w.objects {
		w.passer, _ = w.ops[0].(BlockPasser)
	}
	w.link()
	return w, nil
}

func (w *worker) add(name string, op Operator) {
	w.ops, w.names = append(w.ops, op), append(w.names, name)
}

// link builds the chain of plain calls.
func (w *worker) link() {
	w.emit = make([]Emit, len(w.ops)+1)
	w.emit[len(w.ops)] = w.end
	for i := len(w.ops) - 1; i >= 0; i-- {
		op, next := w.ops[i], w.emit[i+1]
		if i == 0 {
			next = w.uncount(next)
		}
		w.emit[i] = func(b *Batch) error {
			w.job.result.tallies[i].in += int64(len(b.Records))
			rejected, account, blank := len(b.Rejected), b.Account, b.Blank
			err := op.Process(b, next)
			w.refused(b, rejected, i)
			if t := &w.job.result.tallies[i]; b.Account != account || b.Blank != blank {
				t.Account.add(b.Account.minus(account))
				t.Dropped += int64(b.Blank - blank)
				b.Account, b.Blank = account, blank
			}
			return err
		}
	}
}

// uncount stands behind the first stage: lines that it has taken for no records
// do not count as such.
func (w *worker) uncount(next Emit) Emit {
	return func(b *Batch) error {
		w.job.result.in -= int64(b.Blank)
		w.job.result.tallies[0].in -= int64(b.Blank)
		b.Blank = 0
		return next(b)
	}
}

// indexer makes objects of lines.
func indexer(s *record.Scanner) Operator {
	return Map(func(r *record.Record) (bool, error) {
		if r.Indexed() {
			return true, nil
		}
		err := IndexLine(s, r)
		if errors.Is(err, record.ErrBlank) {
			return false, nil
		}
		return true, err
	})
}

// IndexLine indexes the line that r holds as one JSON object.
func IndexLine(s *record.Scanner, r *record.Record) error {
	n := len(r.Line)
	buf := make([]byte, n+1, n+1+record.Padding)
	copy(buf, r.Line)
	buf[n] = '\n'
	_, err := s.Scan(buf, 0, r)
	return err
}

// refused collects what operator i has rejected since before.
func (w *worker) refused(b *Batch, before int, i int) {
	for _, r := range b.Rejected[min(before, len(b.Rejected)):] {
		if r.Line != nil {
			r.Line = bytes.Clone(r.Line)
		}
		w.reject(i, r)
	}
	b.Rejected = b.Rejected[:min(before, len(b.Rejected))]
}

// run processes the block of j.
func (w *worker) run(j *job) {
	w.job = j
	res := &j.result
	res.rejected = res.rejected[:0]
	res.tallies = make([]tally, len(w.ops)+1)
	for _, l := range j.block.Long {
		res.rejected = append(res.rejected, Rejection{Reject: Reject{Pos: uint32(l.Before), Line: l.Cut, Err: errLong(l)}})
	}
	select {
	case res.out = <-w.engine.outs:
		res.out = res.out[:0]
	default:
	}
	var err error
	switch {
	case w.passWhole(j):
	case w.columns != nil && j.block.Meta == nil && w.columns.begin(j):
		w.scanColumns(j.block.Data)
	case w.objects:
		err = w.scanObjects(j.block.Data)
	default:
		err = w.splitLines(j.block.Data)
	}
	for _, l := range j.block.Long {
		res.lines += max(1, l.Lines)
	}
	if err == nil && w.fold != nil {
		err = w.foldBlock()
	}
	if err != nil {
		res.err = err
		w.pass()
	}
	res.sort()
}

// passWhole hands a block on as it is where all of its lines may go so.
func (w *worker) passWhole(j *job) bool {
	if raw := int64(j.block.Raw); raw > 0 {
		res := &j.result
		res.in, res.lines = raw, raw
		w.whole(raw)
		return true
	}
	if w.passer == nil || j.block.Meta != nil || len(j.block.Long) > 0 || w.last != nil || len(j.block.Data) == 0 {
		return false
	}
	n, ok := w.passer.PassBlock(j.block.Data)
	if !ok {
		return false
	}
	res := &j.result
	res.in, res.lines = int64(n), int64(n)
	w.whole(int64(n))
	return true
}

// whole counts the records of a block that goes out as it is.
func (w *worker) whole(n int64) {
	res := &w.job.result
	for i := range res.tallies {
		res.tallies[i].in = n
	}
	res.records = n
	res.out, res.direct = w.job.block.Data, true
}

// sort puts what was rejected into the order of the input.
func (r *result) sort() {
	slices.SortStableFunc(r.rejected, func(a, b Rejection) int { return int(a.Pos) - int(b.Pos) })
}

func (w *worker) begin() *Batch {
	if w.batch == nil {
		w.batch = w.spare()
	}
	b := w.batch
	b.Reset()
	b.Block, b.Time, b.Sniffed = w.job.seq, w.job.block.Time.UnixNano(), w.job.sniffed
	return b
}

// spare returns a used batch or a new one.
func (w *worker) spare() *Batch {
	if b, _ := w.engine.batches.Get().(*Batch); b != nil {
		return b
	}
	return NewBatch()
}

// scanObjects indexes the block's lines and runs the chain over them.
func (w *worker) scanObjects(data []byte) error {
	pos, num := uint32(0), len(data)
	for at := 0; at < num; {
		b := w.begin()
		for at < num && len(b.Records) < BatchSize {
			r := b.New()
			r.Reset(nil, &b.Arena)
			r.Pos, r.Block = pos, b.Block
			pos++
			next, err := w.scanner.Scan(data, at, r)
			if err != nil {
				b.Records = b.Records[:len(b.Records)-1]
				b.Unuse()
				next = at + bytes.IndexByte(data[at:], '\n') + 1
				w.badLine(data[at:next-1], pos-1, err)
			} else if meta := w.job.block.Meta; meta != nil {
				r.Meta = meta[pos-1]
			}
			at = next
		}
		if err := w.through(b); err != nil {
			return err
		}
	}
	w.job.result.lines = int64(pos)
	return nil
}

// badLine counts a line that is no object; a blank one is none.
func (w *worker) badLine(line []byte, pos uint32, err error) {
	if err == record.ErrBlank {
		return
	}
	w.job.result.in++
	w.job.result.rejected = append(w.job.result.rejected,
		Rejection{Reject: Reject{Pos: pos, Line: bytes.Clone(line), Err: err}})
}

// splitLines cuts the block into lines and runs the chain over them.
func (w *worker) splitLines(data []byte) error {
	pos := uint32(0)
	for at := 0; at < len(data); {
		b := w.begin()
		for at < len(data) && len(b.Records) < BatchSize {
			var line []byte
			lines := uint32(1)
			if w.framer != nil {
				var n int
				line, n = w.framer.Next(data[at:])
				lines = uint32(bytes.Count(data[at:at+n], []byte{'\n'}))
				at += n
			} else {
				n := bytes.IndexByte(data[at:], '\n')
				line = data[at : at+n : at+n]
				at += n + 1
				if n > 0 && line[n-1] == '\r' && !w.returns {
					line = line[:n-1]
				}
			}
			r := b.New()
			r.Reset(line, &b.Arena)
			r.Pos, r.Block = pos, b.Block
			if meta := w.job.block.Meta; meta != nil {
				r.Meta = meta[pos]
			}
			pos += lines
		}
		if err := w.through(b); err != nil {
			return err
		}
	}
	w.job.result.lines = int64(pos)
	return nil
}

// end takes a batch at the end of the parallel part.
func (w *worker) end(b *Batch) error {
	res := &w.job.result
	res.tallies[len(w.ops)].in += int64(len(b.Records))
	switch {
	case w.last != nil:
		return w.last(b)
	case w.fold != nil:
		before := len(b.Rejected)
		err := w.fold.Process(b, w.turn)
		w.refused(b, before, len(w.ops))
		return err
	case w.keep && b == w.batch:
		res.batches = append(res.batches, b)
		w.batch = nil
		return nil // the operators before are not done with it: handed on by through
	case w.keep: // an operator's own
		res.batches = append(res.batches, b.moveTo(w.spare()))
	default:
		res.records += int64(len(b.Records))
		if w.engine.refuser != nil {
			res.pos = appendPlaces(res.pos, b)
		}
		res.out = b.AppendJSON(res.out)
	}
	if w.engine.opts.Stop {
		return nil // what is rejected of the batch is known only when it is through
	}
	return w.handOn()
}

// through runs the chain over a batch.
func (w *worker) through(b *Batch) error {
	w.job.result.in += int64(len(b.Records))
	err := w.emit[0](b)
	if err == nil {
		err = w.handOn()
	}
	return err
}
