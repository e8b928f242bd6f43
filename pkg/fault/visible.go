package fault

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Visible writes what text holds beside characters of a line as escapes: control
// characters as \n or \u001b, marks that turn the direction of a line as \u202e,
// bytes that are no UTF-8 as \xff. Names and values that come from the input, from
// files and their names, must neither break the line of a message or a table nor
// reach a terminal as a command. What is visible stays as it is, so that a text may
// pass more than once.
func Visible(text string) string {
	if utf8.ValidString(text) && strings.IndexFunc(text, unseen) < 0 {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); {
		c, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case c == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, text[i])
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\t':
			b.WriteString(`\t`)
		case c == '\r':
			b.WriteString(`\r`)
		case unseen(c):
			fmt.Fprintf(&b, `\u%04x`, c)
		default:
			b.WriteString(text[i : i+size])
		}
		i += size
	}
	return b.String()
}

// VisibleLines is Visible for a text that may have several lines, with tabs.
func VisibleLines(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		cells := strings.Split(line, "\t")
		for k := range cells {
			cells[k] = Visible(cells[k])
		}
		lines[i] = strings.Join(cells, "\t")
	}
	return strings.Join(lines, "\n")
}

// unseen tells control characters, line and paragraph separators, and the marks
// of direction that reach over what follows.
func unseen(c rune) bool {
	return unicode.IsControl(c) || c >= 0x2028 && c <= 0x202E || c >= 0x2066 && c <= 0x2069
}
