package expr

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/logpipe/logpipe/pkg/fault"
)

// SyntaxError says where an expression stops making sense, and why.
type SyntaxError struct {
	Src    string // the whole text
	Column int    // 1-based, in characters of Src
	Msg    string // what is wrong, naming what was expected
	Hint   string // the next step, or ""
}

// excerpt is how many characters of a long line are shown on each side.
const excerpt = 60

// Error returns the message, the line of the source it is about, and a caret
// below the place. The hint is not part of it: fault.HintOf tells it.
func (e *SyntaxError) Error() string {
	line, column := e.line()
	return fmt.Sprintf("expression: %s at column %d\n    %s\n    %s^", e.Msg, e.Column, string(line), caretPad(line[:column]))
}

// line returns the line that holds the place, cut to an excerpt, and the index
// of the place in it.
func (e *SyntaxError) line() (line []rune, at int) {
	src := []rune(e.Src)
	at = min(max(e.Column-1, 0), len(src))
	from, end := at, at
	for from > 0 && src[from-1] != '\n' && at-from < excerpt {
		from--
	}
	for end < len(src) && src[end] != '\n' && end-at < excerpt {
		end++
	}
	return src[from:end], at - from
}

// caretPad is as wide as text: tabs stay, so that the caret stands right.
func caretPad(text []rune) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' {
			return r
		}
		return ' '
	}, string(text))
}

// syntaxError places a message at the byte offset pos of src. It ends a command
// with exit code 2 and carries its hint for pkg/fault; errors.As finds the
// *SyntaxError.
func syntaxError(src string, pos int, hint, format string, args ...any) error {
	se := &SyntaxError{
		Src:    src,
		Column: utf8.RuneCountInString(src[:min(pos, len(src))]) + 1,
		Msg:    fmt.Sprintf(format, args...),
		Hint:   hint,
	}
	err := fault.With(fault.Usage, error(se))
	if hint != "" {
		err = fault.Hint(err, "%s", hint)
	}
	return err
}
