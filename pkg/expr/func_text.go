package expr

import (
	"bytes"
	"strconv"
	"unicode/utf8"

	"github.com/logpipe/logpipe/pkg/record"
)

var textFunctions = []builtin{
	{Function: Function{"length", groupText, "length(x)", "how many characters a text, elements an array or members an object has", "length('Zoë')", "3"}, min: 1, max: 1, cost: 15, one: length},
	{Function: Function{"lower", groupText, "lower(s)", "s in small letters", "lower('ABC')", `"abc"`}, min: 1, max: 1, cost: 60, one: lower, check: wantText(0)},
	{Function: Function{"upper", groupText, "upper(s)", "s in capitals", "upper('abc')", `"ABC"`}, min: 1, max: 1, cost: 60, one: upper, check: wantText(0)},
	{Function: Function{"trim", groupText, "trim(s)", "s without white space at both ends", "trim('  a b ')", `"a b"`}, min: 1, max: 1, cost: 10, one: ofText(bytes.TrimSpace), check: wantText(0)},
	{Function: Function{"ltrim", groupText, "ltrim(s)", "s without white space in front", "ltrim('  a ')", `"a "`}, min: 1, max: 1, cost: 10, one: ofText(trimLeft), check: wantText(0)},
	{Function: Function{"rtrim", groupText, "rtrim(s)", "s without white space at its end", "rtrim(' a  ')", `" a"`}, min: 1, max: 1, cost: 10, one: ofText(trimRight), check: wantText(0)},
	{Function: Function{"substr", groupText, "substr(s, from[, n])", "n characters of s (default: all) from the place from, counted from 0, or from the end where it is negative", "substr('abcdef', 1, 3)", `"bcd"`}, min: 2, max: 3, cost: 20, many: substr, check: allChecks(wantText(0), wantNumber(1, 2))},
	{Function: Function{"replace", groupText, "replace(s, a, b)", "s with every a replaced by b", "replace('a-b-c', '-', '/')", `"a/b/c"`}, min: 3, max: 3, cost: 60, many: replace, check: wantText(0, 1, 2)},
	{Function: Function{"starts_with", groupText, "starts_with(s, a)", "whether s begins with a", "starts_with('/course/1', '/course/')", "true"}, min: 2, max: 2, cost: 5, test: textTest(bytes.HasPrefix), check: wantText(0, 1)},
	{Function: Function{"ends_with", groupText, "ends_with(s, a)", "whether s ends with a", "ends_with('x.html', '.html')", "true"}, min: 2, max: 2, cost: 5, test: textTest(bytes.HasSuffix), check: wantText(0, 1)},
	{Function: Function{"contains", groupText, "contains(s, a)", "whether a is in the text s", "contains('Googlebot/2.1', 'bot')", "true"}, min: 2, max: 2, cost: 15, test: textTest(bytes.Contains), check: wantText(0, 1)},
	{Function: Function{"index_of", groupText, "index_of(s, a)", "the place of the first a in s, counted from 0; null where there is none", "index_of('a=b', '=')", "1"}, min: 2, max: 2, cost: 20, two: indexOf, check: wantText(0, 1)},
	{Function: Function{"concat", groupText, "concat(a, b, …)", "the values as one text; null where one is null", "concat('course ', 7)", `"course 7"`}, min: 1, max: -1, cost: 20, many: concat},
	{Function: Function{"lpad", groupText, "lpad(s, n[, fill])", "s filled up in front to n characters, with blanks or fill; longer texts stay", "lpad('7', 3, '0')", `"007"`}, min: 2, max: 3, cost: 30, many: pad(true), check: allChecks(wantText(0, 2), wantNumber(1))},
	{Function: Function{"rpad", groupText, "rpad(s, n[, fill])", "s filled up at its end to n characters, with blanks or fill; longer texts stay", "rpad('ab', 4, '.')", `"ab.."`}, min: 2, max: 3, cost: 30, many: pad(false), check: allChecks(wantText(0, 2), wantNumber(1))},
	{Function: Function{"split", groupText, "split(s[, sep])", "the parts of s between each sep, as an array; without sep the words between white space", "split('a,b,,c', ',')", `["a","b","","c"]`}, min: 1, max: 2, cost: 100, many: split, check: wantText(0, 1)},
	{Function: Function{"string", groupText, "string(x)", "x as a text, as it is printed", "string(1.50)", `"1.5"`}, min: 1, max: 1, cost: 30, one: toString},
}

