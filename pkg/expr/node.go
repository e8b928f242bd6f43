package expr

import (
	"strconv"
	"strings"

	"github.com/logpipe/logpipe/pkg/record"
)

// op is what a node does.
type op uint8

const (
	opConst op = iota
	opField
	opCall
	opOr
	opAnd
	opNot
	opEq
	opNe
	opLt
	opLe
	opGt
	opGe
	opMatch    // args: value, pattern
	opNotMatch // the same
	opIn       // args: value, list…
	opNotIn    // the same
	opIsNull
	opNotNull
	opAdd
	opSub
	opMul
	opDiv
	opMod
	opNeg
)

// node is one step of an expression's tree. It does not change after Parse.
type node struct {
	op    op
	args  []*node
	value val           // opConst
	field *record.Field // opField, cloned by every Program
	text  string        // opField: canonical text
	fn    *builtin      // opCall
	pos   int           // byte offset in the source
	depth int           // 1 for a leaf
	sum   summary
}

// summary is what a node and everything below it do.
type summary struct {
	only   *node // a field it reads, or nil where it reads none
	more   bool  // it reads other fields too
	traits trait
	cost   int // ns of an evaluation, roughly
}

// costs of operators in ns; functions carry theirs.
const (
	costField   = 4
	costStep    = 2
	costPattern = 300
)

// finish sets what n knows of the nodes below it.
func (n *node) finish() {
	n.depth = 1
	n.sum = summary{cost: costStep}
	switch n.op {
	case opField:
		n.sum.only, n.sum.cost = n, costField
	case opCall:
		n.sum.traits, n.sum.cost = n.fn.traits, n.fn.cost
	case opMatch, opNotMatch:
		n.sum.cost = costPattern
	}
	for _, a := range n.args {
		n.depth = max(n.depth, a.depth+1)
		n.sum.traits |= a.sum.traits
		n.sum.cost += a.sum.cost
		switch {
		case n.sum.only == nil:
			n.sum.only = a.sum.only
		case a.sum.only != nil && a.sum.only.text != n.sum.only.text:
			n.sum.more = true
		}
		n.sum.more = n.sum.more || a.sum.more
	}
}

// constant reports whether n has the same value for every record.
func (n *node) constant() bool {
	return n.sum.only == nil && n.sum.traits&(usesClock|usesHeader) == 0
}

// spelling is how an operator is printed, level how tightly it binds.
var spelling = [...]struct {
	text  string
	level int
}{
	opConst: {"", 8}, opField: {"", 8}, opCall: {"", 8},
	opOr: {" or ", 1}, opAnd: {" and ", 2}, opNot: {"not ", 3},
	opEq: {" == ", 4}, opNe: {" != ", 4}, opLt: {" < ", 4}, opLe: {" <= ", 4}, opGt: {" > ", 4}, opGe: {" >= ", 4},
	opMatch: {" =~ ", 4}, opNotMatch: {" !~ ", 4}, opIn: {" in ", 4}, opNotIn: {" not in ", 4},
	opIsNull: {" is null", 4}, opNotNull: {" is not null", 4},
	opAdd: {" + ", 5}, opSub: {" - ", 5}, opMul: {" * ", 6}, opDiv: {" / ", 6}, opMod: {" % ", 6},
	opNeg: {"-", 7},
}

func (n *node) level() int { return spelling[n.op].level }

// append prints n in canonical form: the form that every spelling of the same
// expression is printed in, and that Parse reads back to the same tree.
func (n *node) append(b []byte) []byte {
	word := spelling[n.op].text
	switch n.op {
	case opConst:
		return appendConst(b, n.value)
	case opField:
		return append(b, n.text...)
	case opCall:
		return appendList(append(b, n.fn.Name...), n.args)
	case opNot, opNeg:
		return n.args[0].appendIn(append(b, word...), n.level())
	case opIn, opNotIn:
		return appendList(append(n.args[0].appendIn(b, n.level()+1), word...), n.args[1:])
	case opIsNull, opNotNull:
		return append(n.args[0].appendIn(b, n.level()+1), word...)
	}
	left := n.level()
	if left == spelling[opEq].level {
		left++ // comparisons do not chain
	}
	b = append(n.args[0].appendIn(b, left), word...)
	return n.args[1].appendIn(b, n.level()+1)
}

// appendIn prints n where something that binds at least like level is wanted.
func (n *node) appendIn(b []byte, level int) []byte {
	if n.level() >= level {
		return n.append(b)
	}
	return append(n.append(append(b, '(')), ')')
}

func appendList(b []byte, args []*node) []byte {
	b = append(b, '(')
	for i, a := range args {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = a.append(b)
	}
	return append(b, ')')
}

func appendConst(b []byte, v val) []byte {
	if v.isText() {
		return appendQuoted(b, v.text())
	}
	return record.AppendValue(b, v.record())
}

// appendQuoted prints s as a text literal.
func appendQuoted(b []byte, s string) []byte {
	b = append(b, '\'')
	for _, r := range s {
		switch {
		case r == '\'' || r == '\\':
			b = append(b, '\\', byte(r))
		case r == '\n':
			b = append(b, `\n`...)
		case r == '\t':
			b = append(b, `\t`...)
		case r == '\r':
			b = append(b, `\r`...)
		case r < ' ' || r == 0x7F:
			b = append(b, `\u00`...)
			b = append(b, "0123456789abcdef"[r>>4], "0123456789abcdef"[r&15])
		default:
			b = append(b, string(r)...)
		}
	}
	return append(b, '\'')
}

// newConst makes a literal.
func newConst(v val, pos int) *node {
	n := &node{op: opConst, value: v, pos: pos}
	n.finish()
	return n
}

// isText reports whether n is a text literal.
func (n *node) isText() bool { return n.op == opConst && n.value.isText() }

// newField makes a field of the steps of its path: the dotted form, or the
// bracket form, which tries no flat keys.
func newField(steps []string, exact bool, pos int) (*node, bool) {
	n := &node{op: opField, pos: pos}
	n.finish()
	if !exact {
		n.text = strings.Join(steps, ".")
		n.field = record.MustField(n.text)
		return n, true
	}
	n.text = fieldText(steps)
	if len(steps) == 1 {
		n.field = record.FlatField(steps[0])
		return n, true
	}
	var path strings.Builder
	for _, s := range steps {
		quote := "'"
		if strings.Contains(s, "']") {
			if quote = `"`; strings.Contains(s, `"]`) {
				return nil, false
			}
		}
		path.WriteString("[" + quote + s + quote + "]")
	}
	f, err := record.NewField(path.String())
	n.field = f
	return n, err == nil
}

// fieldText is the canonical text of a bracket path.
func fieldText(steps []string) string {
	var b []byte
	for i, s := range steps {
		_, reserved := keyword(s)
		switch {
		case i == 0 && s != "" && nameLen(s, false) == len(s) && !reserved:
			b = append(b, s...)
		case i > 0 && isIndex(s):
			b = append(append(append(b, '['), s...), ']')
		default:
			b = append(appendQuoted(append(b, '['), s), ']')
		}
	}
	return string(b)
}

// isIndex reports whether s is an element's number as [n] writes it.
func isIndex(s string) bool {
	n, err := strconv.ParseUint(s, 10, 31)
	return err == nil && strconv.FormatUint(n, 10) == s
}
