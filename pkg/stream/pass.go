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
		case ControlReset:
			t.source = ""
		case ControlMark:
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
	if !ok {
		return nil
	}
	if c.Kind == ControlMark && len(c.Ledger) > 0 {
		c.Ledger[len(c.Ledger)-1].leave(t.e.ledger.Out, t.e.plan.filters())
	}
	return s.Control(c)
}

// arrived is c with the counts of this command, as far as they are known when the
// mark comes.
func (e *engine) arrived(c *Control) *Control {
	own := *c
	own.Ledger = append(own.Ledger[:len(own.Ledger):len(own.Ledger)],
		Counts{Stage: e.opts.Name, In: e.ledger.In, Rejected: e.ledger.Rejected, Late: e.ledger.Late})
	return &own
}

// leave completes the counts when the mark leaves: all records before it are done.
// filters tells that those that are neither out nor refused have been left out.
func (n *Counts) leave(out int64, filters bool) {
	n.Out = out
	rest := n.In - n.Rejected - n.Late
	if filters {
		n.Dropped = max(0, rest-out)
	} else {
		n.Folded = rest
	}
}

// filters reports whether each record that comes out is one that came in.
func (p *plan) filters() bool {
	for _, s := range p.all {
		_, parallel := s.(Parallel)
		_, passes := s.(Passer)
		_, expands := s.(Expander)
		if !parallel && !passes || expands {
			return false
		}
	}
	return true
}
