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
func ofText(f func([]byte) []byte) func(*Program, val) val {
	return func(_ *Program, v val) val {
		if v.kind != record.String {
			return val{}
		}
		return textVal(f(v.bytes()))
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
			part := args[1].value.bytes()
			is := func(v val) truth {
				if v.kind != record.String {
					return unknown
				}
				return truthIf(test(v.bytes(), part))
			}
			if args[0].op == opField {
				s := newSlot(args[0].field)
				return func(r *record.Record) truth { return is(s.value(r)) }
			}
			return func(r *record.Record) truth { return is(a(r)) }
		}
		return func(r *record.Record) truth {
			x, y := a(r), b(r)
			if x.kind != record.String || y.kind != record.String {
				return unknown
			}
			return truthIf(test(x.bytes(), y.bytes()))
		}
	}
}

func length(_ *Program, v val) val {
	n := 0
	switch v.kind {
	case record.String:
		n = utf8.RuneCount(v.bytes())
	case record.Array:
		record.EachElement(v.bytes(), func([]byte) bool { n++; return true })
	case record.Object:
		seen := make(map[string]bool)
		record.EachMember(v.bytes(), func(key, _ []byte) bool { seen[string(key)] = true; return true })
		n = len(seen)
	default:
		return val{}
	}
	return intVal(int64(n))
}

func lower(p *Program, v val) val {
	return p.mapCase(v, 'A', bytes.ToLower)
}

func upper(p *Program, v val) val {
	return p.mapCase(v, 'a', bytes.ToUpper)
}

// mapCase changes the ASCII letters of the alphabet that begins at first; texts
// beyond ASCII are left to general. A text without such letters stays as it is.
func (p *Program) mapCase(v val, first byte, general func([]byte) []byte) val {
	if v.kind != record.String {
		return val{}
	}
	change := false
	for _, c := range v.bytes() {
		if c >= utf8.RuneSelf {
			return textVal(general(v.bytes()))
		}
		change = change || c-first < 26
	}
	if !change {
		return v
	}
	off := len(p.buf)
	p.buf = append(p.buf, v.bytes()...)
	for i, c := range p.buf[off:] {
		if c-first < 26 {
			p.buf[off+i] = c ^ 0x20
		}
	}
	return p.text(off)
}

func substr(_ *Program, args []val) val {
	s := args[0]
	if s.kind != record.String || args[1].kind != record.Int || len(args) > 2 && args[2].kind != record.Int {
		return val{}
	}
	b, from := s.bytes(), args[1].int()
	if from < 0 {
		from = max(0, from+int64(utf8.RuneCount(b)))
	}
	b = b[runesLen(b, from):]
	if len(args) > 2 {
		b = b[:runesLen(b, args[2].int())]
	}
	return textVal(b)
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

func replace(p *Program, args []val) val {
	s, old, with := args[0], args[1], args[2]
	if s.kind != record.String || old.kind != record.String || with.kind != record.String {
		return val{}
	}
	if len(old.bytes()) == 0 || !bytes.Contains(s.bytes(), old.bytes()) {
		return s
	}
	off := len(p.buf)
	for rest := s.bytes(); ; {
		i := bytes.Index(rest, old.bytes())
		if i < 0 {
			p.buf = append(p.buf, rest...)
			return p.text(off)
		}
		p.buf = append(append(p.buf, rest[:i]...), with.bytes()...)
		rest = rest[i+len(old.bytes()):]
	}
}

func indexOf(_ *Program, s, part val) val {
	if s.kind != record.String || part.kind != record.String {
		return val{}
	}
	i := bytes.Index(s.bytes(), part.bytes())
	if i < 0 {
		return val{}
	}
	return intVal(int64(utf8.RuneCount(s.bytes()[:i])))
}

func concat(p *Program, args []val) val {
	off := len(p.buf)
	for _, v := range args {
		p.buf = record.AppendPlain(p.buf, v.record())
	}
	return p.text(off)
}

// maxPad bounds a text that lpad and rpad make.
const maxPad = 1 << 16

func pad(front bool) func(*Program, []val) val {
	return func(p *Program, args []val) val {
		s, n, fill := args[0], args[1], []byte(" ")
		if len(args) > 2 {
			fill = args[2].bytes()
		}
		if s.kind != record.String || n.kind != record.Int || len(args) > 2 && args[2].kind != record.String || n.int() > maxPad {
			return val{}
		}
		missing := n.int() - int64(utf8.RuneCount(s.bytes()))
		if missing <= 0 || len(fill) == 0 {
			return s
		}
		off := len(p.buf)
		if !front {
			p.buf = append(p.buf, s.bytes()...)
		}
		for missing > 0 {
			part := fill[:runesLen(fill, missing)]
			p.buf = append(p.buf, part...)
			missing -= int64(utf8.RuneCount(part))
		}
		if front {
			p.buf = append(p.buf, s.bytes()...)
		}
		return p.text(off)
	}
}

func split(p *Program, args []val) val {
	s := args[0]
	if s.kind != record.String || len(args) > 1 && args[1].kind != record.String {
		return val{}
	}
	l := p.list()
	switch {
	case len(args) == 1:
		for part := range bytes.FieldsSeq(s.bytes()) {
			l.addText(part)
		}
	case len(args[1].bytes()) == 0:
		for b := s.bytes(); len(b) > 0; {
			_, n := utf8.DecodeRune(b)
			l.addText(b[:n])
			b = b[n:]
		}
	default:
		for part := range bytes.SplitSeq(s.bytes(), args[1].bytes()) {
			l.addText(part)
		}
	}
	return l.value()
}

func toString(p *Program, v val) val {
	if v.kind == record.String {
		return v
	}
	off := len(p.buf)
	p.buf = record.AppendPlain(p.buf, v.record())
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

func (l *list) value() val {
	l.p.buf = append(l.p.buf, ']')
	v := l.p.text(l.off)
	v.kind = record.Array
	return v
}
