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
	err := walkJava(pattern, func(text string) {
		b.WriteString(strings.ReplaceAll(text, "%", "%%"))
	}, func(c byte, n int) bool {
		directive := javaField(c, n)
		b.WriteString(directive)
		return directive != ""
	})
	if err != nil {
		return "", err
	}
	return b.String(), nil
}

// The parts of a Java pattern that strftime has no directive for.
const (
	javaHour24 = 1 + iota // k: 24 is midnight
	javaHour11            // K: 0 is midnight and noon
	javaMinute            // of one digit, too
	javaSecond
	javaZone // names of zones in America, too
)

// NewJavaLayout compiles a pattern of Java's SimpleDateFormat or of Joda-Time for
// reading. As with these, the number of letters of a number is not how many digits
// it may have.
func NewJavaLayout(pattern string) (*Layout, error) {
	l := &Layout{text: pattern, parts: []part{}}
	err := walkJava(pattern, func(text string) {
		l.parts = append(l.parts, part{literal: text})
	}, func(c byte, n int) bool {
		d := map[byte]byte{'k': javaHour24, 'K': javaHour11, 'm': javaMinute, 's': javaSecond, 'S': 'L', 'z': javaZone}[c]
		if directive := javaField(c, n); d == 0 && directive != "" {
			d = directive[len(directive)-1]
		}
		l.parts = append(l.parts, part{directive: d})
		return d != 0
	})
	return l, err
}

// walkJava calls literal and field for the parts of a pattern: n times the letter c.
// A field that is not known ends it.
func walkJava(pattern string, literal func(string), field func(c byte, n int) bool) error {
	for i := 0; i < len(pattern); {
		c := pattern[i]
		switch {
		case c == '\'':
			text, n, err := javaQuote(pattern[i:])
			if err != nil {
				return err
			}
			literal(text)
			i += n
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
			n := 1
			for i+n < len(pattern) && pattern[i+n] == c {
				n++
			}
			if !field(c, n) {
				return fmt.Errorf("date pattern %q: %s is not supported", pattern, pattern[i:i+n])
			}
			i += n
		default:
			literal(pattern[i : i+1])
			i++
		}
	}
	return nil
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
