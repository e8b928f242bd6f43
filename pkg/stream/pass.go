package stream

import "context"

// link builds the chain by which controls pass.
func (t *tail) link() {
	t.passes = make([]Pass, len(t.ops)+1)
	t.passes[len(t.ops)] = t.leave
	for i := len(t.ops) - 1; i >= 0; i-- {
		t.passes[i] = func(c *Control) error { return handControl(t.ops[i], c, t.emit[i+1], t.passes[i+1]) }
	}
}

// handControl gives c to an operator or folder that has to know of it, or to pass.
func handControl(to any, c *Control, emit Emit, pass Pass) error {
	if o, ok := to.(Controller); ok {
		return o.Control(c, emit, pass)
	}
	return pass(c)
}

// controls hands on what follows behind the records of j.
func (t *tail) controls(ctx context.Context, j *job) error {
	t.ctx = ctx
	for _, c := range j.block.Control {
		switch c.Kind {
		case ControlOpen:
			t.marked = true
		case ControlReset:
			t.source = ""
		case ControlMark:
			t.last = c.Last
			c = t.e.arrived(c)
			c.latest = j.turn.reached.Latest()
		}
		if err := t.enter(c); err != nil {
			return err
		}
	}
	return nil
}

// from tells the operators where the records of j come from, where that changes.
func (t *tail) from(j *job) error {
	if j.block.Source == t.source || len(j.block.Data) == 0 {
		return nil
	}
	t.source = j.block.Source
	return t.enter(&Control{Kind: ControlSource, Source: t.source})
}

func (t *tail) enter(c *Control) error {
	if t.folder != nil {
		return handControl(t.folder, c, t.emit[0], t.passes[0])
	}
	return t.passes[0](c)
}

// leave hands c to the sink.
func (t *tail) leave(c *Control) error {
	s, ok := t.e.sink.(ControlSink)
	if !ok || c.Kind == ControlCut {
		return nil
	}
	if c.Kind == ControlMark && len(c.Ledger) > 0 && c.came != nil {
		c.Ledger[len(c.Ledger)-1] = t.e.left(c)
	}
	return s.Control(c)
}

// arrived is c with the counts of this command, as far as they are known when the
// mark comes.
func (e *engine) arrived(c *Control) *Control {
	own := *c
	own.Ledger = append(own.Ledger[:len(own.Ledger):len(own.Ledger)],
		Counts{Stage: e.opts.Name, In: e.ledger.In + e.blank, Rejected: e.ledger.Rejected, Late: e.ledger.Late, Dropped: e.blank})
	own.came = e.tallies()
	return &own
}

// left completes the counts when the mark leaves: all records before it are done.
func (e *engine) left(c *Control) Counts {
	n := c.Ledger[len(c.Ledger)-1]
	n.Out = e.ledger.Out
	if n.In == e.ledger.In+e.blank && e.tail.depth == 0 && (e.tail.folder == nil || e.tail.settled) {
		n.Rejected, n.Late = e.ledger.Rejected, e.ledger.Late
		n.account(e.sum(e.tallies()))
		return n
	}
	// The stage that has kept the mark back has been given records from behind it, and
	// its rows may hold those. All from before it are in rows, or the mark would not pass.
	keeper := e.keeper()
	for i, t := range c.came {
		switch {
		case i < keeper:
			n.account(t.Account)
		case i == keeper:
			n.account(Account{Dropped: t.Dropped, Again: t.Again})
		default:
			n.Rejected, n.Late = n.Rejected-t.rejected, n.Late-t.late // those are rows
		}
	}
	n.Made, n.Open = n.Made+n.Out, 0
	n.Folded += n.In + n.Made - n.Out - n.Rejected - n.Late - n.Dropped - n.Folded - n.Again
	return n
}

// keeper is the first of the operators that may keep marks back.
func (e *engine) keeper() int {
	first := len(e.heads) - 1
	if e.tail.folder != nil {
		return first
	}
	for i, op := range e.tail.ops {
		if _, ok := op.(Controller); ok {
			return first + i
		}
	}
	return first + len(e.tail.ops)
}

func (n *Counts) account(a Account) {
	n.Dropped += a.Dropped
	n.Folded += a.Folded
	n.Made += a.Made
	n.Again += a.Again
	n.Open += a.Open
}

// Rest is how many of the records that came in have not been accounted for; below 0
// it is records that came from nowhere.
func (n Counts) Rest() int64 {
	if n.Folded > 0 && n.Made == 0 {
		n.Made = n.Out // as older versions write it: all that comes out is rows
	}
	return n.In + n.Made - n.Out - n.Rejected - n.Late - n.Dropped - n.Folded - n.Again - n.Open
}
