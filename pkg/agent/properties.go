package agent

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// position is a place in a file, counted from 1, columns in characters.
type position struct {
	file         string
	line, column int
}

// entry is one property of a file.
type entry struct {
	key, value string
	at         position // where the key begins
	valueAt    position // where the value begins, or would
	separated  bool     // `=` or `:` stands between them, not blanks alone
	last       int      // the line on which the value ends
	ordinary   bool     // written as properties are: `key = `, or `a.key=` where the line begins
	open       string   // the sign at the end of the line behind which more has to come
	places     []char   // the characters of the text, each with its place
	odd        rune     // beside the value, where Java does not take it off and nobody sees it; 0 = none
	lost       []char   // letters of the value before which Java drops a backslash
	guessed    bool     // the key stands otherwise in the file
	used       bool     // a value refers to the key

	text       string      // the value before anything was replaced in it
	unresolved []reference // what nothing stands for
	nothing    string      // why the config filter gave no text, and what to do
	filter     string      // the config filter that gave (a part of) the value; such values are not printed
	deferred   bool        // the value is not known: a check asks no config filter that runs a program
}

// bare reports whether the line was a word alone.
func (e *entry) bare() bool { return e.value == "" && !e.separated }

// char is a character of a logical line with its place.
type char struct {
	r            rune
	line, column int
}

// parseProperties reads a file as java.util.Properties does: comments, `=`, `:`
// or blanks between key and value, continuation lines, escapes. Values lose
// blanks at both ends, as Flume takes them. Text is UTF-8; a file that is not
// is read as ISO 8859-1, which is what Java expects.
func parseProperties(file string, data []byte) ([]*entry, []Finding) {
	data, wrong := plainText(file, data)
	p := propertyParser{file: file, findings: wrong}
	for _, line := range logicalLines(data) {
		p.parse(line)
	}
	return p.entries, p.findings
}

// logicalLines joins continued lines and leaves out comments and empty ones.
func logicalLines(data []byte) [][]char {
	var lines [][]char
	var current []char
	continued := false
	for number, natural := range naturalLines(data) {
		for i := range natural {
			natural[i].line = number + 1
		}
		for len(natural) > 0 && isBlank(natural[0].r) {
			natural = natural[1:]
		}
		if !continued && (len(natural) == 0 || natural[0].r == '#' || natural[0].r == '!') {
			continue
		}
		slashes := 0
		for slashes < len(natural) && natural[len(natural)-1-slashes].r == '\\' {
			slashes++
		}
		continued = slashes%2 == 1
		if continued {
			natural = natural[:len(natural)-1]
		}
		current = append(current, natural...)
		if !continued && len(current) > 0 {
			lines = append(lines, current)
			current = nil
		}
	}
	if len(current) > 0 { // the last line ended in a backslash
		lines = append(lines, current)
	}
	return lines
}

// naturalLines cuts the text at LF, CR LF and CR.
func naturalLines(data []byte) [][]char {
	lines := [][]char{nil}
	valid := utf8.Valid(data)
	column := 0
	for len(data) > 0 {
		r, size := rune(data[0]), 1
		if valid {
			r, size = utf8.DecodeRune(data)
		}
		if r == '\r' && len(data) > 1 && data[1] == '\n' {
			size = 2
		}
		data = data[size:]
		if r == '\n' || r == '\r' {
			lines = append(lines, nil)
			column = 0
			continue
		}
		column++
		lines[len(lines)-1] = append(lines[len(lines)-1], char{r: r, column: column})
	}
	return lines
}

func isBlank(r rune) bool { return r == ' ' || r == '\t' || r == '\f' }

type propertyParser struct {
	file     string
	entries  []*entry
	findings []Finding
	places   []char // of the characters of the last text without escapes
	lost     []char // letters of it before which a backslash was dropped
}

// parse reads one logical line.
func (p *propertyParser) parse(line []char) {
	i, escaped := 0, false
	for ; i < len(line); i++ {
		r := line[i].r
		if !escaped && (r == '=' || r == ':' || isBlank(r)) {
			break
		}
		escaped = r == '\\' && !escaped
	}
	e := &entry{at: p.place(line[0]), last: line[len(line)-1].line}
	e.key = p.unescape(line[:i])
	for i < len(line) && isBlank(line[i].r) {
		i++
	}
	if i < len(line) && (line[i].r == '=' || line[i].r == ':') {
		e.separated = true
		e.ordinary = i > 0 && line[i].r == '=' && (isBlank(line[i-1].r) || e.at.column == 1 && strings.Contains(e.key, "."))
		i++
	}
	for i < len(line) && isBlank(line[i].r) {
		i++
	}
	if i < len(line) {
		e.valueAt = p.place(line[i])
	} else {
		e.valueAt = p.place(line[len(line)-1])
		e.valueAt.column++
	}
	e.open = openEnd(line[i:], e.separated)
	whole := p.unescape(line[i:])
	e.lost = p.lost
	e.value, e.odd = trimmed(whole)
	e.text = e.value
	skipped := utf8.RuneCountInString(whole[:strings.Index(whole, e.value)])
	e.places = p.places[min(skipped, len(p.places)):]
	p.entries = append(p.entries, e)
}

