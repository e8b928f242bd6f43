package catalog

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/logpipe/logpipe/pkg/fault"
)

// word is one word of a pipeline text, without its quotes.
type word struct {
	text string
	at   int // byte offset in the text
}

// lexer cuts a pipeline text into stages of words. It knows the quoting of the
// POSIX shell (single and double quotes, the backslash), blanks, newlines where
// a shell goes on reading, comments and |. Everything else that a shell would
// act upon is refused: what works in `run` works pasted into a shell. A carriage
// return is part of a line end, as editors on Windows write it; anywhere else a
// shell would make it part of a word, where nobody sees it.
type lexer struct {
	name   string // of the file, "" for an argument
	src    string
	pos    int
	stages [][]word
	words  []word
	bar    int // offset of the | before the current stage, -1 for none
}

func lex(name, src string) ([][]word, error) {
	l := &lexer{name: name, src: src, bar: -1}
	for {
		if err := l.blanks(); err != nil {
			return nil, err
		}
		if l.pos == len(l.src) {
			break
		}
		if l.src[l.pos] == '|' {
			if err := l.pipe(); err != nil {
				return nil, err
			}
			continue
		}
		w, err := l.word()
		if err != nil {
			return nil, err
		}
		l.words = append(l.words, w)
	}
	if len(l.words) == 0 {
		if l.bar >= 0 {
			return nil, fault.Hint(l.errorf(l.bar, "nothing behind the last |"), "end the pipeline without it")
		}
		return nil, fault.Hint(fault.Usagef("the pipeline is empty"), "logpipe run 'parse access | head'")
	}
	return append(l.stages, l.words), nil
}

// blanks skips blanks, comments and the newlines that do not end a command.
func (l *lexer) blanks() error {
	for l.pos < len(l.src) {
		rest := l.src[l.pos:]
		switch c := rest[0]; {
		case c == ' ' || c == '\t':
			l.pos++
		case c == '\r':
			if err := l.lineEnd(); err != nil {
				return err
			}
			l.pos++
		case strings.HasPrefix(rest, "\\\n"):
			l.pos += 2
		case strings.HasPrefix(rest, "\\\r\n"):
			l.pos += 3
		case c == '#':
			if i := strings.IndexByte(rest, '\n'); i >= 0 {
				l.pos += i
			} else {
				l.pos = len(l.src)
			}
		case c == '\n':
			if err := l.newline(); err != nil {
				return err
			}
		default:
			return nil
		}
	}
	return nil
}

// lineEnd refuses a carriage return that ends no line.
func (l *lexer) lineEnd() error {
	if rest := l.src[l.pos+1:]; rest == "" || rest[0] == '\n' {
		return nil
	}
	return fault.Hint(l.errorf(l.pos, "a carriage return within a line: a shell would take it for a part of the word"), "quote it, or take it out")
}

// newline goes on to the next line, or refuses one that begins a new command.
func (l *lexer) newline() error {
	at := l.pos
	l.pos++
	if len(l.words) == 0 {
		return nil // before the first stage or behind |
	}
	words := l.words
	l.words = nil
	err := l.blanks()
	l.words = words
	if err != nil || l.pos == len(l.src) {
		return err
	}
	return fault.Hint(l.errorf(at, "the line ends within the pipeline"), "end the line with | to go on, as in a shell")
}

func (l *lexer) pipe() error {
	if len(l.words) == 0 {
		return fault.Hint(l.errorf(l.pos, "nothing before |"), "write one stage between two |")
	}
	if next := l.src[l.pos+1:]; next != "" && (next[0] == '|' || next[0] == '&') {
		return fault.Hint(l.errorf(l.pos, "|%c is not a pipe", next[0]), "write one stage between two |")
	}
	l.stages, l.words = append(l.stages, l.words), nil
	l.bar = l.pos
	l.pos++
	return nil
}

// word reads a word up to the next unquoted blank or |.
func (l *lexer) word() (word, error) {
	start := l.pos
	var b strings.Builder
	for l.pos < len(l.src) {
		c := l.src[l.pos]
		var err error
		switch {
		case c == '\r':
			if err = l.lineEnd(); err == nil {
				return word{b.String(), start}, nil
			}
		case strings.IndexByte(" \t\n|", c) >= 0:
			return word{b.String(), start}, nil
		case c == '\'':
			err = l.single(&b)
		case c == '"':
			err = l.double(&b)
		case c == '\\':
			err = l.backslash(&b)
		default:
			if err = l.special(start); err == nil {
				b.WriteByte(c)
				l.pos++
			}
		}
		if err != nil {
			return word{}, err
		}
	}
	return word{b.String(), start}, nil
}

