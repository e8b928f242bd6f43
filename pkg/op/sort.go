package op

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/option"
	"github.com/logpipe/logpipe/pkg/record"
	"github.com/logpipe/logpipe/pkg/stream"
)

// Sort is the operator that orders a finite input.
var Sort = Definition{
	Name:  "sort",
	Usage: "sort [-r] <FIELD>[:asc|:desc]...",
	Short: "order the records of a finite input by fields",
	Long: `Null and absent come first, then false, true, numbers by value, texts by their
bytes, objects, arrays. Records that are equal in all the fields keep the order
of the input. :desc turns one field round, -r turns round all fields that do not
say :asc or :desc. A field whose name has a colon in it is written ['a:b'].

sort keeps the whole input in memory and prints at its end. Where only the
greatest records are wanted, top keeps N of them.`,
	Examples: []Example{{
		Note:    "The most clicks first; among equals by page",
		Command: `printf '{"page":"b","clicks":7}\n{"page":"a","clicks":7}\n{"page":"c","clicks":12}\n' | logpipe sort clicks:desc page`,
		Output: `{"page":"c","clicks":12}
{"page":"a","clicks":7}
{"page":"b","clicks":7}
`,
	}},
	New: func() Builder { return new(sorting) },
}

// sorting is the stage.
type sorting struct {
	reverse bool
	keys    []sortKey
}

type sortKey struct {
	field *record.Field
	desc  bool
}

func (s *sorting) Options(o *option.Set) {
	o.Bool(&s.reverse, "reverse,r", "the greatest first")
}

func (s *sorting) Build(args []string) (stream.Stage, error) {
	if len(args) == 0 {
		return nil, fault.Hint(fault.Usagef("sort: no field to sort by"), "logpipe sort count:desc")
	}
	s.keys = nil
	for _, arg := range args {
		name, desc := arg, s.reverse
		if n, ok := strings.CutSuffix(arg, ":desc"); ok {
			name, desc = n, true
		} else if n, ok := strings.CutSuffix(arg, ":asc"); ok {
			name, desc = n, false
		}
		if i := strings.LastIndexByte(name, ':'); i >= 0 && !strings.Contains(name, "[") {
			err := fault.Usagef("sort: %s: want :asc or :desc, not %q", arg, name[i:])
			return nil, fault.Hint(err, "%s:desc puts the greatest first; a field whose name has a colon in it is written ['%s']", name[:i], name)
		}
		f, err := record.NewField(name)
		if err != nil {
			return nil, fault.Usagef("sort: %w", err)
		}
		s.keys = append(s.keys, sortKey{f, desc})
	}
	return s, nil
}

// Name is "sort".
func (s *sorting) Name() string { return "sort" }

// Input is objects.
func (s *sorting) Input() stream.Input { return stream.Objects }

// Serial keeps all records until the input ends.
func (s *sorting) Serial(*stream.Env) (stream.Operator, error) {
	o := &sorter{keys: slices.Clone(s.keys), lines: newLineStore(), scanner: record.NewScanner()}
	for i := range o.keys {
		o.keys[i].field = o.keys[i].field.Clone()
	}
	return o, nil
}

// sorter holds the records as lines. Most comparisons are decided by the first
// eight bytes of an order, so rows are small and move cheaply; values holds the
// keys of all rows, len(keys) a row.
type sorter struct {
	keys    []sortKey
	rows    []sortRow
	values  []record.Value
	lines   lineStore
	scanner *record.Scanner
	held    heldMark
	out     int   // rows that are out
	again   int64 // records forgotten at resets
}

type sortRow struct {
	prefix uint64 // order of the first key, as far as 64 bits tell
	index  int    // position in the input
}

func (o *sorter) Process(b *stream.Batch, _ stream.Emit) error {
	for _, r := range b.Records {
		row := sortRow{index: len(o.rows)}
		for i, k := range o.keys {
			v := r.Get(k.field)
			v.Bytes = o.lines.keep(v.Bytes)
			o.values = append(o.values, v)
			if i == 0 {
				if row.prefix = orderPrefix(v); k.desc {
					row.prefix = ^row.prefix
				}
			}
		}
		o.rows = append(o.rows, row)
		o.lines.add(r)
	}
	return nil
}

