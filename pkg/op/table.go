package op

import (
	"fmt"
	"slices"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/option"
	"github.com/logpipe/logpipe/pkg/record"
	"github.com/logpipe/logpipe/pkg/stream"
)

// Table is the operator that ends a pipe for people and spreadsheets.
var Table = Definition{
	Name:  "table",
	Usage: "table [<FIELD>...] [--csv|--tsv|--markdown]",
	Short: "print the records as a table, for people and spreadsheets",
	Long: `The columns are the FIELDs, or all fields in the order in which they first appear.
Columns of numbers stand to the right. A null or absent value is an empty cell.
On a terminal long texts are cut with … so that a row fits its line.

--csv quotes as RFC 4180 says, with plain line ends; an empty text is "", a null
nothing. --tsv writes tabs, line ends and backslashes inside a text as \t \n \r \\.
With FIELDs both print every record at once; everything else needs the end of the
input. Nothing can stand behind table: its lines are no records.`,
	Examples: []Example{{
		Command: `printf '{"page":"a.html","clicks":7}\n{"page":"index.html","clicks":12}\n' | logpipe table`,
		Output: `page        clicks
a.html           7
index.html      12
`,
	}, {
		Command: `printf '{"page":"a","title":"one, two"}\n{"page":"b"}\n' | logpipe table page title --csv`,
		Output: `page,title
a,"one, two"
b,
`,
	}, {
		Command: `printf '{"page":"a","clicks":7}\n' | logpipe table --markdown`,
		Output: `| page | clicks |
| :--- | -----: |
| a    |      7 |
`,
	}},
	New: func() Builder { return new(tabling) },
}

type tabling struct {
	csv, tsv, markdown bool
	fields             []*record.Field
}

func (t *tabling) Options(o *option.Set) {
	o.Bool(&t.csv, "csv", "comma-separated values")
	o.Bool(&t.tsv, "tsv", "tab-separated values")
	o.Bool(&t.markdown, "markdown", "a Markdown table")
}

func (t *tabling) Build(args []string) (stream.Stage, error) {
	forms := 0
	for _, on := range []bool{t.csv, t.tsv, t.markdown} {
		if on {
			forms++
		}
	}
	if forms > 1 {
		return nil, fault.Usagef("table: --csv, --tsv and --markdown exclude each other")
	}
	t.fields = nil
	for _, arg := range args {
		f, err := record.NewField(arg)
		if err != nil {
			return nil, fault.Usagef("table: %w", err)
		}
		t.fields = append(t.fields, f)
	}
	return t, nil
}

// Name is "table".
func (t *tabling) Name() string { return "table" }

// Input is objects.
func (t *tabling) Input() stream.Input { return stream.Objects }

// Serial prints in input order.
func (t *tabling) Serial(env *stream.Env) (stream.Operator, error) {
	form := delimiterOf(t.csv, t.tsv)
	if form != nil && len(t.fields) > 0 {
		return &rowPrinter{form: form, fields: cloneFields(t.fields), batch: stream.NewBatch()}, nil
	}
	o := &gridPrinter{grid: newGrid(cloneFields(t.fields))}
	switch {
	case form != nil:
		o.lines = form.lines
	case t.markdown:
		o.lines = markdownLines
	default:
		width := 0
		if env.Terminal {
			width, _ = terminalSize(env.Stdout)
		}
		o.lines = func(g *grid) []string { return alignedLines(g, width) }
	}
	return o, nil
}

func delimiterOf(csv, tsv bool) *delimiter {
	switch {
	case csv:
		return &delimiter{',', appendCSV}
	case tsv:
		return &delimiter{'\t', appendTSV}
	}
	return nil
}

// gridPrinter needs all records before it knows the columns.
type gridPrinter struct {
	grid  *grid
	lines func(*grid) []string
	held  heldMark
	ended bool  // the rows are out
	made  int64 // lines that are out
	again int64 // records forgotten at resets
}

func (o *gridPrinter) Process(b *stream.Batch, _ stream.Emit) error {
	for _, r := range b.Records {
		o.grid.add(r)
	}
	return nil
}

func (o *gridPrinter) Flush(emit stream.Emit) error {
	b := stream.NewBatch()
	o.ended = true
	for lines := range slices.Chunk(o.lines(o.grid), stream.BatchSize) {
		b.Reset()
		o.made += int64(len(lines))
		for _, line := range lines {
			b.New().Reset([]byte(line), &b.Arena)
		}
		if err := emit(b); err != nil {
			return err
		}
	}
	return o.held.release()
}

// Holding tells what waits for the end of the input.
func (o *gridPrinter) Holding() string {
	if len(o.grid.rows) == 0 {
		return ""
	}
	return fmt.Sprintf("table holds %d rows until the input ends; --csv FIELD... prints them at once", len(o.grid.rows))
}

// rowPrinter prints delimited rows as they come.
type rowPrinter struct {
	form   *delimiter
	fields []*record.Field
	batch  *stream.Batch
	begun  bool
	buf    []byte
	cell   []byte
}

func (o *rowPrinter) Process(b *stream.Batch, emit stream.Emit) error {
	o.begin()
	for _, r := range b.Records {
		from := len(o.buf)
		for i, f := range o.fields {
			if i > 0 {
				o.buf = append(o.buf, o.form.mark)
			}
			v := r.Get(f)
			o.cell = record.AppendPlain(o.cell[:0], v)
			o.buf = o.form.append(o.buf, o.cell, v.Kind != record.Null || len(o.fields) == 1)
		}
		o.batch.New().Reset(o.buf[from:], &o.batch.Arena)
	}
	return emit(o.batch)
}

// begin empties the batch and adds the header to the first one.
func (o *rowPrinter) begin() {
	o.batch.Reset()
	o.buf = o.buf[:0]
	if o.begun {
		return
	}
	o.begun = true
	names := make([]string, len(o.fields))
	for i, f := range o.fields {
		names[i] = f.String()
	}
	o.batch.New().Reset([]byte(o.form.header(names)), &o.batch.Arena)
}

// Flush prints the header where no record came.
func (o *rowPrinter) Flush(emit stream.Emit) error {
	if o.begun {
		return nil
	}
	o.begin()
	return emit(o.batch)
}
