package stream

import "fmt"

// plan is a list of stages cut at the places where they meet.
type plan struct {
	head []Parallel // on the workers
	fold Fold       // on the workers, or nil
	rest []Stage    // on the collector
	all  []Stage
}

// newPlan cuts stages. Where the first rejection stops the run, a fold is part of
// the rest: its tables must not know what comes behind the rejected record.
func newPlan(stages []Stage, stop bool) (*plan, error) {
	p := &plan{all: stages}
	i := Spread(stages)
	for _, s := range stages[:i] {
		p.head = append(p.head, s.(Parallel))
	}
	if i < len(stages) && !stop {
		if f, ok := stages[i].(Fold); ok {
			p.fold = f
			i++
		}
	}
	p.rest = stages[i:]
	for _, s := range p.rest {
		switch s.(type) {
		case Parallel, Serial, Fold:
		default:
			return nil, fmt.Errorf("%s cannot be a stage of a pipeline", s.Name())
		}
	}
	return p, nil
}

// Spread is how many of stages, from the first on, run on all cores: the Parallel
// ones, up to one that must see the output of another in its order.
func Spread(stages []Stage) int {
	for i, s := range stages {
		_, parallel := s.(Parallel)
		_, sniffs := s.(Sniffer)
		_, frames := s.(Framer)
		if !parallel || i > 0 && (sniffs || frames) {
			return i
		}
	}
	return len(stages)
}

// first is the stage that reads the input, or nil.
func (p *plan) first() Stage {
	if len(p.all) == 0 {
		return nil
	}
	return p.all[0]
}

// needsIndex reports whether stage i must be given indexed records that the
// stage before it may not have indexed.
func needsIndex(stages []Stage, i int) bool {
	return stages[i].Input() == Objects && (i == 0 || stages[i-1].Input() == Lines)
}

// FramerOf returns the framer of the input of stages, for NewReader; nil is by
// lines.
func FramerOf(stages []Stage) Framer {
	if len(stages) > 0 {
		if f, ok := stages[0].(Framer); ok {
			return f
		}
	}
	return nil
}
