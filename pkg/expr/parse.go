package expr

import (
	"strings"

	"github.com/logpipe/logpipe/pkg/record"
)

// The bounds of an expression: parsing and compiling are recursive.
const (
	maxNesting = 250  // of parentheses and calls
	maxDepth   = 5000 // of the tree, which a long chain of `or` deepens too
)

// parser is a recursive descent parser with one token of lookahead.
type parser struct {
	lexer
	tok     token
	nesting int
}

func (p *parser) advance() (err error) {
	p.tok, err = p.next()
	return err
}

// isOp, isWord report whether the current token is that operator or word.
func (p *parser) isOp(text string) bool   { return p.tok.kind == tokOp && p.tok.text == text }
func (p *parser) isWord(text string) bool { return p.tok.kind == tokWord && p.tok.text == text }

// expected is the error at the current token.
func (p *parser) expected(what, hint string) error {
	t := p.tok
	if t.kind == tokEnd {
		return p.fail(t.pos, hint, "want %s, found the end", what)
	}
	return p.fail(t.pos, hint, "want %s, found %s", what, p.src[t.pos:t.end])
}

// parse reads the source from its position to its end.
func (p *parser) parse() (*node, error) {
	if err := p.advance(); err != nil {
		return nil, err
	}
	n, err := p.or()
	if err != nil {
		return nil, err
	}
	if p.tok.kind != tokEnd {
		return nil, p.expected("an operator or the end", p.afterHint())
	}
	return n, nil
}

// afterHint is the hint for a token that cannot follow a value.
func (p *parser) afterHint() string {
	switch strings.ToLower(p.tok.text) {
	case "like", "ilike", "rlike", "regexp", "matches":
		return "=~ 'regex' matches a regular expression; contains, starts_with and ends_with look for a text"
	case "contains", "startswith", "endswith":
		return "contains(s, 'part') is a function"
	case "between":
		return "write x >= a and x <= b"
	case ",":
		return "only calls and lists take commas"
	case "as":
		return "a new field is written NAME=EXPR"
	}
	if p.tok.kind == tokText || p.tok.kind == tokName {
		return "names with blanks or dashes are written ['a b']"
	}
	return ""
}

// join makes a node over args, unless the tree grows too deep.
func (p *parser) join(o op, pos int, args ...*node) (*node, error) {
	n := &node{op: o, args: args, pos: pos}
	return n, p.finish(n)
}

func (p *parser) finish(n *node) error {
	if n.finish(); n.depth > maxDepth {
		return p.fail(n.pos, "", "the expression is nested deeper than %d", maxDepth)
	}
	return nil
}

func (p *parser) or() (*node, error) {
	return p.chain(p.and, func() (op, bool) { return opOr, p.isWord("or") || p.isOp("||") })
}

func (p *parser) and() (*node, error) {
	return p.chain(p.not, func() (op, bool) { return opAnd, p.isWord("and") || p.isOp("&&") })
}

func (p *parser) sum() (*node, error) {
	return p.chain(p.product, func() (op, bool) {
		if p.isOp("-") {
			return opSub, true
		}
		return opAdd, p.isOp("+")
	})
}

func (p *parser) product() (*node, error) {
	return p.chain(p.unary, func() (op, bool) {
		switch {
		case p.isOp("/"):
			return opDiv, true
		case p.isOp("%"):
			return opMod, true
		}
		return opMul, p.isOp("*")
	})
}

// chain reads operands joined by operators of one level, from left to right.
func (p *parser) chain(operand func() (*node, error), operator func() (op, bool)) (*node, error) {
	n, err := operand()
	for err == nil {
		o, ok := operator()
		if !ok {
			return n, nil
		}
		pos := p.tok.pos
		if err = p.advance(); err != nil {
			break
		}
		var right *node
		if right, err = operand(); err != nil {
			break
		}
		n, err = p.join(o, pos, n, right)
	}
	return nil, err
}

// enter counts a level of nesting; leave ends it.
func (p *parser) enter() error {
	if p.nesting++; p.nesting > maxNesting {
		return p.fail(p.tok.pos, "", "nested deeper than %d", maxNesting)
	}
	return nil
}

func (p *parser) leave() { p.nesting-- }

// not reads a negation. It binds more loosely than comparisons, in both of its
// spellings: `!a == b` is `not (a == b)`.
func (p *parser) not() (*node, error) {
	if !p.isWord("not") && !p.isOp("!") {
		return p.comparison()
	}
	pos := p.tok.pos
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	if err := p.advance(); err != nil {
		return nil, err
	}
	n, err := p.not()
	if err != nil {
		return nil, err
	}
	return p.join(opNot, pos, n)
}

var comparisons = map[string]op{"==": opEq, "=": opEq, "!=": opNe, "<>": opNe, "<": opLt, "<=": opLe, ">": opGt, ">=": opGe,
	"=~": opMatch, "!~": opNotMatch}

// comparison reads a sum, or two of them compared. Comparisons do not chain.
func (p *parser) comparison() (*node, error) {
	n, err := p.sum()
	if err != nil {
		return nil, err
	}
	first := n
	if n, err = p.compared(n); err != nil || n == first {
		return n, err
	}
	again, err := p.compared(n)
	if err == nil && again != n {
		return nil, p.fail(again.pos, "write a < b and b < c, or use parentheses", "comparisons do not chain")
	}
	return n, err
}