func (l *lexer) single(b *strings.Builder) error {
	end := strings.IndexByte(l.src[l.pos+1:], '\'')
	if end < 0 {
		return l.errorf(l.pos, "the quote ' is not closed")
	}
	b.WriteString(l.src[l.pos+1 : l.pos+1+end])
	l.pos += end + 2
	return nil
}

func (l *lexer) double(b *strings.Builder) error {
	start := l.pos
	for l.pos++; l.pos < len(l.src); l.pos++ {
		switch c := l.src[l.pos]; c {
		case '"':
			l.pos++
			return nil
		case '$', '`':
			return fault.Hint(l.errorf(l.pos, "a shell would act upon %c within double quotes", c),
				"use single quotes, or \\%c", c)
		case '\\':
			if l.pos+1 < len(l.src) && strings.IndexByte("$`\"\\\n", l.src[l.pos+1]) >= 0 {
				l.pos++
				if l.src[l.pos] != '\n' {
					b.WriteByte(l.src[l.pos])
				}
				continue
			}
			b.WriteByte(c)
		default:
			b.WriteByte(c)
		}
	}
	return l.errorf(start, "the quote \" is not closed")
}

func (l *lexer) backslash(b *strings.Builder) error {
	if l.pos+1 == len(l.src) {
		return fault.Hint(l.errorf(l.pos, "nothing behind \\"), "quote a backslash: '\\'")
	}
	if c := l.src[l.pos+1]; c != '\n' {
		b.WriteByte(c)
	}
	l.pos += 2
	return nil
}

// special refuses the character at pos where a shell would not take it as it is.
func (l *lexer) special(start int) error {
	c := l.src[l.pos]
	var what string
	switch c {
	case '$', '`', '*', '?', '[', '(', ')', '<', '>', ';', '&':
		what = string(c)
	case '~':
		if l.pos == start {
			what = "~"
		}
	case '{':
		what = braces(l.src[l.pos:])
	}
	if what == "" {
		return nil
	}
	err := l.errorf(l.pos, "%s is not quoted: a shell would act upon it", what)
	if what == "&" || what == ";" || what == ">" || what == "<" {
		return fault.Hint(err, "quote it, or use the shell's own pipe: logpipe … | logpipe …")
	}
	return fault.Hint(err, "quote the word: %s", Quote(l.rawWord(start)))
}

// braces reports a brace expansion at the head of s: {a,b} or {1..3}.
func braces(s string) string {
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == ',' || c == '.' && strings.HasPrefix(s[i:], ".."):
			return "{"
		case strings.IndexByte("} \t\r\n|'\"\\", c) >= 0:
			return ""
		}
	}
	return ""
}

// rawWord is the word at start as far as it can be guessed, for the hint: up to
// a blank outside of parentheses.
func (l *lexer) rawWord(start int) string {
	depth := 0
	var quote byte
	for i := start; i < len(l.src); i++ {
		switch c := l.src[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case c == '(':
			depth++
		case c == ')':
			depth--
		case depth <= 0 && strings.IndexByte(" \t\r\n|", c) >= 0:
			return l.src[start:i]
		}
	}
	return l.src[start:]
}

// errorf is an error at a byte offset of the text.
func (l *lexer) errorf(at int, format string, args ...any) error {
	return l.placed(at, fault.Usagef(format, args...))
}

// placedError is an error at a place of the text of a pipeline.
type placedError struct {
	text string
	at   int // byte offset
	err  error
}

func (e *placedError) Error() string { return e.text }
func (e *placedError) Unwrap() error { return e.err }

// placed names the place of an error in its text.
func (l *lexer) placed(at int, err error) error {
	return &placedError{l.place(at) + ": " + err.Error(), at, err}
}

// Place returns the byte offset in the text of a pipeline at which an error of
// Parse is, and the error without it.
func Place(err error) (at int, bare error) {
	var p *placedError
	if errors.As(err, &p) {
		return p.at, p.err
	}
	return 0, err
}

// place names a position: line and column count characters from 1.
func (l *lexer) place(at int) string {
	before := l.src[:at]
	line := strings.Count(before, "\n") + 1
	column := utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:]) + 1
	switch {
	case l.name != "":
		return fmt.Sprintf("%s:%d:%d", l.name, line, column)
	case line > 1:
		return fmt.Sprintf("line %d, column %d", line, column)
	}
	return fmt.Sprintf("column %d", column)
}

// Quote writes a word so that a shell, and `run`, read it as it is.
func Quote(s string) string {
	plain := s != ""
	for i := 0; i < len(s) && plain; i++ {
		c := s[i]
		plain = c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' ||
			strings.IndexByte("-_./:=,@%+^", c) >= 0
	}
	if plain {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