// openEnd is the sign at the end of a value behind which more has to come: a
// backslash before blanks, where Java does not see that the line goes on, or a
// sign of a shell or a list. Such a sign alone is a value, such as a delimiter.
func openEnd(value []char, separated bool) string {
	var b strings.Builder
	for _, c := range value {
		b.WriteRune(c.r)
	}
	text := strings.TrimRight(b.String(), " \t\f")
	slashes := len(text) - len(strings.TrimRight(text, `\`))
	if slashes%2 == 1 && len(text) < b.Len() {
		return `\`
	}
	for _, sign := range []string{"||", "|", "&&", ","} {
		if strings.HasSuffix(text, sign) && (text != sign || !separated) {
			return sign
		}
	}
	return ""
}

// placeIn is where the character with that number stands in the value; where
// something was replaced in it, where the value begins.
func (e *entry) placeIn(offset int) position {
	if offset <= 0 || e.value != e.text || len(e.places) == 0 {
		return e.valueAt
	}
	c := e.places[min(offset, len(e.places)-1)]
	return position{e.valueAt.file, c.line, c.column}
}

func (p *propertyParser) place(c char) position { return position{p.file, c.line, c.column} }

func (p *propertyParser) unescape(text []char) string {
	var b strings.Builder
	p.places, p.lost = make([]char, 0, len(text)), nil
	for i := 0; i < len(text); i++ {
		r := text[i].r
		if r != '\\' || i+1 < len(text) {
			p.places = append(p.places, text[i])
		}
		if r != '\\' || i+1 == len(text) {
			if r != '\\' {
				b.WriteRune(r)
			}
			continue
		}
		i++
		switch r = text[i].r; r {
		case 't':
			b.WriteByte('\t')
		case 'n':
			b.WriteByte('\n')
		case 'r':
			b.WriteByte('\r')
		case 'f':
			b.WriteByte('\f')
		case 'u':
			unit, ok := hexUnit(text[i+1:])
			if !ok {
				at := p.place(text[i-1])
				p.findings = append(p.findings, Finding{File: at.file, Line: at.line, Column: at.column, Level: Error,
					Message: `\u needs four hexadecimal digits`, Fix: `write a backslash as \\`})
				b.WriteByte('u')
				continue
			}
			i += 4
			// Characters beyond 16 bits are written as a pair.
			if low, ok := lowSurrogate(unit, text[i+1:]); ok {
				unit = low
				i += 6
			}
			b.WriteRune(unit)
		default:
			if unicode.IsLetter(r) {
				p.lost = append(p.lost, char{r, text[i-1].line, text[i-1].column})
			}
			b.WriteRune(r)
		}
	}
	return b.String()
}

// lowSurrogate completes a pair of \u escapes.
func lowSurrogate(high rune, text []char) (rune, bool) {
	if high < 0xD800 || high > 0xDBFF || len(text) < 6 || text[0].r != '\\' || text[1].r != 'u' {
		return 0, false
	}
	low, ok := hexUnit(text[2:])
	if !ok || low < 0xDC00 || low > 0xDFFF {
		return 0, false
	}
	return (high-0xD800)<<10 + (low - 0xDC00) + 0x10000, true
}

func hexUnit(text []char) (rune, bool) {
	if len(text) < 4 {
		return 0, false
	}
	var digits strings.Builder
	for _, c := range text[:4] {
		digits.WriteRune(c.r)
	}
	n, err := strconv.ParseUint(digits.String(), 16, 16)
	return rune(n), err == nil
}

// from names the line as it is told of another place: without its file, where
// that is the same.
func (p position) from(other position) string {
	if p.file == other.file {
		return fmt.Sprintf("line %d", p.line)
	}
	return fmt.Sprintf("%s:%d", p.file, p.line)
}

// String names the place as findings do.
func (p position) String() string { return fmt.Sprintf("%s:%d:%d", p.file, p.line, p.column) }
