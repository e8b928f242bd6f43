package op

import "github.com/logpipe/logpipe/pkg/stream"

// Operators that keep records back count what has become of them.

// Account implements stream.Accountant.
func (o *sorter) Account() stream.Account {
	return stream.Account{Open: int64(len(o.rows) - o.out), Again: o.again}
}

// Account implements stream.Accountant.
func (o *gridPrinter) Account() stream.Account {
	a := stream.Account{Made: o.made, Again: o.again}
	if rows := int64(len(o.grid.rows)); o.ended {
		a.Folded = rows
	} else {
		a.Open = rows
	}
	return a
}

// Account implements stream.Accountant: the header is made.
func (o *rowPrinter) Account() stream.Account {
	if o.begun {
		return stream.Account{Made: 1}
	}
	return stream.Account{}
}

// Account implements stream.Accountant.
func (f *windowFold) Account() stream.Account {
	a := f.rows.account()
	a.Folded, a.Again = f.folded, f.forgotten
	a.Dropped += f.counted.Load()
	for _, w := range f.workers {
		w.mu.Lock()
		for _, g := range w.panes {
			a.Open += g.Records
		}
		w.mu.Unlock()
	}
	return a
}

// Account implements stream.Accountant.
func (f *groupFold) Account() stream.Account {
	a := f.rows.account()
	a.Folded = f.folded
	for _, w := range f.workers {
		a.Open += w.local.Records
	}
	for _, s := range f.shared {
		a.Open += s.group.Records
	}
	return a
}

// Account implements stream.Accountant.
func (o *ranker) Account() stream.Account {
	return stream.Account{Dropped: o.dropped + o.again.count, Again: o.forgotten, Open: o.ranking() - o.sent}
}

// ranking is how many records the ranking at hand has.
func (o *ranker) ranking() int64 {
	if o.rows != nil {
		return int64(len(o.rows))
	}
	n := 0
	for _, g := range o.groups {
		n += len(g.heap)
	}
	return int64(n)
}

// Account implements stream.Accountant: what is on the screen is out, until other
// records take its place.
func (o *liveTop) Account() stream.Account {
	a := o.ranker.Account()
	a.Folded, a.Open = o.past+a.Open, 0
	return a
}
