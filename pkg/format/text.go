package format

import "github.com/logpipe/logpipe/pkg/record"

// textFormat puts the line into the field line. Any line fits, the empty one
// too.
type textFormat struct{}

func (textFormat) Name() string     { return "text" }
func (textFormat) Fields() []string { return []string{"line"} }
func (f textFormat) New() Parser    { return f.extended(nil) }

func (f textFormat) extended(extra []string) Parser {
	return &textParser{shapeOf(f.Fields(), extra)}
}

type textParser struct{ shape *record.Shape }

func (p *textParser) Parse(line []byte, r *record.Record, a *record.Arena) error {
	r.Begin(line, p.shape, a)
	n := len(trimCR(line))
	setText(r, 0, 0, n, marksOf(line[:n]))
	return nil
}
