package stream

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/logpipe/logpipe/pkg/record"
)

// collector is where the results of the workers come together in input order.
type collector struct {
	waiting map[uint64]*job
	next    uint64
	name    string
	line    int64 // next line number of the input
}

// finish takes one block's result in its turn.
func (e *engine) finish(ctx context.Context, j *job) error {
	err := e.part(ctx, j)
	if err == nil || !e.opts.Stop {
		e.ledger.In += int64(len(j.block.Long))
		e.leave(j.leftOut)
		e.blank += j.blank(e.plan)
	}
	if err == nil {
		err = e.tail.controls(ctx, j)
	}
	if j.through != nil {
		close(j.through)
	}
	e.ledger.Bytes += int64(len(j.block.Data))
	if err == nil {
		err = e.refused()
	}
	e.col.line += j.result.lines
	if !e.tail.watermarked {
		select {
		case <-j.turn.done:
		default:
			close(j.turn.done)
		}
	}
	if j.result.direct { // it is the block's
		j.result.out, j.result.direct = nil, false
	} else {
		select {
		case e.outs <- j.result.out:
		default:
		}
	}
	e.counted()
	e.ack(j, err)
	if free := j.block.Free; free != nil && err == nil {
		free()
	}
	return err
}

// leave counts what the source has left out so far.
func (e *engine) leave(n int64) {
	if n > e.leftOut {
		e.ledger.In += n - e.leftOut
		e.leftOut = n
	}
}

// blank is how many lines of the block a stage that reads lines has taken for none.
func (j *job) blank(p *plan) int64 {
	if _, ok := p.first().(Framer); ok {
		return 0 // a record may be several lines
	}
	n := j.result.lines - j.in
	for _, l := range j.block.Long {
		n -= max(1, l.Lines)
	}
	return max(0, n)
}

// counted tells the counts to who has to know them when a write does not end.
func (e *engine) counted() {
	if e.opts.OnBlock != nil {
		e.opts.OnBlock(e.ledger)
	}
}

// part takes what there is of one block's result in its turn.
func (e *engine) part(ctx context.Context, j *job) error {
	res := &j.result
	if j.block.Line > 0 || j.block.Name != e.col.name {
		e.col.name, e.col.line = j.block.Name, max(j.block.Line, 1)
	} else if e.col.line == 0 {
		e.col.line = 1
	}
	var err error
	if e.opts.Stop && len(res.rejected) > 0 {
		err = e.stopAt(ctx, j)
	} else {
		err = e.report(res.rejected)
		e.ledger.In += res.in
		j.in += res.in
		for i := range res.tallies {
			e.heads[i].add(res.tallies[i])
			res.tallies[i] = tally{}
		}
	}
	if err == nil {
		err = res.err
	}
	if err == nil {
		e.counted()
		err = e.tail.take(ctx, j)
	}
	for _, b := range res.batches {
		e.batches.Put(b)
	}
	res.in, res.records = 0, 0
	res.out, res.batches, res.rejected = res.out[:0], res.batches[:0], res.rejected[:0]
	return err
}

// report counts rejections and hands them on.
func (e *engine) report(list []Rejection) error {
	for i := range list {
		r := &list[i]
		if r.Late {
			e.ledger.Late++
		} else {
			e.ledger.Rejected++
		}
		// Where there is no other stage, lines are read for the sink alone.
		long, _ := r.Err.(errLong)
		if r.Lost || e.refuser != nil && len(e.plan.all) == 1 && r.Stage == "" && !long.Taken {
			e.ledger.Refused++
		}
		r.Name, r.Num = e.col.name, e.col.line+int64(r.Pos)
		if r.To != nil {
			if err := r.To(r.Line); err != nil {
				return err
			}
		}
		if e.opts.OnReject != nil {
			if err := e.opts.OnReject(*r); err != nil {
				return err
			}
		}
	}
	return nil
}

// tail is the part of a pipeline that runs in input order.
type tail struct {
	e           *engine
	folder      Folder
	watermarked bool
	scanner     *record.Scanner
	ops         []Operator
	emit        []Emit
	tickers     []Ticker
	passes      []Pass // passes[i] hands a control to op i, the last one to the sink
	out         []byte
	ctx         context.Context
	wrote       time.Time // last output
	source      string    // of the records at hand
	marked      bool      // the input has marks
	last        bool      // its last mark has come
	placed      bool      // the places of the records that come to the sink are known
	tallies     []tally   // of ops
	depth       int       // calls of Process that have not returned
	settled     bool      // no worker folds any more
	unwanted    int       // how many of ops hold, at the end, what nobody wants
}

func newTail(e *engine) (*tail, error) {
	t := &tail{e: e, wrote: time.Now(), scanner: record.NewScanner()}
	p := e.plan
	if err := t.fold(p); err != nil {
		return nil, err
	}
	env := *e.opts.Env
	env.InOrder = true
	from := len(p.all) - len(p.rest)
	var names []string
	var places []placing
	placings := p.placings()
	t.placed = placings[len(placings)-1].known
	stage := 0
	add := func(name string, op Operator) {
		t.ops, names, places = append(t.ops, op), append(names, name), append(places, placings[stage])
		if tk, ok := op.(Ticker); ok {
			t.tickers = append(t.tickers, tk)
		}
	}
	for i, s := range p.rest {
		if at := from + i; at > 0 && (s.Input() == Lines || needsIndex(p.all, at)) {
			add("", joint(s))
			if s.Input() == Objects {
				add("", indexer(t.scanner))
			}
		}
		op, err := serialOperator(s, &env)
		if err != nil {
			return nil, err
		}
		add(s.Name(), op)
		stage++
	}
	t.emit = make([]Emit, len(t.ops)+1)
	t.emit[len(t.ops)] = t.write
	t.tallies = make([]tally, len(t.ops))
	for i := len(t.ops) - 1; i >= 0; i-- {
		t.tallies[i].name = names[i]
		t.emit[i] = t.step(t.ops[i], &t.tallies[i], places[i], t.emit[i+1])
	}
	t.link()
	return t, nil
}

