// Package expr reads and evaluates the expressions of where, set, select, each
// and of the aggregates' arguments.
//
// An expression is written as in SQL: 0.8*clicks + 0.8*minutes + like,
// status >= 400 and path =~ '^/course/', if(contains(agent, 'bot'), 'bot', null).
//
//   - Texts are quoted with ' or ", with the escapes \n \t \r \\ \' \" \uXXXX; any
//     other backslash stays, so that patterns need no doubling.
//   - A field is a name, a path a.b (the flat key first), a['odd name'] or a[0]
//     (these two try no flat key). Words that are reserved are written ['in'].
//   - Null logic is SQL's: an absent field is null; an operator or function over
//     null is null unless its help says otherwise; and, or, not know three values.
//   - As a condition null is unknown, false is false, everything else is true,
//     the number 0 and the empty text too: `where course` means present, neither
//     null nor false.
//   - Numbers and texts never turn into each other. Values of different types are
//     unequal: == is false, != is true; they have no order: < is null. Arithmetic
//     on anything but numbers is null, and so is a function's wrong type.
//   - Integers within int64 are exact; + - * that leave them go on as float64; /
//     is always float64, and by zero null, as is %, whose sign is the dividend's.
//     Every number that is integral and within int64 is an integer again (8/2 is
//     4), NaN and infinities are null: what a stage computes is what the next one
//     would read from its output.
//   - Characters and elements count from 0; a negative place counts from the end.
//
// Parse makes an Expr, which is immutable; Compile makes a Program of it, one
// for each worker, of closures over field handles of its own.
package expr

import (
	"strings"
	"time"

	"github.com/logpipe/logpipe/pkg/record"
)

// Expr is a parsed expression. It is safe for concurrent use.
type Expr struct {
	root   *node
	fields []*record.Field
}

// Parse reads an expression. Its error is one of usage (exit code 2) with a hint
// where the next step is known; errors.As finds a *SyntaxError in it.
func Parse(src string) (*Expr, error) { return parseFrom(src, 0) }

// parseFrom reads the expression that begins at the byte offset pos of src.
func parseFrom(src string, pos int) (*Expr, error) {
	p := &parser{lexer: lexer{src: src, pos: pos}}
	root, err := p.parse()
	if err != nil {
		return nil, err
	}
	e := &Expr{root: root}
	seen := make(map[string]bool)
	root.walk(func(n *node) {
		if n.op == opField && !seen[n.text] {
			seen[n.text] = true
			e.fields = append(e.fields, n.field)
		}
	})
	return e, nil
}

func (n *node) walk(f func(*node)) {
	f(n)
	for _, a := range n.args {
		a.walk(f)
	}
}

// ParseAssign reads NAME=EXPR, where the name is plain or dotted or, where it is
// odd, written ['a b']. It returns the name under which the field is written.
func ParseAssign(src string) (name string, e *Expr, err error) {
	name, pos, ok := splitAssign(src)
	if !ok {
		return "", nil, syntaxError(src, pos, "for example: heat=0.8*clicks+like, or ['a b']=1 for an odd name; == compares", "want NAME=EXPR")
	}
	e, err = parseFrom(src, pos)
	return name, e, err
}

// SplitAssign cuts NAME=REST at its equals sign, for callers whose right side is
// more than an expression (`p99=p99(x)`); ok is false where src is no
// assignment, such as a name alone or a comparison.
func SplitAssign(src string) (name, rest string, ok bool) {
	name, pos, ok := splitAssign(src)
	if !ok {
		return "", "", false
	}
	return name, src[pos:], true
}

// splitAssign returns the name and the offset behind the equals sign, or the
// offset where something else stands.
func splitAssign(src string) (name string, pos int, ok bool) {
	p := &parser{lexer: lexer{src: src}}
	if p.advance() != nil {
		return "", p.pos, false
	}
	var n *node
	switch t := p.tok; {
	case t.kind == tokName || t.kind == tokWord:
		name = src[t.pos:t.end]
		if p.pos < len(src) && src[p.pos] == '[' {
			if p.advance() != nil {
				return "", p.pos, false
			}
			n, _ = p.path(strings.Split(name, "."))
		}
	case p.isOp("["):
		n, _ = p.path(nil)
		if n == nil {
			return "", t.pos, false
		}
		p.pos = p.tok.pos
	default:
		return "", t.pos, false
	}
	if n != nil {
		name, p.pos = n.field.String(), p.tok.pos
	}
	pos = p.pos
	for pos < len(src) && strings.IndexByte(" \t\r\n", src[pos]) >= 0 {
		pos++
	}
	if rest := src[pos:]; !strings.HasPrefix(rest, "=") || strings.HasPrefix(rest, "==") || strings.HasPrefix(rest, "=~") {
		return "", pos, false
	}
	return name, pos + 1, true
}

// String returns the canonical text, which Parse reads back to the same
// expression: one spelling for each operator, no needless parentheses.
func (e *Expr) String() string { return string(e.root.append(nil)) }

// Fields returns what the expression reads, each field once, in the order of
// their first mention. The handles are for asking their names: whoever reads
// records with one clones it.
func (e *Expr) Fields() []*record.Field { return e.fields }

// Field returns the field where the expression is nothing else.
func (e *Expr) Field() (*record.Field, bool) {
	return e.root.field, e.root.op == opField
}

// Const returns the value of an expression that is the same for every record,
// zone and time: 3*60, 'a', lower('A').
func (e *Expr) Const() (record.Value, bool) {
	if !e.root.constant() || e.root.sum.traits&usesZone != 0 {
		return record.Value{}, false
	}
	p := e.Compile(Env{})
	return p.Eval(&record.Record{Arena: new(record.Arena)}).Clone(), true
}

// UsesClock reports whether the value depends on the time of day, by now(): then
// a replay gives other results.
func (e *Expr) UsesClock() bool { return e.root.sum.traits&usesClock != 0 }

// UsesHeaders reports whether the value depends on a transport's metadata, by
// header(): in a shell pipe that is only there in the -J envelope.
func (e *Expr) UsesHeaders() bool { return e.root.sum.traits&usesHeader != 0 }

// Env is what an expression sees beside the record.
type Env struct {
	Now      func() time.Time // for now(); nil is time.Now
	Location *time.Location   // of times without zone, and in which times are printed; nil is UTC
	// Header returns a named value of r's metadata; nil takes the last of that
	// name in r.Meta.Headers.
	Header func(r *record.Record, name string) (value []byte, ok bool)
}

// headerOf is the Header of an Env that has none.
func headerOf(r *record.Record, name string) ([]byte, bool) {
	if r.Meta == nil {
		return nil, false
	}
	for i := len(r.Meta.Headers) - 1; i >= 0; i-- {
		if h := &r.Meta.Headers[i]; h.Key == name {
			return h.Value, true
		}
	}
	return nil, false
}
