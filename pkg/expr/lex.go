package expr

import (
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

type tokenKind uint8

const (
	tokEnd tokenKind = iota
	tokNumber
	tokText
	tokName // plain or dotted name
	tokWord // and or not in is null true false
	tokOp   // operator or punctuation
)

type token struct {
	kind     tokenKind
	pos, end int    // bytes of the source
	text     string // decoded text, name, word in lower case, or operator
}

// lexer cuts a source into tokens, one at a time.
type lexer struct {
	src string
	pos int
}

func (l *lexer) fail(pos int, hint, format string, args ...any) error {
	return syntaxError(l.src, pos, hint, format, args...)
}

// operators in the order in which they are tried: longer ones first.
var operators = [...]string{"==", "=~", "!~", "!=", "<>", "<=", ">=", "&&", "||",
	"+", "-", "*", "/", "%", "=", "<", ">", "!", "(", ")", "[", "]", ",", "."}

// mistaken are spellings of other languages, with what to write here.
var mistaken = [...]struct{ text, hint string }{
	{"===", "== compares"}, {"!==", "!= compares"}, {"++", "concat(a, b) joins texts"}, {"**", "pow(a, b) raises to a power"},
	{"//", "floor(a / b) divides without a rest"}, {"<=>", "== compares"}, {"->", "a.b reads field b of object a"},
}

// foreign are single characters that begin nothing here.
var foreign = map[rune]string{
	'|': "or is written or, also ||", '&': "and is written and, also &&", '?': "if(c, a, b) chooses", '^': "pow(a, b) raises to a power",
	'~': "=~ matches a regular expression", '`': "odd names are written ['a b']", '$': "odd names are written ['$a']", ':': "if(c, a, b) chooses",
	'‘': "texts are quoted with ' or \"", '’': "texts are quoted with ' or \"", '“': "texts are quoted with ' or \"", '”': "texts are quoted with ' or \"",
	'#': "odd names are written ['a#b']", '{': "functions get and keys read objects", '\\': "a backslash belongs inside quotes",
}

func (l *lexer) next() (token, error) {
	for l.pos < len(l.src) && strings.IndexByte(" \t\r\n", l.src[l.pos]) >= 0 {
		l.pos++
	}
	at := l.pos
	if at == len(l.src) {
		return token{kind: tokEnd, pos: at, end: at}, nil
	}
	switch c := l.src[at]; {
	case c == '\'' || c == '"':
		text, err := l.quoted()
		return token{tokText, at, l.pos, text}, err
	case isDigit(c) || c == '.' && at+1 < len(l.src) && isDigit(l.src[at+1]):
		return l.number()
	}
	if n := nameLen(l.src[at:], false); n > 0 {
		return l.name(n), nil
	}
	return l.operator()
}

func (l *lexer) operator() (token, error) {
	at, rest := l.pos, l.src[l.pos:]
	for _, m := range mistaken {
		if strings.HasPrefix(rest, m.text) {
			return token{}, l.fail(at, m.hint, "unknown operator %s", m.text)
		}
	}
	for _, op := range operators {
		if strings.HasPrefix(rest, op) {
			l.pos += len(op)
			return token{tokOp, at, l.pos, op}, nil
		}
	}
	r, _ := utf8.DecodeRuneInString(rest)
	return token{}, l.fail(at, foreign[r], "unexpected %q", r)
}

func isDigit(c byte) bool { return c-'0' <= 9 }

// nameLen is the length of the name segment that s begins with. Behind a dot
// digits may come first: a.0 is the first element of a.
func nameLen(s string, afterDot bool) int {
	for i, r := range s {
		letter := r == '_' || r == '@' || unicode.IsLetter(r)
		if !letter && !((i > 0 || afterDot) && (unicode.IsDigit(r) || unicode.IsMark(r))) {
			return i
		}
	}
	return len(s)
}

// name reads a word or a plain or dotted name whose first segment has n bytes.
func (l *lexer) name(n int) token {
	at := l.pos
	l.pos += n
	for l.pos+1 < len(l.src) && l.src[l.pos] == '.' {
		n := nameLen(l.src[l.pos+1:], true)
		if n == 0 {
			break
		}
		l.pos += 1 + n
	}
	t := token{tokName, at, l.pos, l.src[at:l.pos]}
	if w, ok := keyword(t.text); ok {
		t.kind, t.text = tokWord, w
	}
	return t
}

// keyword recognises the reserved words, in small letters or in capitals.
func keyword(s string) (string, bool) {
	switch s {
	case "and", "or", "not", "in", "is", "null", "true", "false":
		return s, true
	case "AND", "OR", "NOT", "IN", "IS", "NULL", "TRUE", "FALSE":
		return strings.ToLower(s), true
	}
	return "", false
}

// number reads a number as JSON writes it; the parser reads its value.
func (l *lexer) number() (token, error) {
	at := l.pos
	digits := func() (n int) {
		for ; l.pos < len(l.src) && isDigit(l.src[l.pos]); n++ {
			l.pos++
		}
		return n
	}
	whole := digits()
	if l.pos < len(l.src) && l.src[l.pos] == '.' {
		l.pos++
		if digits() == 0 || whole == 0 {
			return token{}, l.fail(at, "", "want digits on both sides of the point")
		}
	}
	if l.pos < len(l.src) && l.src[l.pos]|0x20 == 'e' {
		e := l.pos
		l.pos++
		if l.pos < len(l.src) && (l.src[l.pos] == '+' || l.src[l.pos] == '-') {
			l.pos++
		}
		if digits() == 0 {
			l.pos = e
		}
	}
	if whole > 1 && l.src[at] == '0' {
		return token{}, l.fail(at, "a text such as a zip code is quoted: '"+l.src[at:l.pos]+"'", "number with a leading zero")
	}
	if n := nameLen(l.src[l.pos:], true); n > 0 {
		word := l.src[at : l.pos+n]
		return token{}, l.fail(l.pos, "quote a text or a duration: '"+word+"'", "unexpected %q behind a number", l.src[l.pos:l.pos+n])
	}
	return token{tokNumber, at, l.pos, l.src[at:l.pos]}, nil
}

// quoted reads a text in single or double quotes. A backslash before a letter
// that is no escape stays, so that patterns such as '\d+' need no doubling.
func (l *lexer) quoted() (string, error) {
	at, quote := l.pos, l.src[l.pos]
	var b strings.Builder
	for i := at + 1; i < len(l.src); {
		c := l.src[i]
		switch {
		case c == quote:
			l.pos = i + 1
			return strings.ToValidUTF8(b.String(), "\uFFFD"), nil
		case c != '\\' || i+1 == len(l.src):
			b.WriteByte(c)
			i++
		case l.src[i+1] == 'u':
			r, n := unicodeEscape(l.src[i:])
			if n == 0 {
				return "", l.fail(i, "", "want four hexadecimal digits behind \\u")
			}
			b.WriteRune(r)
			i += n
		default:
			if e := strings.IndexByte(`nrt\'"`, l.src[i+1]); e >= 0 {
				b.WriteByte("\n\r\t\\'\""[e])
			} else {
				b.WriteString(l.src[i : i+2])
			}
			i += 2
		}
	}
	return "", l.fail(at, "", "text without its closing %c", quote)
}

// unicodeEscape reads \uXXXX, or two of them that make a surrogate pair; n is 0
// where the digits are missing.
func unicodeEscape(s string) (r rune, n int) {
	r, ok := hex4(s)
	if !ok {
		return 0, 0
	}
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	if low, ok := hex4(s[6:]); ok {
		if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
			return pair, 12
		}
	}
	return utf8.RuneError, 6
}

func hex4(s string) (r rune, ok bool) {
	if len(s) < 6 || s[:2] != `\u` {
		return 0, false
	}
	for _, c := range []byte(s[2:6]) {
		d := strings.IndexByte("0123456789abcdef", c|0x20)
		if d < 0 || c < '0' {
			return 0, false
		}
		r = r<<4 | rune(d)
	}
	return r, true
}
