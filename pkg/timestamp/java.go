package timestamp

import (
	"fmt"
	"strings"
)

// FromJava makes a strftime pattern of one of Java's SimpleDateFormat or of
// Joda-Time, such as yyyy-MM-dd'T'HH:mm:ss.SSSZ. Letters that strftime has no
// word for are errors.
func FromJava(pattern string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(pattern); {
		c := pattern[i]
		switch {
		case c == '\'':
			text, n, err := javaQuote(pattern[i:])
			if err != nil {
				return "", err
			}
			b.WriteString(strings.ReplaceAll(text, "%", "%%"))
			i += n
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
			n := 1
			for i+n < len(pattern) && pattern[i+n] == c {
				n++
			}
			directive := javaField(c, n)
			if directive == "" {
				return "", fmt.Errorf("date pattern %q: %s is not supported", pattern, pattern[i:i+n])
			}
			b.WriteString(directive)
			i += n
		case c == '%':
			b.WriteString("%%")
			i++
		default:
			b.WriteByte(c)
			i++
		}
	}
	return b.String(), nil
}

// javaQuote reads a quoted text at the beginning of s; two quotes are one.
func javaQuote(s string) (text string, size int, err error) {
	if strings.HasPrefix(s, "''") {
		return "'", 2, nil
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		if s[i] != '\'' {
			b.WriteByte(s[i])
			continue
		}
		if i+1 == len(s) || s[i+1] != '\'' {
			return b.String(), i + 1, nil
		}
		b.WriteByte('\'')
		i++
	}
	return "", 0, fmt.Errorf("date pattern: the quote in %s is not closed", s)
}

// javaField is the directive of n letters c, or "".
func javaField(c byte, n int) string {
	switch c {
	case 'y', 'Y', 'u':
		if n == 2 {
			return "%y"
		}
		return "%Y"
	case 'M', 'L':
		return []string{"%m", "%m", "%b", "%B"}[min(n, 4)-1]
	case 'E':
		if n > 3 {
			return "%A"
		}
		return "%a"
	case 'Z', 'X':
		if n == 2 || c == 'X' && n > 2 {
			return "%:z"
		}
		return "%z"
	case 'S':
		switch n {
		case 6:
			return "%f"
		case 9:
			return "%N"
		case 3:
			return "%L"
		}
		return ""
	}
	return map[byte]string{'d': "%d", 'D': "%j", 'H': "%H", 'h': "%I", 'K': "%I", 'a': "%p", 'm': "%M", 's': "%S", 'z': "%Z"}[c]
}