// compared reads what compares n with something, or returns n.
func (p *parser) compared(n *node) (*node, error) {
	pos := p.tok.pos
	switch {
	case p.isWord("is"):
		return p.isNull(n)
	case p.isWord("not"):
		if err := p.advance(); err != nil {
			return nil, err
		}
		if !p.isWord("in") {
			return nil, p.expected("in behind not", "and not … joins a negated condition")
		}
		return p.list(opNotIn, n)
	case p.isWord("in"):
		return p.list(opIn, n)
	}
	o, ok := comparisons[p.tok.text]
	if !ok || p.tok.kind != tokOp {
		return n, nil
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	right, err := p.sum()
	if err != nil {
		return nil, err
	}
	cmp, err := p.join(o, pos, n, right)
	if err == nil && (o == opMatch || o == opNotMatch) {
		err = p.checkPattern(right)
	}
	return cmp, err
}

func (p *parser) isNull(n *node) (*node, error) {
	pos, o := p.tok.pos, opIsNull
	if err := p.advance(); err != nil {
		return nil, err
	}
	if p.isWord("not") {
		o = opNotNull
		if err := p.advance(); err != nil {
			return nil, err
		}
	}
	if !p.isWord("null") {
		return nil, p.expected("null or not null behind is", "== compares values")
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	return p.join(o, pos, n)
}

// list reads `in (a, b, …)` behind n.
func (p *parser) list(o op, n *node) (*node, error) {
	pos := p.tok.pos
	if err := p.advance(); err != nil {
		return nil, err
	}
	if !p.isOp("(") {
		return nil, p.expected("( behind in", "a list is written in (1, 2, 'a')")
	}
	items, err := p.items()
	if err != nil {
		return nil, err
	}
	if len(items) == 0 {
		return nil, p.fail(pos, "a list is written in (1, 2, 'a')", "an empty list contains nothing")
	}
	return p.join(o, pos, append([]*node{n}, items...)...)
}

// items reads the parenthesised list that begins at the current token.
func (p *parser) items() (list []*node, err error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	if err := p.advance(); err != nil {
		return nil, err
	}
	for !p.isOp(")") || len(list) > 0 {
		n, err := p.or()
		if err != nil {
			return nil, err
		}
		list = append(list, n)
		if p.isOp(")") {
			break
		}
		if !p.isOp(",") {
			return nil, p.expected(", or )", p.afterHint())
		}
		if err := p.advance(); err != nil {
			return nil, err
		}
	}
	return list, p.advance()
}

func (p *parser) unary() (*node, error) {
	if !p.isOp("-") {
		return p.postfix()
	}
	pos := p.tok.pos
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	if err := p.advance(); err != nil {
		return nil, err
	}
	n, err := p.unary()
	if err != nil {
		return nil, err
	}
	if n.op == opConst && n.value.isNumber() {
		// The sign is part of the literal: -9223372036854775808 is an integer.
		return newConst(negate(n.value), pos), nil
	}
	return p.join(opNeg, pos, n)
}

// postfix reads a value; [n] and ['key'] directly behind a call or a closing
// parenthesis, and [-n] behind a field too, are get().
func (p *parser) postfix() (*node, error) {
	n, err := p.primary()
	for err == nil && p.isOp("[") && n.op != opConst && p.tok.pos > 0 {
		apart := strings.IndexByte(" \t\r\n", p.src[p.tok.pos-1]) >= 0
		if apart || n.op == opField && !p.fromEnd() {
			break
		}
		n, err = p.element(n)
	}
	return n, err
}

func (p *parser) primary() (*node, error) {
	t := p.tok
	switch {
	case t.kind == tokNumber:
		v := valOf(record.ParseNumber([]byte(t.text)))
		if v.isNull() {
			return nil, p.fail(t.pos, "", "number %s is out of range", t.text)
		}
		return newConst(v, t.pos), p.advance()
	case t.kind == tokText:
		return newConst(textVal([]byte(t.text)), t.pos), p.advance()
	case t.kind == tokName:
		return p.named()
	case p.isOp("["):
		return p.path(nil)
	case p.isOp("("):
		return p.parenthesised()
	}
	return p.word()
}

func (p *parser) word() (*node, error) {
	pos := p.tok.pos
	switch {
	case p.isWord("null"):
		return newConst(val{}, pos), p.advance()
	case p.isWord("true"), p.isWord("false"):
		return newConst(boolVal(p.isWord("true")), pos), p.advance()
	case p.isWord("not"), p.isOp("!"):
		return nil, p.expected("a value", "put a negation inside an expression in parentheses: (not a)")
	case p.tok.kind == tokWord:
		return nil, p.expected("a value", "a field called "+p.tok.text+" is written ['"+p.tok.text+"']")
	case p.tok.kind == tokEnd && p.tok.pos == 0:
		return nil, p.expected("an expression", "for example: status >= 400 and path =~ '^/course/'")
	case p.isOp("+"):
		return nil, p.expected("a value", "+ joins numbers; concat(a, b) joins texts")
	}
	return nil, p.expected("a value", "")
}

func (p *parser) parenthesised() (*node, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	if err := p.advance(); err != nil {
		return nil, err
	}
	n, err := p.or()
	if err != nil {
		return nil, err
	}
	if !p.isOp(")") {
		return nil, p.expected(")", p.afterHint())
	}
	return n, p.advance()
}
