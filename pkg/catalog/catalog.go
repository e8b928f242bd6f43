// Package catalog is the one table of the commands that can be a stage of a
// pipeline: sources, operators and sinks by name. The command line makes its
// commands of it, `run` and the agent look stages up in it, and help, man pages
// and completion are written from it. The package also reads the text of a
// pipeline, in the quoting of the shell.
package catalog

import (
	"context"
	"errors"

	"github.com/logpipe/logpipe/pkg/format"
	"github.com/logpipe/logpipe/pkg/op"
	"github.com/logpipe/logpipe/pkg/option"
	"github.com/logpipe/logpipe/pkg/stream"
)

// Group is a heading of the list of commands.
type Group string

// The groups, in the order in which help shows them.
const (
	Move  Group = "Move"  // records come and go
	Shape Group = "Shape" // a record in, records out
	Ask   Group = "Ask"   // many records in, rows out
	Run   Group = "Run"   // whole pipelines, and the program itself
)

// Groups lists the groups in order, with what they are for.
func Groups() []Heading {
	return []Heading{
		{Move, "bring records in and out"},
		{Shape, "make records of lines and change them"},
		{Ask, "count, sum and rank"},
		{Run, "run pipelines, and the rest"},
	}
}

// Heading is a group with its purpose.
type Heading struct {
	Group   Group
	Purpose string
}

// Command describes a stage in its role: one of Operator, Source and Sink is set.
type Command struct {
	Name     string
	Usage    string
	Short    string
	Long     string
	Examples []op.Example
	Group    Group

	Operator func() op.Builder
	Source   func() SourceBuilder
	Sink     func() SinkBuilder

	Text  bool     // its output is text for people, no records
	Typed bool     // as a command of its own it reads records typed on a terminal
	Words []string // what the first word may be, for completion; nil = anything
}

// Source opens a stream of records.
type Source interface {
	// Open starts reading. ctx ends it.
	Open(ctx context.Context, env *stream.Env) (stream.Source, error)
	// Live tells whether it may wait for records.
	Live() bool
}

// Sink opens where a pipeline's records go.
type Sink interface {
	Open(ctx context.Context, env *stream.Env) (stream.Sink, error)
}

// SourceBuilder holds the settings of one use of a source, as op.Builder does
// for operators.
type SourceBuilder interface {
	Options(s *option.Set)
	Build(args []string) (Source, error)
}

// SinkBuilder holds the settings of one use of a sink.
type SinkBuilder interface {
	Options(s *option.Set)
	Build(args []string) (Sink, error)
}

// Clocked is a stage or source whose records depend on the wall clock.
type Clocked interface{ UsesClock() bool }

// PipeNoter is an opened source that has something to tell when its records
// leave the process through a pipe; "" is nothing.
type PipeNoter interface{ PipeNote() string }

// Lagger is an opened source that knows how many records wait behind those that
// it has read.
type Lagger interface{ Lag() int64 }

// Holder is an opened source that stores how far its records were used. After
// Hold it stores nothing before Release: a stage behind it keeps records back.
type Holder interface {
	Hold()
	Release()
}

// Awaiter is an opened source whose records are acknowledged by the end of a shell
// pipe. Await waits for that, when all is written and standard output is closed. It
// ends with ctx, whose cause may be ErrPipeEnded.
type Awaiter interface {
	Await(ctx context.Context) error
}

// ErrPipeEnded says that all commands of a pipe have ended.
var ErrPipeEnded = errors.New("the pipe has ended")

// Ledgered is an opened sink that knows the records of all commands of a pipe whose
// stream has marks: their sum, "" without one, and whether each command has read
// what the one before it has written.
type Ledgered interface {
	Ledger() (text string, whole bool)
}

// Summarizer is an opened sink that says at the end what became of the records.
type Summarizer interface {
	Summary() string
	// Incomplete reports that some are not where they should be.
	Incomplete() bool
}

// Settler is an opened sink that knows at the end how many records have not arrived.
type Settler interface {
	// Settle is called once, when the run has ended with this result and the sink is
	// closed. It puts what is known now into the errors of the sink.
	Settle(result error)
}

// Leaver is an opened sink that can be left while it is written to.
type Leaver interface {
	// Leave stops the sending, waits a moment for what is on its way and tells what has
	// arrived. It may be called while other methods run.
	Leave() string
}

// Explainer is a Builder that answers a question instead of running, if its
// settings ask one. It is asked after Build.
type Explainer interface {
	// Explain returns the answer; ok is false where nothing was asked.
	Explain() (answer string, ok bool, err error)
}

// Commands is the table. A new operator is one line here.
func Commands() []Command {
	return []Command{
		genCommand(),
		tailCommand(),
		produceCommand(),
		consumeCommand(),
		commitCommand(),
		typed(operator(Shape, op.Parse), format.Names()...),
		operator(Shape, op.Enrich),
		operator(Shape, op.Where),
		operator(Shape, op.Select),
		operator(Shape, op.Set),
		operator(Shape, op.Drop),
		operator(Shape, op.Rename),
		operator(Shape, op.Each),
		operator(Shape, op.Head),
		operator(Ask, op.Aggregate),
		operator(Ask, op.Top),
		operator(Ask, op.Sort),
		text(operator(Ask, op.Table)),
	}
}

func operator(g Group, d op.Definition) Command {
	return Command{Name: d.Name, Usage: d.Usage, Short: d.Short, Long: d.Long, Examples: d.Examples,
		Group: g, Operator: d.New}
}

// typed marks a command for which somebody may type records; its first word is
// one of words.
func typed(c Command, words ...string) Command {
	c.Typed, c.Words = true, words
	return c
}

// text marks a stage whose output is text for people.
func text(c Command) Command {
	c.Text = true
	return c
}

// Lookup finds a command by its name.
func Lookup(name string) (Command, bool) {
	for _, c := range Commands() {
		if c.Name == name {
			return c, true
		}
	}
	return Command{}, false
}

// Names lists the names of the table, in its order.
func Names() []string {
	var names []string
	for _, c := range Commands() {
		names = append(names, c.Name)
	}
	return names
}
