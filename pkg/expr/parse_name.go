package expr

import (
	"fmt"
	"strings"

	"github.com/logpipe/logpipe/pkg/option"
	"github.com/logpipe/logpipe/pkg/record"
)

// named reads what a name begins: a call, a bracket path, or a field.
func (p *parser) named() (*node, error) {
	t := p.tok
	if err := p.advance(); err != nil {
		return nil, err
	}
	steps := strings.Split(t.text, ".")
	switch {
	case p.isOp("("):
		return p.call(t)
	case p.isOp("[") && p.tok.pos == t.end:
		return p.path(steps)
	}
	n, _ := newField(steps, false, t.pos)
	return n, nil
}

// path reads a bracket path whose first steps may have been read: ['a b'][0].c
// It ends before [-1], which postfix makes a get() of: a field has no path to it.
func (p *parser) path(steps []string) (*node, error) {
	pos := p.tok.pos
	for {
		if p.fromEnd() && len(steps) == 0 {
			return nil, p.fail(pos, "a[-1] is the last element of the array a", "want the name of an array before [")
		}
		if p.fromEnd() {
			return p.fieldAt(steps, pos)
		}
		step, err := p.step()
		if err != nil {
			return nil, err
		}
		steps = append(steps, step)
		// From here on by characters: blanks end a path.
		rest := p.src[p.pos:]
		if n := nameLen(strings.TrimPrefix(rest, "."), true); strings.HasPrefix(rest, ".") && n > 0 {
			p.pos++
			steps = append(steps, strings.Split(p.name(n).text, ".")...)
			rest = p.src[p.pos:]
		}
		more := strings.HasPrefix(rest, "[")
		if err := p.advance(); err != nil {
			return nil, err
		}
		if more {
			continue
		}
		return p.fieldAt(steps, pos)
	}
}

func (p *parser) fieldAt(steps []string, pos int) (*node, error) {
	n, ok := newField(steps, true, pos)
	if !ok {
		return nil, p.fail(pos, "", `a name with both '] and "] in it cannot be addressed`)
	}
	return n, nil
}

// fromEnd reports whether the current token begins [-1], the last element.
func (p *parser) fromEnd() bool {
	return p.isOp("[") && strings.HasPrefix(strings.TrimLeft(p.src[p.pos:], " "), "-")
}

// element reads one [n], [-n] or ['key'] behind n, and the names behind its dot,
// as calls of get.
func (p *parser) element(n *node) (*node, error) {
	pos := p.tok.pos
	step, err := p.step()
	if err != nil {
		return nil, err
	}
	key := newConst(textVal([]byte(step)), pos)
	if isIndex(strings.TrimPrefix(step, "-")) {
		key = newConst(valOf(record.ParseNumber([]byte(step))), pos)
	}
	keys := []*node{key}
	rest := p.src[p.pos:]
	if size := nameLen(strings.TrimPrefix(rest, "."), true); strings.HasPrefix(rest, ".") && size > 0 {
		p.pos++
		for _, name := range strings.Split(p.name(size).text, ".") {
			keys = append(keys, newConst(textVal([]byte(name)), pos))
		}
	}
	for _, key := range keys {
		n = &node{op: opCall, fn: lookup("get"), args: []*node{n, key}, pos: pos}
		if err := p.finish(n); err != nil {
			return nil, err
		}
	}
	return n, p.advance()
}

// step reads ['name'], [number] or [-number] up to the closing bracket, which
// stays the current token.
func (p *parser) step() (string, error) {
	sign := ""
	if p.fromEnd() {
		sign = "-"
		if err := p.advance(); err != nil {
			return "", err
		}
	}
	if err := p.advance(); err != nil {
		return "", err
	}
	t := p.tok
	if sign != "" && (t.kind != tokNumber || !isIndex(t.text)) {
		return "", p.expected("a number behind [-", "a[-1] is the last element of an array")
	}
	if t.kind != tokText && (t.kind != tokNumber || !isIndex(t.text)) {
		return "", p.expected("'name' or a number behind [", "odd names are written ['a b'], elements of arrays a[0]")
	}
	if err := p.advance(); err != nil {
		return "", err
	}
	if !p.isOp("]") {
		return "", p.expected("]", "")
	}
	return sign + t.text, nil
}

