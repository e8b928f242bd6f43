// Package op holds the operators: stages that read records and write records,
// one file each. Every operator is a command, a stage of `run` and a part of an
// agent's pipeline; Definition describes it once for all three.
package op

import (
	"github.com/logpipe/logpipe/pkg/option"
	"github.com/logpipe/logpipe/pkg/stream"
)

// Definition describes an operator: its name, help and constructor.
type Definition struct {
	Name     string
	Usage    string // "where <EXPR>": <required> [optional] {a|b}...
	Short    string // one line, lower case, no full stop
	Long     string // paragraphs below the examples
	Examples []Example
	New      func() Builder
}

// Example is a shell line with what it prints; a test runs every one.
type Example struct {
	Note    string // one line above the command, or ""
	Command string // for sh -c, with logpipe in the PATH
	Output  string // standard output, exactly; "" = shown without output and not compared
}

// Builder holds the settings of one use of an operator.
type Builder interface {
	// Options declares the settings.
	Options(s *option.Set)
	// Build makes the stage of the settings and the words that are no options.
	// Errors in them are fault.Usagef errors.
	Build(args []string) (stream.Stage, error)
}

// FileReader is a Builder whose last words name input files; Files is asked
// after Build.
type FileReader interface {
	Files() []string
}
