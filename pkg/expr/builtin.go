package expr

import (
	"errors"
	"fmt"
	"slices"

	"github.com/logpipe/logpipe/pkg/record"
)

// Function describes a function to people.
type Function struct {
	Name      string
	Group     string // heading under which the help lists it
	Signature string // with optional arguments in brackets
	Help      string // one sentence, without full stop
	Example   string // an expression without fields
	Result    string // what the example gives, as JSON
}

// trait tells what a function depends on beside its arguments.
type trait uint8

const (
	usesClock trait = 1 << iota
	usesHeader
	usesZone // the Location of the Env
)

// builtin is a function with its implementation: one of the last five fields.
// In one, two and many no argument is null: over null the value is null.
type builtin struct {
	Function
	min, max int // number of arguments; max -1 is any
	cost     int // ns, roughly, without the arguments
	traits   trait
	// check refuses constant arguments that can never work, and returns which.
	check func(args []*node) (*node, error)

	one   func(p *Program, a val) val
	two   func(p *Program, a, b val) val
	many  func(p *Program, args []val) val
	test  func(p *Program, args []*node) truthFunc // a condition
	build func(p *Program, args []*node) fn        // anything else
}

// The groups of functions, in the order of the help.
const (
	groupNumber = "Numbers"
	groupText   = "Text"
	groupRegexp = "Regular expressions"
	groupNull   = "Choices and null"
	groupJSON   = "Arrays and objects"
	groupTime   = "Time"
	groupOther  = "Other"
)

// functions is the one table of them.
var functions = slices.Concat(numberFunctions, textFunctions, regexpFunctions, nullFunctions, jsonFunctions, timeFunctions, otherFunctions)

// Functions returns the functions in the order of the help.
func Functions() []Function {
	list := make([]Function, len(functions))
	for i := range functions {
		list[i] = functions[i].Function
	}
	return list
}

// lookup finds a function, or returns nil.
func lookup(name string) *builtin {
	for i := range functions {
		if functions[i].Name == name {
			return &functions[i]
		}
	}
	return nil
}

// wantText is a check that the arguments at the given places are no constants
// other than texts.
func wantText(places ...int) func(args []*node) (*node, error) {
	return wantKind("a text", func(v val) bool { return v.kind == record.String }, places)
}

// wantNumber is the same for numbers.
func wantNumber(places ...int) func(args []*node) (*node, error) {
	return wantKind("a number", val.isNumber, places)
}

func wantKind(what string, ok func(val) bool, places []int) func(args []*node) (*node, error) {
	return func(args []*node) (*node, error) {
		for _, i := range places {
			if i < len(args) && args[i].op == opConst && args[i].value.kind != record.Null && !ok(args[i].value) {
				return args[i], fmt.Errorf("want %s, found %s", what, args[i].append(nil))
			}
		}
		return nil, nil
	}
}

// allChecks joins checks; the first that refuses counts.
func allChecks(checks ...func(args []*node) (*node, error)) func(args []*node) (*node, error) {
	return func(args []*node) (*node, error) {
		for _, check := range checks {
			if at, err := check(args); err != nil {
				return at, err
			}
		}
		return nil, nil
	}
}

var errNotConstant = errors.New("want a literal, so that it can be checked before the first record")

// values compiles args.
func (p *Program) values(args []*node) []fn {
	list := make([]fn, len(args))
	for i, a := range args {
		list[i] = p.value(a)
	}
	return list
}
