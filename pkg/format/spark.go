package format

import (
	"bytes"

	"github.com/logpipe/logpipe/pkg/record"
)

// sparkEvent is the event log of Apache Spark: one JSON object a line, whose
// keys have blanks. It takes them out at every depth, so that Task Info / Launch
// Time is read as TaskInfo.LaunchTime. Values stay as
// they are, and so do keys with escapes, which Spark does not write.
type sparkEvent struct{}

func (sparkEvent) Name() string     { return "spark-event" }
func (sparkEvent) Fields() []string { return nil }
func (sparkEvent) New() Parser {
	return &sparkParser{json: jsonParser{scanner: record.NewScanner()}, scanner: record.NewScanner()}
}

type sparkParser struct {
	json    jsonParser // finds the column of an error
	scanner *record.Scanner
}

// Parse writes the line without those blanks into the arena and indexes that.
// Taking blanks out of a string without escapes makes no line valid or invalid
// that was not so before.
func (p *sparkParser) Parse(line []byte, r *record.Record, a *record.Arena) error {
	r.Reset(line, a)
	off := len(a.Buf)
	a.Buf = append(appendTightKeys(a.Buf, line), '\n')
	end := len(a.Buf)
	a.Buf = append(a.Buf, make([]byte, record.Padding)...)
	if next, err := p.scanner.Scan(a.Buf[off:end:len(a.Buf)], 0, r); err != nil || next < end-off {
		if err := p.json.Parse(line, r, a); err != nil {
			r.Reset(line, a)
			if m, ok := err.(*Mismatch); ok {
				m.Format = "spark-event"
			}
			return err
		}
	}
	return nil
}

// appendTightKeys appends the JSON text line without the blanks in its keys.
func appendTightKeys(dst, line []byte) []byte {
	for {
		q := bytes.IndexByte(line, '"')
		if q < 0 {
			return append(dst, line...)
		}
		end, _ := stringEnd(line, q+1)
		text := line[q:end]
		dst = append(dst, line[:q]...)
		if isKey(line[end:]) && bytes.IndexByte(text, ' ') >= 0 && bytes.IndexByte(text, '\\') < 0 {
			for _, c := range text {
				if c != ' ' {
					dst = append(dst, c)
				}
			}
		} else {
			dst = append(dst, text...)
		}
		line = line[end:]
	}
}

// stringEnd returns the place behind the closing quote of the string whose first
// byte is at i; without one, the end of b and false.
func stringEnd(b []byte, i int) (end int, closed bool) {
	for {
		k := bytes.IndexByte(b[i:], '"')
		if k < 0 {
			return len(b), false
		}
		q := i + k
		slashes := 0
		for q-slashes > i && b[q-slashes-1] == '\\' {
			slashes++
		}
		if slashes&1 == 0 {
			return q + 1, true
		}
		i = q + 1
	}
}

// isKey tells whether a colon follows.
func isKey(rest []byte) bool {
	for _, c := range rest {
		if c != ' ' && c != '\t' {
			return c == ':'
		}
	}
	return false
}
