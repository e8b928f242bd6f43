package format

import (
	"errors"
	"fmt"

	"github.com/logpipe/logpipe/pkg/record"
)

// jsonFormat checks that a line is one JSON object, strictly, and passes it.
type jsonFormat struct{}

func (jsonFormat) Name() string     { return "json" }
func (jsonFormat) Fields() []string { return nil }
func (jsonFormat) New() Parser      { return &jsonParser{scanner: record.NewScanner()} }

type jsonParser struct {
	scanner *record.Scanner
	buf     []byte
}

func (p *jsonParser) Parse(line []byte, r *record.Record, a *record.Arena) error {
	r.Reset(line, a)
	b := padded(&p.buf, line)
	b[len(line)] = '\n'
	next, err := p.scanner.Scan(b[:len(line)+1], 0, r)
	if err != nil || next <= len(line) {
		r.Reset(line, a)
		if err == nil {
			return &Mismatch{Column: next, Want: "the end of the line", Format: "json"}
		}
		return jsonMismatch("json", err)
	}
	// The spans count from the brace, in the copy as in the line.
	start := 0
	for line[start] != '{' {
		start++
	}
	end := start + len(r.Line)
	r.Line = line[start:end:end]
	return nil
}

// jsonMismatch turns what the scanner says into a Mismatch.
func jsonMismatch(format string, err error) error {
	var syntax *record.SyntaxError
	if errors.As(err, &syntax) {
		return &Mismatch{Column: syntax.Column, Want: fmt.Sprintf("a JSON object (%s)", syntax.Msg), Format: format}
	}
	return err
}
