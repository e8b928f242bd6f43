package stream

import (
	"errors"
	"fmt"
	"strings"
)

// Account is what an operator has done with the records that it has not handed on.
// With it, the records of each stage add up:
//
//	in + made = out + rejected + late + dropped + folded + again + open
//
// The engine counts what goes in, comes out and is refused; the operator counts the
// rest where it happens, so that a record that is lost shows.
type Account struct {
	Dropped int64 // left out by the purpose of the stage
	Folded  int64 // have gone into rows that are out
	Made    int64 // rows that are out
	Again   int64 // forgotten at a reset: they come again
	Open    int64 // held: they may come out yet
}

func (a *Account) add(b Account) {
	a.Dropped += b.Dropped
	a.Folded += b.Folded
	a.Made += b.Made
	a.Again += b.Again
	a.Open += b.Open
}

func (a Account) minus(b Account) Account {
	return Account{a.Dropped - b.Dropped, a.Folded - b.Folded, a.Made - b.Made, a.Again - b.Again, a.Open - b.Open}
}

// Accountant is an Operator or Folder that keeps records beyond a call of Process.
// Account tells of all of them so far; it is called where Flush is. What Process has
// done with the records of a batch may also be counted in the batch.
type Accountant interface{ Account() Account }

// GapText says that n records of a stage are not accounted for; below 0 they have come
// from nowhere.
func GapText(stage string, n int64) string {
	what := "records were"
	if n == 1 || n == -1 {
		what = "record was"
	}
	if n < 0 {
		return fmt.Sprintf("%d %s put out by %s that had not come in", -n, what, stage)
	}
	return fmt.Sprintf("%d %s lost in %s", n, what, stage)
}

// tally counts the records of one operator.
type tally struct {
	name               string
	in, rejected, late int64
	Account
}

func (t *tally) add(o tally) {
	t.in += o.in
	t.rejected += o.rejected
	t.late += o.late
	t.Account.add(o.Account)
}

func (t *tally) refuse(late bool) {
	if late {
		t.late++
	} else {
		t.rejected++
	}
}

// rest is what is not accounted for of the records of an operator that has handed on out.
func (t *tally) rest(out int64) int64 {
	return t.in + t.Made - out - t.rejected - t.late - t.Dropped - t.Folded - t.Again - t.Open
}

// tallies are the counts of the operators, in their order: those of the workers, up to
// the block that has been taken last, and those behind them.
func (e *engine) tallies() []tally {
	list := append([]tally(nil), e.heads...)
	if n := len(list) - 1; e.plan.fold == nil {
		list = list[:n]
	} else if a, ok := e.tail.folder.(Accountant); ok && e.tail.settled {
		list[n].Account.add(a.Account())
	} else {
		// The workers are ahead: what they hold belongs to blocks behind, too.
		list[n].Made = e.tail.entered(e)
		list[n].Open = list[n].rest(list[n].Made)
	}
	for i, op := range e.tail.ops {
		t := e.tail.tallies[i]
		if a, ok := op.(Accountant); ok {
			t.Account.add(a.Account())
		}
		if i < e.tail.unwanted {
			t.Dropped, t.Open = t.Dropped+t.Open, 0
		}
		list = append(list, t)
	}
	return list
}

// entered is how many records have come to the first operator behind the workers, or
// to the sink.
func (t *tail) entered(e *engine) int64 {
	if len(t.ops) > 0 {
		return t.tallies[0].in
	}
	return e.written
}

// sum is what all operators have done; what was read and then wanted by nobody is dropped.
func (e *engine) sum(list []tally) Account {
	a := Account{Dropped: e.leftOut + e.behind}
	for _, t := range list {
		a.add(t.Account)
	}
	return a
}

// settle completes the ledger when the run has ended, with err.
func (e *engine) settle(err error) {
	if l := leaverOf(e.source); l != nil && err == nil && !e.cut {
		e.leave(l.Left())
	}
	list := e.tallies()
	l := &e.ledger
	l.Account = e.sum(list)
	rest := l.In + l.Made - l.Out - l.Rejected - l.Late - l.Dropped - l.Folded - l.Again - l.Open
	if err != nil && !errors.Is(err, ErrStop) || e.cut {
		l.Open += max(0, rest) // what was at hand when the run ended
		return
	}
	var gaps []string
	for i := range list {
		out := e.written
		switch {
		case i+1 < len(e.heads):
			out = e.heads[i+1].in
		case i+1 < len(list):
			out = list[i+1].in
		}
		n := list[i].rest(out)
		if n != 0 {
			gaps = append(gaps, GapText(nameAt(list, i), n))
		}
		rest -= n
		if held := list[i].Open; held > 0 && err == nil && e.tail.settled {
			gaps = append(gaps, fmt.Sprintf("%d held by %s at the end of its input", held, nameAt(list, i)))
		}
	}
	if rest != 0 {
		gaps = append(gaps, GapText("reading or writing", rest))
	}
	l.Gaps = strings.Join(gaps, "; ")
}

// nameAt names the stage of an operator: what stands before a stage to read what the
// one before it has written is part of it.
func nameAt(list []tally, i int) string {
	for _, t := range list[i:] {
		if t.name != "" {
			return t.name
		}
	}
	return ""
}

// heads are the counts of the operators of all workers.
func (w *worker) heads() []tally {
	list := make([]tally, len(w.ops)+1)
	for i, name := range w.names {
		list[i].name = name
	}
	if w.plan.fold != nil {
		list[len(w.ops)].name = w.plan.fold.Name()
	}
	return list
}

// reject takes what operator i, or the fold behind them all, has rejected.
func (w *worker) reject(i int, r Reject) {
	name := ""
	if i < len(w.names) {
		name = w.names[i]
	} else {
		name = w.plan.fold.Name()
	}
	res := &w.job.result
	res.tallies[i].refuse(r.Late)
	res.rejected = append(res.rejected, Rejection{Reject: r, Stage: name})
}