// ofText makes a function of one that returns a part of its text.
func ofText(f func([]byte) []byte) func(*Program, record.Value) record.Value {
	return func(_ *Program, v record.Value) record.Value {
		if v.Kind != record.String {
			return record.Value{}
		}
		return record.StringValue(f(v.Bytes))
	}
}

const blanks = " \t\r\n\v\f\u0085\u00A0"

func trimLeft(b []byte) []byte  { return bytes.TrimLeft(b, blanks) }
func trimRight(b []byte) []byte { return bytes.TrimRight(b, blanks) }

// textTest makes a condition over two texts.
func textTest(test func(s, part []byte) bool) func(p *Program, args []*node) truthFunc {
	return func(p *Program, args []*node) truthFunc {
		a, b := p.value(args[0]), p.value(args[1])
		if args[1].isText() {
			part := args[1].value.Bytes
			is := func(v record.Value) truth {
				if v.Kind != record.String {
					return unknown
				}
				return truthIf(test(v.Bytes, part))
			}
			if args[0].op == opField {
				field := args[0].field.Clone()
				return func(r *record.Record) truth { return is(r.Get(field)) }
			}
			return func(r *record.Record) truth { return is(a(r)) }
		}
		return func(r *record.Record) truth {
			x, y := a(r), b(r)
			if x.Kind != record.String || y.Kind != record.String {
				return unknown
			}
			return truthIf(test(x.Bytes, y.Bytes))
		}
	}
}

func length(_ *Program, v record.Value) record.Value {
	n := 0
	switch v.Kind {
	case record.String:
		n = utf8.RuneCount(v.Bytes)
	case record.Array:
		record.EachElement(v.Bytes, func([]byte) bool { n++; return true })
	case record.Object:
		seen := make(map[string]bool)
		record.EachMember(v.Bytes, func(key, _ []byte) bool { seen[string(key)] = true; return true })
		n = len(seen)
	default:
		return record.Value{}
	}
	return record.IntValue(int64(n))
}

func lower(p *Program, v record.Value) record.Value {
	return p.mapCase(v, 'A', bytes.ToLower)
}

func upper(p *Program, v record.Value) record.Value {
	return p.mapCase(v, 'a', bytes.ToUpper)
}

// mapCase changes the ASCII letters of the alphabet that begins at first; texts
// beyond ASCII are left to general. A text without such letters stays as it is.
func (p *Program) mapCase(v record.Value, first byte, general func([]byte) []byte) record.Value {
	if v.Kind != record.String {
		return record.Value{}
	}
	change := false
	for _, c := range v.Bytes {
		if c >= utf8.RuneSelf {
			return record.StringValue(general(v.Bytes))
		}
		change = change || c-first < 26
	}
	if !change {
		return v
	}
	off := len(p.buf)
	p.buf = append(p.buf, v.Bytes...)
	for i, c := range p.buf[off:] {
		if c-first < 26 {
			p.buf[off+i] = c ^ 0x20
		}
	}
	return p.text(off)
}

func substr(_ *Program, args []record.Value) record.Value {
	s := args[0]
	if s.Kind != record.String || args[1].Kind != record.Int || len(args) > 2 && args[2].Kind != record.Int {
		return record.Value{}
	}
	b, from := s.Bytes, args[1].Int()
	if from < 0 {
		from = max(0, from+int64(utf8.RuneCount(b)))
	}
	b = b[runesLen(b, from):]
	if len(args) > 2 {
		b = b[:runesLen(b, args[2].Int())]
	}
	return record.StringValue(b)
}

// runesLen is the length in bytes of the first n characters of b.
func runesLen(b []byte, n int64) int {
	i := 0
	for ; n > 0 && i < len(b); n-- {
		_, size := utf8.DecodeRune(b[i:])
		i += size
	}
	return i
}

