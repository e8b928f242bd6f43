package stream

import (
	"fmt"

	"github.com/logpipe/logpipe/pkg/record"
)

// Chain runs Parallel stages over records that somebody has at hand and wants
// back at once, such as an interceptor of an agent: without an input, blocks or
// goroutines. It is used by one goroutine at a time.
type Chain struct {
	batch   *Batch
	scanner *record.Scanner
	objects bool // the first stage reads objects
	emit    Emit // hands a batch to the first stage
	out     Emit // of the call of Run
	refused []Reject
}

// NewChain makes a chain of stages, which keep nothing between records.
func NewChain(stages []Stage, env *Env) (*Chain, error) {
	c := &Chain{batch: NewBatch(), scanner: record.NewScanner()}
	var ops []Operator
	for i, s := range stages {
		p, ok := s.(Parallel)
		if !ok {
			return nil, fmt.Errorf("%s keeps records back", s.Name())
		}
		if i > 0 && s.Input() == Lines {
			ops = append(ops, joint(s))
		}
		if needsIndex(stages, i) && i > 0 {
			ops = append(ops, indexer(c.scanner))
		}
		op, err := p.Parallel(env)
		if err != nil {
			return nil, err
		}
		ops = append(ops, op)
	}
	c.objects = len(stages) > 0 && stages[0].Input() == Objects
	c.emit = func(b *Batch) error { return c.out(b) }
	for i := len(ops) - 1; i >= 0; i-- {
		op, next := ops[i], c.emit
		c.emit = func(b *Batch) error {
			before := len(b.Rejected)
			err := op.Process(b, next)
			c.refused = append(c.refused, b.Rejected[min(before, len(b.Rejected)):]...)
			b.Rejected = b.Rejected[:min(before, len(b.Rejected))]
			return err
		}
	}
	return c, nil
}

// Run gives records to the first stage: line number i, for 0 <= i < n, is that
// record's text, in which a newline is no end. What comes out of the last stage
// goes to emit; Record.Pos is the number of the record that it was made of. What
// stages refused is returned, and is valid until the next call.
func (c *Chain) Run(n int, line func(i int) ([]byte, *record.Meta), emit Emit) ([]Reject, error) {
	c.out, c.refused = emit, c.refused[:0]
	for i := 0; i < n; {
		b := c.batch
		b.Reset()
		for ; i < n && len(b.Records) < BatchSize; i++ {
			text, meta := line(i)
			r := b.New()
			r.Reset(text, &b.Arena)
			r.Pos = uint32(i)
			if c.objects {
				if err := IndexLine(c.scanner, r); err != nil {
					b.Records = b.Records[:len(b.Records)-1]
					b.Unuse()
					c.refused = append(c.refused, Reject{Pos: uint32(i), Line: text, Err: err})
					continue
				}
			}
			r.Meta = meta
		}
		if err := c.emit(b); err != nil {
			return c.refused, err
		}
	}
	return c.refused, nil
}
