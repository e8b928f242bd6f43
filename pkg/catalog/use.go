package catalog

import (
	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/op"
	"github.com/logpipe/logpipe/pkg/option"
	"github.com/logpipe/logpipe/pkg/stream"
)

// Use is one use of a command: its settings, to be filled, and then its part
// of a pipeline.
type Use struct {
	Command  Command
	Settings option.Set
	operator op.Builder
	source   SourceBuilder
	sink     SinkBuilder
}

// Part is a built stage with how it was written.
type Part struct {
	Command Command
	Words   []string // options and arguments, without the command's name
	Files   []string // input files among the words
	At      int      // byte offset of the stage in the text that Parse has read

	Source Source // one of the three is set; a sink may have a stage of its own before it
	Stage  stream.Stage
	Sink   Sink

	// Answer is what the settings asked for instead of a run (parse --explain).
	Answer   string
	Answered bool
}

// New begins a use of the command.
func (c Command) New() *Use {
	u := &Use{Command: c}
	switch {
	case c.Operator != nil:
		u.operator = c.Operator()
		u.operator.Options(&u.Settings)
	case c.Source != nil:
		u.source = c.Source()
		u.source.Options(&u.Settings)
	case c.Sink != nil:
		u.sink = c.Sink()
		u.sink.Options(&u.Settings)
	}
	return u
}

// Build makes the part of the settings and of the words that are no options.
func (u *Use) Build(args []string) (Part, error) {
	p := Part{Command: u.Command}
	var err error
	switch {
	case u.operator != nil:
		p.Stage, err = u.operator.Build(args)
	case u.source != nil:
		p.Source, err = u.source.Build(args)
	case u.sink != nil:
		p.Sink, err = u.sink.Build(args)
		p.Stage, _ = p.Sink.(stream.Stage) // what it does to records while their place is known
	}
	if err != nil {
		return p, asUsage(err)
	}
	if f, ok := u.builder().(op.FileReader); ok {
		p.Files = f.Files()
	}
	if e, ok := u.builder().(Explainer); ok {
		p.Answer, p.Answered, err = e.Explain()
	}
	return p, err
}

// ReadsFiles reports whether the words of the command may name input files.
func (u *Use) ReadsFiles() bool {
	_, ok := u.builder().(op.FileReader)
	return ok
}

func (u *Use) builder() any {
	switch {
	case u.operator != nil:
		return u.operator
	case u.source != nil:
		return u.source
	}
	return u.sink
}

// asUsage gives errors of a builder the exit code of wrong usage where they
// say nothing else.
func asUsage(err error) error {
	if fault.CodeOf(err) == fault.Failed {
		return fault.With(fault.Usage, err)
	}
	return err
}