// call reads the arguments of a function and checks their number and, where
// they are constant, their values.
func (p *parser) call(name token) (*node, error) {
	f := lookup(strings.ToLower(name.text))
	if f == nil {
		return nil, p.fail(name.pos, suggest(name.text), "unknown function %s", name.text)
	}
	args, err := p.items()
	if err != nil {
		return nil, err
	}
	if len(args) < f.min || f.max >= 0 && len(args) > f.max {
		return nil, p.fail(name.pos, arityHint(f), "%s takes %s, found %d", f.Name, f.arity(), len(args))
	}
	n := &node{op: opCall, fn: f, args: args, pos: name.pos}
	if err := p.finish(n); err != nil {
		return nil, err
	}
	if f.check != nil {
		if at, err := f.check(args); err != nil {
			return nil, p.fail(at.pos, f.Signature, "%s: %v", f.Name, err)
		}
	}
	return n, nil
}

// checkPattern refuses a constant that is no regular expression.
func (p *parser) checkPattern(n *node) error {
	if n.op != opConst {
		return nil
	}
	if at, err := checkRegexp([]*node{n, n}); err != nil {
		return p.fail(at.pos, "a pattern is a text in the syntax of Go's package regexp, as '^/course/\\d+'", "%v", err)
	}
	return nil
}

func (f *builtin) arity() string {
	switch {
	case f.max == f.min && f.min == 1:
		return "1 value"
	case f.max == f.min:
		return fmt.Sprintf("%d values", f.min)
	case f.max < 0 && f.min == 1:
		return "1 value or more"
	case f.max < 0:
		return fmt.Sprintf("%d values or more", f.min)
	}
	return fmt.Sprintf("%d to %d values", f.min, f.max)
}

func arityHint(f *builtin) string {
	if f.Name == "min" || f.Name == "max" {
		return "over all records it is an aggregate: logpipe aggregate '" + f.Name + "(x)'"
	}
	return f.Signature
}

// otherNames are what functions are called elsewhere.
var otherNames = map[string]string{
	"len": "length", "strlen": "length", "size": "length", "char_length": "length", "cardinality": "length", "array_length": "length",
	"substring": "substr", "mid": "substr", "slice": "substr", "left": "substr", "right": "substr",
	"tolower": "lower", "lcase": "lower", "downcase": "lower", "toupper": "upper", "ucase": "upper", "upcase": "upper",
	"instr": "index_of", "strpos": "index_of", "position": "index_of", "find": "index_of", "indexof": "index_of",
	"startswith": "starts_with", "has_prefix": "starts_with", "endswith": "ends_with", "has_suffix": "ends_with", "has": "contains", "includes": "contains",
	"ceiling": "ceil", "power": "pow", "log": "ln", "loge": "ln", "least": "min", "greatest": "max", "trunc": "int", "mod": "the operator %",
	"regexp_replace": "replace_re", "sub": "replace_re", "gsub": "replace_re", "regexp_extract": "extract", "regexp_matches": "matches",
	"regexp_like": "matches", "rlike": "matches", "like": "matches", "match": "matches", "strip": "trim",
	"nvl": "ifnull", "isnull": "is_null", "type": "typeof", "iif": "if", "case": "if", "cast": "int, float, number, string or bool",
	"to_number": "number", "str": "string", "text": "string", "to_string": "string", "boolean": "bool", "integer": "int", "double": "float",
	"date_trunc": "trunc_time", "date_bin": "trunc_time", "time_bucket": "trunc_time", "date_format": "strftime", "format_time": "strftime",
	"to_timestamp": "time", "timestamp": "time", "strptime": "time", "date": "time", "unix_timestamp": "epoch", "current_timestamp": "now", "dow": "weekday",
	"json_extract": "get", "parse_json": "json", "from_json": "json", "fromjson": "json", "element_at": "get", "json_keys": "keys", "md5": "hash", "sha256": "hash", "crc32": "hash", "xxhash": "hash",
	"string_split": "split", "explode": "split", "array_join": "join", "string_join": "join", "generate_series": "range", "seq": "range",
}

// suggest is the hint for an unknown function.
func suggest(name string) string {
	low := strings.ToLower(name)
	switch low {
	case "sum", "avg", "mean", "count", "stddev", "distinct", "first", "last", "median", "topk":
		return low + " is an aggregate: logpipe aggregate '" + low + "(x)'"
	}
	if other, ok := otherNames[low]; ok {
		return "did you mean " + other + "?"
	}
	best, found := 1+len(low)/3, ""
	for i := range functions {
		if d := option.Distance(low, functions[i].Name); d <= best && (found == "" || d < best) {
			best, found = d, functions[i].Name
		}
	}
	if found != "" {
		return "did you mean " + found + "?"
	}
	return "logpipe help expressions lists the functions"
}
