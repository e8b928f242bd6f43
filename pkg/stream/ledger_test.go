package stream

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/logpipe/logpipe/pkg/record"
)

// losing is a stage that loses the third record of each batch and counts what else it
// leaves out.
type losing struct{ serial bool }

func (losing) Name() string { return "losing" }
func (losing) Input() Input { return Objects }

type losingOp struct{ drops bool }

func (o losingOp) Process(b *Batch, emit Emit) error {
	n := 0
	for i, r := range b.Records {
		switch {
		case i == 2: // neither handed on nor counted
		case o.drops && i%2 == 1:
			b.Dropped++
		default:
			b.Records[n] = r
			n++
		}
	}
	b.Records = b.Records[:n]
	return emit(b)
}
func (losingOp) Flush(Emit) error { return nil }

type losingParallel struct{ losing }

func (losingParallel) Parallel(*Env) (Operator, error) { return losingOp{true}, nil }

type losingSerial struct{ losing }

func (losingSerial) Serial(*Env) (Operator, error) { return losingOp{}, nil }

// keeping holds what it is given, and gives out all but a few records at the end.
type keeping struct{ loses, holds int }

func (keeping) Name() string                    { return "keeping" }
func (keeping) Input() Input                    { return Lines }
func (k keeping) Serial(*Env) (Operator, error) { return &keepingOp{keeping: k}, nil }

type keepingOp struct {
	keeping
	lines [][]byte
}

func (o *keepingOp) Process(b *Batch, _ Emit) error {
	for _, r := range b.Records {
		o.lines = append(o.lines, r.AppendJSON(nil))
	}
	return nil
}

func (o *keepingOp) Flush(emit Emit) error {
	b := NewBatch()
	for _, line := range o.lines[o.loses+o.holds:] {
		b.New().Reset(line, &b.Arena)
	}
	o.lines = o.lines[:o.holds]
	return emit(b)
}

func (o *keepingOp) Account() Account { return Account{Open: int64(len(o.lines))} }

// TestLostRecordShows builds stages that lose a record without a word.
func TestLostRecordShows(t *testing.T) {
	all := parallelStage{"all", Objects, func(*record.Record) (bool, error) { return true, nil }}
	for _, c := range []struct {
		stages []Stage
		gaps   string
		sum    Account
	}{
		{[]Stage{even}, "", Account{Dropped: 5}},
		{[]Stage{even, all, keeping{}}, "", Account{Dropped: 5}},
		{[]Stage{losingParallel{}}, "1 record was lost in losing", Account{Dropped: 5}},
		{[]Stage{losingSerial{}}, "1 record was lost in losing", Account{}},
		{[]Stage{all, losingParallel{}, even}, "1 record was lost in losing", Account{Dropped: 5}},
		{[]Stage{all, keeping{}, losingParallel{}}, "1 record was lost in losing", Account{Dropped: 5}},
		{[]Stage{keeping{loses: 2}}, "2 records were lost in keeping", Account{}},
		{[]Stage{keeping{holds: 3}, all}, "3 held by keeping at the end of its input", Account{Open: 3}},
	} {
		for _, workers := range []int{1, 3} {
			_, _, l := runText(t, strings.NewReader(numbers(10)), workers, c.stages...)
			if l.Gaps != c.gaps || l.Account != c.sum {
				t.Errorf("%d workers, %v: %q %+v, want %q %+v", workers, c.stages, l.Gaps, l.Account, c.gaps, c.sum)
			}
		}
	}
}

// TestOpenAtAnError ends runs in the middle: what was read and is not out is open.
func TestOpenAtAnError(t *testing.T) {
	full := errors.New("disk full")
	all := parallelStage{"all", Objects, func(*record.Record) (bool, error) { return true, nil }}
	for name, stages := range map[string][]Stage{"held": {all, keeping{}}, "filter": {even}, "lines": {all}} {
		sink := sinkFunc(func([]byte) error { return full })
		l, err := Run(context.Background(), Pipeline{NewReader(strings.NewReader(numbers(1000)), "", nil), stages, sink}, Options{Env: &Env{}})
		if !errors.Is(err, full) {
			t.Errorf("%s: %v", name, err)
		}
		if l.In != 1000 || l.In != l.Out+l.Dropped+l.Open || l.Gaps != "" {
			t.Errorf("%s: %+v", name, l)
		}
	}

	// The input fails: what a stage has kept until then is open.
	in := io.MultiReader(strings.NewReader(numbers(1000)), iotest.ErrReader(full))
	l, err := Run(context.Background(), Pipeline{NewReader(in, "", nil), []Stage{all, keeping{}}, &memory{}}, Options{Env: &Env{}})
	if !errors.Is(err, full) || l.In != 1000 || l.Open != 1000 || l.Out != 0 {
		t.Errorf("%v: %+v", err, l)
	}
}