// Flush orders the rows and emits them in batches.
func (o *sorter) Flush(emit stream.Emit) error {
	slices.SortFunc(o.rows, o.compare)
	b := stream.NewBatch()
	for from := 0; from < len(o.rows); from += stream.BatchSize {
		b.Reset()
		for _, row := range o.rows[from:min(from+stream.BatchSize, len(o.rows))] {
			if err := addLine(b, o.scanner, o.lines.lines[row.index]); err != nil {
				return fmt.Errorf("sort: %w", err)
			}
		}
		o.out += len(b.Records)
		if err := emit(b); err != nil {
			return err
		}
	}
	o.rows, o.values, o.lines, o.out = nil, nil, newLineStore(), 0
	return o.held.release()
}

func (o *sorter) compare(a, b sortRow) int {
	switch {
	case a.prefix < b.prefix:
		return -1
	case a.prefix > b.prefix:
		return 1
	}
	n := len(o.keys)
	for i, k := range o.keys {
		c := record.Compare(o.values[a.index*n+i], o.values[b.index*n+i])
		if c != 0 && k.desc {
			return -c
		} else if c != 0 {
			return c
		}
	}
	return a.index - b.index
}

// Holding tells what waits for the end of the input.
func (o *sorter) Holding() string {
	if len(o.rows) == 0 {
		return ""
	}
	return fmt.Sprintf("sort holds %d records (%d MiB) until the input ends, or Ctrl-C ends it; top --by shows the greatest as they come on a terminal, consume --exit ends where a topic ends", len(o.rows),
		(o.lines.size+len(o.rows)*(rowSize+len(o.keys)*valueSize))>>20)
}

// The bytes of a sortRow with its line, and of a record.Value.
const (
	rowSize   = 16 + 24
	valueSize = 40
)

// orderPrefix maps v to a number that never orders two values against
// record.Compare: equal prefixes need a real comparison.
func orderPrefix(v record.Value) uint64 {
	kind := v.Kind
	if kind == record.Float {
		kind = record.Int
	}
	var low uint64
	switch kind {
	case record.Bool:
		low = v.Num
	case record.Int:
		low = math.Float64bits(v.Float())
		if low>>63 == 1 {
			low = ^low
		} else {
			low |= 1 << 63
		}
		low >>= 8
	default:
		var head [8]byte
		copy(head[1:], v.Bytes)
		for _, c := range head {
			low = low<<8 | uint64(c)
		}
	}
	return uint64(kind)<<56 | low
}

// lineStore keeps encoded records and other bytes in large pieces. Behind every
// line stands its newline and, in the piece, room for record.Padding.
type lineStore struct {
	piece []byte
	lines [][]byte
	size  int
	buf   []byte
}

// linePiece is how much a lineStore asks for at a time.
const linePiece = 1 << 20

func newLineStore() lineStore { return lineStore{} }

// add keeps r as a line.
func (s *lineStore) add(r *record.Record) {
	s.buf = append(r.AppendJSON(s.buf[:0]), '\n')
	s.lines = append(s.lines, s.keep(s.buf))
}

// keep returns a copy of b that stays.
func (s *lineStore) keep(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	if len(s.piece)+len(b)+record.Padding > cap(s.piece) {
		s.piece = make([]byte, 0, max(linePiece, len(b)+record.Padding))
		s.size += cap(s.piece)
	}
	n := len(s.piece)
	s.piece = append(s.piece, b...)
	return s.piece[n:len(s.piece)]
}

// addLine appends the record that line, with its newline and room for
// record.Padding behind it, holds as one JSON object to b.
func addLine(b *stream.Batch, s *record.Scanner, line []byte) error {
	r := b.New()
	r.Reset(bytes.TrimSuffix(line, []byte{'\n'}), &b.Arena)
	_, err := s.Scan(line, 0, r)
	return err
}
