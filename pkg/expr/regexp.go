package expr

import (
	"bytes"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode/utf8"

	"github.com/logpipe/logpipe/pkg/record"
)

var regexpFunctions = []builtin{
	{Function: Function{"matches", groupRegexp, "matches(s, re)", "whether the regular expression re (Go's syntax) matches anywhere in s, as s =~ re", `matches('/course/12.html', '^/course/\d+')`, "true"}, min: 2, max: 2, cost: costPattern, test: (*Program).matches, check: checkRegexp},
	{Function: Function{"extract", groupRegexp, "extract(s, re[, group])", "what re matches in s, or a group of it by number or name (default the first group); null where nothing matches", `extract('/course/12.html', '/course/(\d+)')`, `"12"`}, min: 2, max: 3, cost: 500, build: extract, check: checkExtract},
	{Function: Function{"replace_re", groupRegexp, "replace_re(s, re, b)", "s with every match of re replaced by b, in which $1 or ${name} is a group and $$ a dollar sign", `replace_re('/course/12', '\d+', 'N')`, `"/course/N"`}, min: 3, max: 3, cost: 500, build: replaceRegexp, check: allChecks(wantText(2), checkRegexp)},
}

// checkRegexp refuses a pattern that cannot be compiled.
func checkRegexp(args []*node) (*node, error) {
	n := args[1]
	if n.op != opConst || n.value.kind == record.Null {
		return nil, nil
	}
	if !n.isText() {
		return n, fmt.Errorf("want a regular expression in quotes, found %s", n.append(nil))
	}
	if _, err := regexp.Compile(n.value.text()); err != nil {
		return n, fmt.Errorf("bad regular expression: %s", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	return nil, nil
}

func checkExtract(args []*node) (*node, error) {
	if at, err := checkRegexp(args); err != nil || len(args) < 3 || !args[1].isText() {
		return at, err
	}
	group := args[2]
	if group.op != opConst {
		return group, errNotConstant
	}
	re := regexp.MustCompile(args[1].value.text()) // checked above
	if groupIndex(re, group.value) < 0 {
		return group, fmt.Errorf("the pattern has no group %s", record.AppendPlain(nil, group.value.record()))
	}
	return nil, nil
}

// groupIndex returns the index of a group by number or name, or -1.
func groupIndex(re *regexp.Regexp, group val) int {
	switch group.kind {
	case record.String:
		if len(group.bytes()) > 0 {
			return re.SubexpIndex(group.text())
		}
	case record.Int:
		if n := group.int(); n >= 0 && n <= int64(re.NumSubexp()) {
			return int(n)
		}
	}
	return -1
}

// patterns compiles the regular expression of an argument: at once where it is
// constant, else when a record brings it, keeping the latest ones. A pattern
// that cannot be compiled is nil.
func (p *Program) patterns(n *node) func(r *record.Record) *regexp.Regexp {
	if n.constant() {
		v := p.value(n)(nil)
		var re *regexp.Regexp
		if v.kind == record.String {
			re, _ = regexp.Compile(v.text())
		}
		return func(*record.Record) *regexp.Regexp { return re }
	}
	f := p.value(n)
	const kept = 64
	known := make(map[string]*regexp.Regexp)
	return func(r *record.Record) *regexp.Regexp {
		v := f(r)
		if v.kind != record.String {
			return nil
		}
		re, ok := known[v.text()]
		if !ok {
			if len(known) == kept {
				clear(known)
			}
			re, _ = regexp.Compile(v.text())
			known[v.text()] = re
		}
		return re
	}
}

// matches compiles =~.
func (p *Program) matches(args []*node) truthFunc {
	s := p.value(args[0])
	if args[1].isText() {
		match := matcher(args[1].value.text())
		return func(r *record.Record) truth {
			v := s(r)
			if v.kind != record.String {
				return unknown
			}
			return truthIf(match(v.bytes()))
		}
	}
	pattern := p.patterns(args[1])
	return func(r *record.Record) truth {
		v := s(r)
		re := pattern(r)
		if v.kind != record.String || re == nil {
			return unknown
		}
		return truthIf(re.Match(v.bytes()))
	}
}

func extract(p *Program, args []*node) fn {
	s, pattern := p.value(args[0]), p.patterns(args[1])
	group := func(*record.Record) val { return val{} }
	if len(args) > 2 {
		group = p.value(args[2])
	}
	byDefault := len(args) < 3
	return func(r *record.Record) val {
		v, re := s(r), pattern(r)
		if v.kind != record.String || re == nil {
			return val{}
		}
		g := min(1, re.NumSubexp())
		if !byDefault {
			g = groupIndex(re, group(r))
		}
		m := re.FindSubmatchIndex(v.bytes())
		if m == nil || g < 0 || m[2*g] < 0 {
			return val{}
		}
		return textVal(v.bytes()[m[2*g]:m[2*g+1]])
	}
}

func replaceRegexp(p *Program, args []*node) fn {
	s, pattern, with := p.value(args[0]), p.patterns(args[1]), p.value(args[2])
	return func(r *record.Record) val {
		v, w, re := s(r), with(r), pattern(r)
		if v.kind != record.String || w.kind != record.String || re == nil {
			return val{}
		}
		if !re.Match(v.bytes()) {
			return v
		}
		return textVal(re.ReplaceAll(v.bytes(), w.bytes()))
	}
}

// The bounds within which a pattern is taken apart into literals.
const maxLiterals = 32

// matcher returns a test that agrees with the regular expression. Patterns that
// are literals (^/course/, \.html$, bot|crawl|spider) need no engine, others
// are tried only where a literal that they cannot do without is there.
func matcher(pattern string) func([]byte) bool {
	re := regexp.MustCompile(pattern) // checked by Parse
	tree, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return re.Match
	}
	tree = tree.Simplify()
	if m := literalMatcher(tree); m != nil {
		return m
	}
	if lit := []byte(required(tree)); len(lit) > 0 {
		return func(b []byte) bool { return bytes.Contains(b, lit) && re.Match(b) }
	}
	return re.Match
}

// literalMatcher handles [^]literals[$].
func literalMatcher(tree *syntax.Regexp) func([]byte) bool {
	parts := []*syntax.Regexp{tree}
	if tree.Op == syntax.OpConcat {
		parts = tree.Sub
	}
	begin := len(parts) > 0 && parts[0].Op == syntax.OpBeginText
	if begin {
		parts = parts[1:]
	}
	end := len(parts) > 0 && parts[len(parts)-1].Op == syntax.OpEndText
	if end {
		parts = parts[:len(parts)-1]
	}
	texts, ok := product(parts)
	if !ok {
		return nil
	}
	list := make([][]byte, len(texts))
	for i, t := range texts {
		list[i] = []byte(t)
	}
	test := bytes.Contains
	switch {
	case begin && end:
		test = bytes.Equal
	case begin:
		test = bytes.HasPrefix
	case end:
		test = bytes.HasSuffix
	}
	if len(list) == 1 {
		lit := list[0]
		return func(b []byte) bool { return test(b, lit) }
	}
	return func(b []byte) bool {
		for _, lit := range list {
			if test(b, lit) {
				return true
			}
		}
		return false
	}
}

// product returns every text that parts in a row can match, if they are few.
func product(parts []*syntax.Regexp) (texts []string, ok bool) {
	texts = []string{""}
	for _, part := range parts {
		heads := texts
		tails, ok := literals(part)
		if !ok || len(heads)*len(tails) > maxLiterals {
			return nil, false
		}
		texts = nil
		for _, h := range heads {
			for _, t := range tails {
				texts = append(texts, h+t)
			}
		}
	}
	return texts, true
}

// literals returns every text that tree can match, if they are few.
func literals(tree *syntax.Regexp) (texts []string, ok bool) {
	switch tree.Op {
	case syntax.OpEmptyMatch:
		return []string{""}, true
	case syntax.OpLiteral:
		if tree.Flags&syntax.FoldCase != 0 || strings.ContainsRune(string(tree.Rune), utf8.RuneError) {
			return nil, false
		}
		return []string{string(tree.Rune)}, true
	case syntax.OpCapture:
		return literals(tree.Sub[0])
	case syntax.OpConcat:
		return product(tree.Sub)
	case syntax.OpCharClass:
		return classLiterals(tree.Rune)
	case syntax.OpAlternate:
		for _, sub := range tree.Sub {
			more, ok := literals(sub)
			if texts = append(texts, more...); !ok || len(texts) > maxLiterals {
				return nil, false
			}
		}
		return texts, true
	}
	return nil, false
}

func classLiterals(ranges []rune) (texts []string, ok bool) {
	for i := 0; i+1 < len(ranges); i += 2 {
		if ranges[i+1]-ranges[i] >= maxLiterals || ranges[i+1] >= utf8.RuneError {
			return nil, false
		}
		for r := ranges[i]; r <= ranges[i+1]; r++ {
			texts = append(texts, string(r))
		}
	}
	return texts, len(texts) > 0 && len(texts) <= maxLiterals
}

// required returns the longest literal that is in every match of tree, or "".
func required(tree *syntax.Regexp) string {
	switch tree.Op {
	case syntax.OpLiteral:
		if texts, ok := literals(tree); ok {
			return texts[0]
		}
	case syntax.OpCapture, syntax.OpPlus:
		return required(tree.Sub[0])
	case syntax.OpRepeat:
		if tree.Min > 0 {
			return required(tree.Sub[0])
		}
	case syntax.OpConcat:
		best := ""
		for _, sub := range tree.Sub {
			if lit := required(sub); len(lit) > len(best) {
				best = lit
			}
		}
		return best
	}
	return ""
}

// validText returns b as a text, with U+FFFD for what is no UTF-8.
func (p *Program) validText(b []byte) val {
	if utf8.Valid(b) {
		return textVal(b)
	}
	off := len(p.buf)
	p.buf = append(p.buf, bytes.ToValidUTF8(b, []byte("\uFFFD"))...)
	return p.text(off)
}