// fold makes the folder of a plan that has one.
func (t *tail) fold(p *plan) (err error) {
	if p.fold == nil {
		return nil
	}
	if t.folder, err = p.fold.Fold(t.e.opts.Env); err != nil {
		return err
	}
	if t.folder != nil && len(p.rest) > 0 {
		spare(t.folder, p.rest[0])
	}
	return nil
}

// spare tells a folder what the stage behind it has no use for.
func spare(f Folder, behind Stage) {
	if u, ok := f.(Unordered); ok {
		if _, ok := behind.(AnyOrder); ok {
			u.Unordered()
		}
	}
	if l, ok := f.(Limited); ok {
		if m, ok := behind.(Limiter); ok {
			if field, n, ok := m.Limit(); ok {
				l.Limit(field, n)
			}
		}
	}
}

func (t *tail) step(op Operator, n *tally, place placing, next Emit) Emit {
	return func(b *Batch) error {
		n.in += int64(len(b.Records))
		before, account, blank := len(b.Rejected), b.Account, b.Blank
		t.depth++
		err := placed(op.Process(b, next), place)
		t.depth--
		n.Account.add(b.Account.minus(account))
		n.Dropped += int64(b.Blank - blank)
		b.Account, b.Blank = account, blank
		list := b.Rejected[min(before, len(b.Rejected)):]
		b.Rejected = b.Rejected[:min(before, len(b.Rejected))]
		for _, r := range list {
			n.refuse(r.Late)
			if err2 := t.e.report([]Rejection{{Reject: r, Stage: n.name}}); err == nil {
				err = err2
			}
		}
		return err
	}
}

func serialOperator(s Stage, env *Env) (Operator, error) {
	switch s := s.(type) {
	case Serial:
		return s.Serial(env)
	case Parallel:
		return s.Parallel(env)
	case Fold:
		f, err := s.Fold(env)
		if err != nil {
			return nil, err
		}
		return newFoldOperator(f), nil
	}
	return nil, ErrStop
}

// take runs the tail over a block's result.
func (t *tail) take(ctx context.Context, j *job) error {
	t.ctx = ctx
	if err := t.from(j); err != nil {
		return err
	}
	res := &j.result
	for i, b := range res.batches {
		j.out += int64(len(b.Records))
		if err := t.pass(b); err != nil {
			for _, b := range res.batches[i+1:] {
				t.e.behind += int64(len(b.Records))
			}
			return err
		}
	}
	if t.folder != nil {
		reached := int64(MinTime)
		if t.watermarked {
			reached = j.turn.reached.Time()
		}
		if err := t.folder.Advance(reached, t.emit[0]); err != nil {
			return err
		}
	}
	j.out += res.records
	if len(res.out) > 0 {
		t.e.ledger.Out += res.records
		t.e.written += res.records
		t.wrote = time.Now()
		t.e.place(res.pos)
		res.pos = nil
		return t.e.sink.Write(ctx, res.out)
	}
	return nil
}

// write encodes a batch at the end of the tail.
func (t *tail) write(b *Batch) error {
	if len(b.Records) == 0 {
		return nil
	}
	t.out = b.AppendJSON(t.out[:0])
	t.e.ledger.Out += int64(len(b.Records))
	t.e.written += int64(len(b.Records))
	t.wrote = time.Now()
	t.placeBatch(b)
	return t.e.sink.Write(t.ctx, t.out)
}

// flush ends the input of the fold, unless its rows are wanted no more, and then
// of every operator, in order.
func (t *tail) flush(ctx context.Context, stopped bool) error {
	t.ctx = ctx
	t.settled = !stopped
	if t.marked && !t.last {
		if err := t.enter(&Control{Kind: ControlCut}); err != nil {
			return err
		}
	}
	if t.folder != nil && !stopped {
		if err := t.folder.Flush(t.emit[0]); err != nil && !errors.Is(err, ErrStop) {
			return err
		}
	}
	for i, op := range t.ops {
		err := op.Flush(t.emit[i+1])
		if errors.Is(err, ErrStop) {
			t.unwanted = i + 1
		} else if err != nil {
			return err
		}
	}
	return nil
}

// close releases what operators hold beyond memory (a terminal, a file), however
// the run ended.
func (t *tail) close() error {
	var errs []error
	for _, op := range t.ops {
		if c, ok := op.(io.Closer); ok {
			errs = append(errs, c.Close())
		}
	}
	return errors.Join(errs...)
}

func (t *tail) rejectedValues(running bool) int64 {
	var n int64
	if v, ok := t.folder.(ValueRejecter); ok && !running {
		n += v.RejectedValues()
	}
	for _, op := range t.ops {
		if v, ok := op.(ValueRejecter); ok {
			n += v.RejectedValues()
		}
	}
	return n
}
