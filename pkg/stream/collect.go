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
	}
	if err == nil {
		err = e.tail.controls(ctx, j)
	}
	if j.through != nil {
		close(j.through)
	}
	e.ledger.Bytes += int64(len(j.block.Data))
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
}

func newTail(e *engine) (*tail, error) {
	t := &tail{e: e, wrote: time.Now(), scanner: record.NewScanner()}
	p := e.plan
	if p.fold != nil {
		var err error
		if t.folder, err = p.fold.Fold(e.opts.Env); err != nil {
			return nil, err
		}
	}
	if t.folder != nil && len(p.rest) > 0 {
		spare(t.folder, p.rest[0])
	}
	env := *e.opts.Env
	env.InOrder = true
	from := len(p.all) - len(p.rest)
	var names []string
	var places []placing
	placings := p.placings()
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
	for i := len(t.ops) - 1; i >= 0; i-- {
		t.emit[i] = t.step(t.ops[i], names[i], places[i], t.emit[i+1])
	}
	t.link()
	return t, nil
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

func (t *tail) step(op Operator, name string, place placing, next Emit) Emit {
	return func(b *Batch) error {
		before := len(b.Rejected)
		err := placed(op.Process(b, next), place)
		list := b.Rejected[min(before, len(b.Rejected)):]
		b.Rejected = b.Rejected[:min(before, len(b.Rejected))]
		for _, r := range list {
			if err2 := t.e.report([]Rejection{{Reject: r, Stage: name}}); err == nil {
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
	for _, b := range res.batches {
		j.out += int64(len(b.Records))
		if err := t.pass(b); err != nil {
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
		t.wrote = time.Now()
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
	t.wrote = time.Now()
	return t.e.sink.Write(t.ctx, t.out)
}

// flush ends the input of the fold, unless its rows are wanted no more, and then
// of every operator, in order.
func (t *tail) flush(ctx context.Context, stopped bool) error {
	t.ctx = ctx
	if t.folder != nil && !stopped {
		if err := t.folder.Flush(t.emit[0]); err != nil && !errors.Is(err, ErrStop) {
			return err
		}
	}
	for i, op := range t.ops {
		if err := op.Flush(t.emit[i+1]); err != nil && !errors.Is(err, ErrStop) {
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

// clock drives what happens by time rather than by input.
type clock struct {
	e      *engine
	tick   <-chan time.Time
	ticker *time.Ticker
	due    []time.Time
	held   bool
	count  time.Time
}

func newClock(e *engine) *clock {
	c := &clock{e: e, count: time.Now()}
	every := time.Second
	if f, ok := e.tail.folder.(Ticker); ok {
		e.tail.tickers = append(e.tail.tickers, f)
	}
	for _, t := range e.tail.tickers {
		if d := t.Every(); d > 0 {
			every = min(every, max(d, 10*time.Millisecond))
		}
		c.due = append(c.due, time.Now().Add(t.Every()))
	}
	c.ticker = time.NewTicker(every)
	c.tick = c.ticker.C
	return c
}

func (c *clock) stop() { c.ticker.Stop() }

// act runs the tickers that are due and tells what is held.
func (c *clock) act(ctx context.Context, now time.Time) error {
	t := c.e.tail
	t.ctx = ctx
	for i, tk := range t.tickers {
		if tk.Every() <= 0 || now.Before(c.due[i]) {
			continue
		}
		c.due[i] = c.due[i].Add(tk.Every())
		if c.due[i].Before(now) {
			c.due[i] = now.Add(tk.Every())
		}
		if err := tk.Tick(now, t.after(tk)); err != nil {
			return err
		}
	}
	if c.e.opts.OnCount != nil && now.Sub(c.count) >= time.Second {
		c.count = now
		c.e.opts.OnCount(c.e.ledger)
	}
	c.hold(now)
	return nil
}

// after is the Emit behind the operator or folder that ticks.
func (t *tail) after(tk Ticker) Emit {
	for i, op := range t.ops {
		if any(op) == any(tk) {
			return t.emit[i+1]
		}
	}
	return t.emit[0]
}

func (c *clock) hold(now time.Time) {
	t := c.e.tail
	if c.held || c.e.opts.OnHold == nil || c.e.ledger.In == 0 || now.Sub(t.wrote) < c.e.opts.HoldFor {
		return
	}
	if t.folder != nil {
		if text := t.folder.Holding(); text != "" {
			c.held = true
			c.e.opts.OnHold(text)
			return
		}
	}
	for _, op := range t.ops {
		if h, ok := op.(interface{ Holding() string }); ok {
			if text := h.Holding(); text != "" {
				c.held = true
				c.e.opts.OnHold(text)
				return
			}
		}
	}
}
