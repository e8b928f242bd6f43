package source

import (
	"fmt"
	"regexp"
	"strings"
)

// javaClasses are Java's names of character classes that Go writes otherwise.
var javaClasses = map[string]string{"Lower": "lower", "Upper": "upper", "ASCII": "ascii", "Alpha": "alpha", "Digit": "digit",
	"Alnum": "alnum", "Punct": "punct", "Graph": "graph", "Print": "print", "Blank": "blank", "Cntrl": "cntrl", "XDigit": "xdigit", "Space": "space"}

// compileJava compiles a pattern of java.util.regex. As there, a dot stands for
// no line end of any kind, so that a CR at the end of a body stays out. What
// Go's expressions do not have, for they never go back, is an error.
func compileJava(pattern string) (*regexp.Regexp, error) {
	re, err := regexp.Compile(translateJava(pattern))
	if err != nil {
		text := strings.TrimPrefix(err.Error(), "error parsing regexp: ")
		for _, missing := range []string{"(?=", "(?!", "(?<=", "(?<!", "(?>"} {
			if strings.Contains(pattern, missing) {
				text = "looking ahead and behind (" + missing + "…)) is not supported"
			}
		}
		return nil, fmt.Errorf("pattern %s: %s", pattern, text)
	}
	return re, nil
}

// translateJava rewrites what the two dialects write in different ways.
func translateJava(pattern string) string {
	var b strings.Builder
	dotall := strings.Contains(pattern, "(?s") || strings.Contains(pattern, "(?is")
	inClass := 0
	for i := 0; i < len(pattern); i++ {
		c := pattern[i]
		switch {
		case c == '\\' && i+1 < len(pattern):
			text, n := javaEscape(pattern[i:], inClass > 0)
			b.WriteString(text)
			i += n - 1
		case c == '[' && inClass == 0:
			inClass = 1
			b.WriteByte(c)
			// A bracket right behind is a character, as in Go.
			for i+1 < len(pattern) && (pattern[i+1] == '^' && pattern[i] == '[' || pattern[i+1] == ']' && strings.HasSuffix(b.String(), "[^")) {
				i++
				b.WriteByte(pattern[i])
			}
		case c == ']':
			inClass = 0
			b.WriteByte(c)
		case c == '.' && inClass == 0 && !dotall:
			b.WriteString(`[^\n\r\x{85}\x{2028}\x{2029}]`)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// javaEscape rewrites the escape at the beginning of s and tells its size.
func javaEscape(s string, inClass bool) (text string, size int) {
	set := func(members string) string {
		if inClass {
			return members
		}
		return "[" + members + "]"
	}
	switch c := s[1]; {
	case c == 'Q':
		end := strings.Index(s, `\E`)
		if end < 0 {
			return regexp.QuoteMeta(s[2:]), len(s)
		}
		return regexp.QuoteMeta(s[2:end]), end + 2
	case c == 'u' && len(s) >= 6:
		return `\x{` + s[2:6] + `}`, 6
	case c == 'e':
		return `\x1b`, 2
	case c == 'h':
		return set(` \t\x{A0}`), 2
	case c == 's':
		return set(` \t\n\x0B\f\r`), 2
	case c == 'R' && !inClass:
		return `(?:\r\n|[\n\x0B\f\r\x{85}\x{2028}\x{2029}])`, 2
	case c == 'Z' && !inClass:
		return `\z`, 2
	case (c == 'p' || c == 'P') && len(s) > 2 && s[2] == '{':
		end := strings.IndexByte(s, '}')
		if end < 0 {
			return s[:2], 2
		}
		name, found := javaClasses[strings.TrimPrefix(s[3:end], "Is")]
		if !found {
			return s[:end+1], end + 1
		}
		if c == 'P' {
			name = "^" + name
		}
		return set("[:" + name + ":]"), end + 1
	}
	return s[:2], 2
}

// groupReplacement is the replacement text of Java's Matcher: \x is x, $1 and
// ${name} are groups.
type groupReplacement []replacementPart

type replacementPart struct {
	text  string
	group int // -1 = text
}

func parseReplacement(text string, re *regexp.Regexp) (groupReplacement, error) {
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
