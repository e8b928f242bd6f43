package op

import (
	"bytes"
	"strings"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/record"
)

// grid is a table in memory: rows of cells under named columns.
type grid struct {
	names  []string
	fields []*record.Field // none: all fields in the order of first appearance
	index  map[string]int
	rows   [][]cell
	row    []cell
	buf    []byte
	addOne func(name string, v record.Value)
}

// cell is a value as it is printed.
type cell struct {
	text string
	kind record.Kind
}

func newGrid(fields []*record.Field) *grid {
	g := &grid{fields: fields, index: make(map[string]int)}
	for _, f := range fields {
		g.names = append(g.names, f.String())
	}
	g.addOne = g.addField
	return g
}

// add appends a row. Rows may be shorter than the list of names.
func (g *grid) add(r *record.Record) {
	g.begin()
	if len(g.fields) == 0 {
		r.Each(g.addOne)
	}
	for _, f := range g.fields {
		g.row = append(g.row, g.cell(r.Get(f)))
	}
	g.end()
}

// begin and end stand around the calls of addField for a row.
func (g *grid) begin() { g.row = make([]cell, 0, len(g.names)) }
func (g *grid) end()   { g.rows = append(g.rows, g.row) }

func (g *grid) addField(name string, v record.Value) {
	i, ok := g.index[name]
	if !ok {
		i = len(g.names)
		g.index[name] = i
		g.names = append(g.names, name)
	}
	for len(g.row) <= i {
		g.row = append(g.row, cell{})
	}
	g.row[i] = g.cell(v)
}

func (g *grid) cell(v record.Value) cell {
	g.buf = record.AppendPlain(g.buf[:0], v)
	return cell{string(g.buf), v.Kind}
}

// cellAt returns the cell of a row that may be short.
func cellAt(row []cell, i int) cell {
	if i < len(row) {
		return row[i]
	}
	return cell{}
}

// numeric tells which columns hold numbers and nulls alone.
func (g *grid) numeric() []bool {
	out := make([]bool, len(g.names))
	for i := range g.names {
		for _, row := range g.rows {
			switch cellAt(row, i).kind {
			case record.Int, record.Float:
				out[i] = true
			case record.Null:
				continue
			default:
				out[i] = false
			}
			if !out[i] {
				break
			}
		}
	}
	return out
}

// delimiter is a form of delimited text.
type delimiter struct {
	mark   byte
	append func(dst, text []byte, present bool) []byte
}

func (d *delimiter) header(names []string) string {
	var out []byte
	for i, n := range names {
		if i > 0 {
			out = append(out, d.mark)
		}
		out = d.append(out, []byte(n), true)
	}
	return string(out)
}

func (d *delimiter) lines(g *grid) []string {
	if len(g.names) == 0 {
		return nil
	}
	lines := []string{d.header(g.names)}
	for _, row := range g.rows {
		var out []byte
		for i := range g.names {
			if i > 0 {
				out = append(out, d.mark)
			}
			c := cellAt(row, i)
			out = d.append(out, []byte(c.text), c.kind != record.Null || len(g.names) == 1)
		}
		lines = append(lines, string(out))
	}
	return lines
}

// appendCSV quotes as RFC 4180 says, and an empty text that is present, so that
// it differs from null and a line is never blank.
func appendCSV(dst, text []byte, present bool) []byte {
	if bytes.IndexAny(text, ",\"\r\n") < 0 && (len(text) > 0 || !present) {
		return append(dst, text...)
	}
	dst = append(dst, '"')
	for _, c := range text {
		if c == '"' {
			dst = append(dst, '"')
		}
		dst = append(dst, c)
	}
	return append(dst, '"')
}

// appendTSV escapes what would end a cell.
func appendTSV(dst, text []byte, _ bool) []byte {
	for _, c := range text {
		switch c {
		case '\t':
			dst = append(dst, '\\', 't')
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\\':
			dst = append(dst, '\\', '\\')
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// markdownLines prints the rows of GitHub's Markdown.
func markdownLines(g *grid) []string {
	if len(g.names) == 0 {
		return nil
	}
	right := g.numeric()
	texts := g.texts(strings.NewReplacer("|", `\|`, "\r\n", "<br>", "\n", "<br>").Replace)
	widths := widthsOf(texts, len(g.names), 4)
	lines := make([]string, 0, len(texts)+1)
	for k, row := range texts {
		for i := range row {
			row[i] = padText(row[i], widths[i], right[i])
		}
		lines = append(lines, "| "+strings.Join(row, " | ")+" |")
		if k == 0 {
			lines = append(lines, markdownRule(widths, right))
		}
	}
	return lines
}

func markdownRule(widths []int, right []bool) string {
	var b strings.Builder
	for i, w := range widths {
		if right[i] {
			b.WriteString("| " + strings.Repeat("-", w-1) + ": ")
		} else {
			b.WriteString("| :" + strings.Repeat("-", w-1) + " ")
		}
	}
	return b.String() + "|"
}

// texts returns the header and all rows, made fit for one line of a terminal.
func (g *grid) texts(escape func(string) string) [][]string {
	out := make([][]string, 0, len(g.rows)+1)
	head := make([]string, len(g.names))
	for i, n := range g.names {
		head[i] = fault.Visible(escape(n))
	}
	out = append(out, head)
	for _, row := range g.rows {
		line := make([]string, len(g.names))
		for i := range g.names {
			line[i] = fault.Visible(escape(cellAt(row, i).text))
		}
		out = append(out, line)
	}
	return out
}
