package source

import (
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/logpipe/logpipe/pkg/javaregex"
)

// pattern is a pattern of Java that tells when it had to give up a text. A text
// that is given up counts as one without a match, except where the caller says.
type pattern struct {
	re   *javaregex.Regexp
	logf func(string, ...any)
	then string // what becomes of an event then
	slow atomic.Int64
}

// newPattern makes a pattern that is looked for in texts.
func newPattern(text string) (*pattern, error) {
	re, err := javaregex.Compile(text)
	return &pattern{re: re}, err
}

// newWholePattern makes a pattern that has to fit whole texts.
func newWholePattern(text string) (*pattern, error) {
	re, err := javaregex.CompileWhole(text)
	return &pattern{re: re}, err
}

// telling names the log, and what becomes of an event that is given up.
func (p *pattern) telling(logf func(string, ...any), then string) {
	p.logf, p.then = logf, then
}

func (p *pattern) gaveUp(err error) bool {
	if err == nil {
		return false
	}
	if n := p.slow.Add(1); n&(n-1) == 0 && p.logf != nil {
		p.logf("%v: %s (%d so far); make the pattern simpler, such as [^x]* for .*x", err, p.then, n)
	}
	return true
}

// matches reports whether b has a match, and otherwise where it is given up.
func (p *pattern) matches(b []byte, otherwise bool) bool {
	found, err := p.re.Match(b)
	if p.gaveUp(err) {
		return otherwise
	}
	return found
}

// matchesName reports whether a name has a match.
func (p *pattern) matchesName(s string) bool { return p.matches([]byte(s), false) }

// find returns the first match and its groups, as regexp.Regexp does.
func (p *pattern) find(b []byte) []int {
	m, err := p.re.FindSubmatchIndex(b)
	p.gaveUp(err)
	return m
}

// findAll returns all matches; none where the text is given up.
func (p *pattern) findAll(b []byte) [][]int {
	all, err := p.re.FindAllSubmatchIndex(b)
	if p.gaveUp(err) {
		return nil
	}
	return all
}

// replace returns b with all matches replaced; b itself where there is none.
func (p *pattern) replace(b []byte, by groupReplacement) []byte {
	all := p.findAll(b)
	if len(all) == 0 {
		return b
	}
	changed := make([]byte, 0, len(b)+16)
	at := 0
	for _, m := range all {
		changed = by.append(append(changed, b[at:m[0]]...), b, m)
		at = m[1]
	}
	return append(changed, b[at:]...)
}

// split cuts s at the matches, as String.split of Java: without empty parts at
// the end.
func (p *pattern) split(s string) []string {
	var parts []string
	at := 0
	for _, m := range p.findAll([]byte(s)) {
		if m[1] > 0 {
			parts = append(parts, s[at:m[0]])
			at = m[1]
		}
	}
	parts = append(parts, s[at:])
	for len(parts) > 0 && parts[len(parts)-1] == "" {
		parts = parts[:len(parts)-1]
	}
	return parts
}

// groupReplacement is the replacement text of Java's Matcher: \x is x, $1 and
// ${name} are groups.
type groupReplacement []replacementPart

type replacementPart struct {
	text  string
	group int // -1 = text
}

func parseReplacement(text string, re *javaregex.Regexp) (groupReplacement, error) {
	var parts groupReplacement
	var b strings.Builder
	group := func(n int) {
		parts = append(parts, replacementPart{b.String(), -1}, replacementPart{"", n})
		b.Reset()
	}
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\':
			if i++; i == len(text) {
				return nil, fmt.Errorf("replacement %s: nothing follows the last backslash", text)
			}
			b.WriteByte(text[i])
		case c == '$' && i+1 < len(text) && text[i+1] >= '0' && text[i+1] <= '9':
			n := int(text[i+1] - '0')
			if n > re.NumSubexp() {
				return nil, fmt.Errorf("replacement %s: the pattern has no group %d", text, n)
			}
			// More digits belong to the number as long as there is such a group.
			for i++; i+1 < len(text) && text[i+1] >= '0' && text[i+1] <= '9' && n*10+int(text[i+1]-'0') <= re.NumSubexp(); i++ {
				n = n*10 + int(text[i+1]-'0')
			}
			group(n)
		case c == '$' && strings.HasPrefix(text[i:], "${"):
			name, _, closed := strings.Cut(text[i+2:], "}")
			n := re.SubexpIndex(name)
			if !closed || n < 0 {
				return nil, fmt.Errorf("replacement %s: the pattern has no group %s", text, name)
			}
			i += len(name) + 2
			group(n)
		case c == '$':
			return nil, fmt.Errorf(`replacement %s: a group number has to follow $, or write \$`, text)
		default:
			b.WriteByte(c)
		}
	}
	return append(parts, replacementPart{b.String(), -1}), nil
}

// append adds what replaces a match in src.
func (r groupReplacement) append(dst, src []byte, match []int) []byte {
	for _, p := range r {
		switch {
		case p.group < 0:
			dst = append(dst, p.text...)
		case match[2*p.group] >= 0:
			dst = append(dst, src[match[2*p.group]:match[2*p.group+1]]...)
		}
	}
	return dst
}