func replace(p *Program, args []record.Value) record.Value {
	s, old, with := args[0], args[1], args[2]
	if s.Kind != record.String || old.Kind != record.String || with.Kind != record.String {
		return record.Value{}
	}
	if len(old.Bytes) == 0 || !bytes.Contains(s.Bytes, old.Bytes) {
		return s
	}
	off := len(p.buf)
	for rest := s.Bytes; ; {
		i := bytes.Index(rest, old.Bytes)
		if i < 0 {
			p.buf = append(p.buf, rest...)
			return p.text(off)
		}
		p.buf = append(append(p.buf, rest[:i]...), with.Bytes...)
		rest = rest[i+len(old.Bytes):]
	}
}

func indexOf(_ *Program, s, part record.Value) record.Value {
	if s.Kind != record.String || part.Kind != record.String {
		return record.Value{}
	}
	i := bytes.Index(s.Bytes, part.Bytes)
	if i < 0 {
		return record.Value{}
	}
	return record.IntValue(int64(utf8.RuneCount(s.Bytes[:i])))
}

func concat(p *Program, args []record.Value) record.Value {
	off := len(p.buf)
	for _, v := range args {
		p.buf = record.AppendPlain(p.buf, v)
	}
	return p.text(off)
}

// maxPad bounds a text that lpad and rpad make.
const maxPad = 1 << 16

func pad(front bool) func(*Program, []record.Value) record.Value {
	return func(p *Program, args []record.Value) record.Value {
		s, n, fill := args[0], args[1], []byte(" ")
		if len(args) > 2 {
			fill = args[2].Bytes
		}
		if s.Kind != record.String || n.Kind != record.Int || len(args) > 2 && args[2].Kind != record.String || n.Int() > maxPad {
			return record.Value{}
		}
		missing := n.Int() - int64(utf8.RuneCount(s.Bytes))
		if missing <= 0 || len(fill) == 0 {
			return s
		}
		off := len(p.buf)
		if !front {
			p.buf = append(p.buf, s.Bytes...)
		}
		for missing > 0 {
			part := fill[:runesLen(fill, missing)]
			p.buf = append(p.buf, part...)
			missing -= int64(utf8.RuneCount(part))
		}
		if front {
			p.buf = append(p.buf, s.Bytes...)
		}
		return p.text(off)
	}
}

func split(p *Program, args []record.Value) record.Value {
	s := args[0]
	if s.Kind != record.String || len(args) > 1 && args[1].Kind != record.String {
		return record.Value{}
	}
	l := p.list()
	switch {
	case len(args) == 1:
		for part := range bytes.FieldsSeq(s.Bytes) {
			l.addText(part)
		}
	case len(args[1].Bytes) == 0:
		for b := s.Bytes; len(b) > 0; {
			_, n := utf8.DecodeRune(b)
			l.addText(b[:n])
			b = b[n:]
		}
	default:
		for part := range bytes.SplitSeq(s.Bytes, args[1].Bytes) {
			l.addText(part)
		}
	}
	return l.value()
}

func toString(p *Program, v record.Value) record.Value {
	if v.Kind == record.String {
		return v
	}
	off := len(p.buf)
	p.buf = record.AppendPlain(p.buf, v)
	return p.text(off)
}

// list builds an array in the Program's buffer.
type list struct {
	p   *Program
	off int
	n   int
}

func (p *Program) list() list {
	l := list{p: p, off: len(p.buf)}
	p.buf = append(p.buf, '[')
	return l
}

func (l *list) comma() {
	if l.n++; l.n > 1 {
		l.p.buf = append(l.p.buf, ',')
	}
}

func (l *list) addText(b []byte) {
	l.comma()
	l.p.buf = record.AppendString(l.p.buf, b)
}

func (l *list) addInt(n int64) {
	l.comma()
	l.p.buf = strconv.AppendInt(l.p.buf, n, 10)
}

func (l *list) value() record.Value {
	l.p.buf = append(l.p.buf, ']')
	v := l.p.text(l.off)
	v.Kind = record.Array
	return v
}
