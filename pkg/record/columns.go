package record

import (
	"bytes"
	"slices"
	"unsafe"
)

// Columns hold chosen top-level fields of a run of lines, field by field: all
// that a stage needs which reads few fields of every record. The other fields
// are checked as strictly and passed over; Record reads a line whole again.
type Columns struct {
	Data  []byte   // whole lines, each with its newline, and Padding of capacity behind them
	Block uint64   // number of the block in its input, from 0
	Time  int64    // arrival of the block, ns since 1970 UTC
	Pos   []uint32 // number of the line of each row in its block, from 0

	names   []*Name
	spans   [][]Span // of each field, one a row; offsets are into Data
	begin   []uint32 // where the line of each row begins in Data
	at      []uint32 // where the scan of each row stands
	missed  []uint32 // rows that no lane fits
	refused []int    // rows of bad lines
	spare   [][]Span // as spans, for a second lane
	scanner *Scanner
	lanes   map[*Shape]*lane // of the shapes seen
	ranked  []*lane          // those that fit many lines first
	rows    int              // lines read of this block
	learned int              // objects among them that the general scanner had to read
	whole   Record           // what Record returns
	arena   Arena
	view    Record // Data as a record, for decoding
}

// BadLine is a line that is no object.
type BadLine struct {
	Pos  uint32
	Line []byte // borrowed from the block
	Err  error  // a *SyntaxError or ErrBlank
}

// cacheable is how many bytes of lines are read together, about: few enough that
// they stay in the processor's first cache while field after field is read.
const cacheable = 32 << 10

// maxLanes bounds the shapes that have a lane, maxTries the lanes by which a row
// is tried.
const (
	maxLanes = 64
	maxTries = 5
)

// NewColumns returns empty columns of the top-level fields called names, with
// room for so many rows.
func NewColumns(names []*Name, rows int) *Columns {
	c := &Columns{names: names, scanner: NewScanner(), lanes: make(map[*Shape]*lane)}
	c.begin, c.Pos = make([]uint32, 0, rows), make([]uint32, 0, rows)
	for range names {
		c.spans = append(c.spans, make([]Span, rows))
	}
	return c
}

// Names are the names of the fields.
func (c *Columns) Names() []*Name { return c.names }

// Len is the number of rows.
func (c *Columns) Len() int { return len(c.begin) }

// Begin gives the columns a new block, of which Scan reads the lines. Bytes of
// values of the block before are no longer good.
func (c *Columns) Begin(data []byte) {
	c.Data, c.rows, c.learned = data, 0, 0
	c.arena.Buf = c.arena.Buf[:0]
	c.view = Record{Line: data, Arena: &c.arena}
}

// Scan replaces the rows by those of the lines from at on, as many as there is
// room for, and returns where the next line begins. pos is the number of the
// line at at in its block; lines are how many were read. The bad lines among
// them have no row.
func (c *Columns) Scan(at int, pos uint32, refuse func(BadLine)) (next int, lines uint32) {
	c.begin, c.Pos = c.begin[:0], c.Pos[:0]
	b := c.Data
	for limit := at + cacheable; len(c.begin) < cap(c.begin) && at < min(len(b), limit); {
		c.begin = append(c.begin, uint32(at))
		c.Pos = append(c.Pos, pos+lines)
		lines++
		at += bytes.IndexByte(b[at:], '\n') + 1
	}
	c.rows += int(lines)
	c.refused = c.refused[:0]
	c.scanLanes()
	for _, row := range c.missed {
		c.learn(int(row), refuse)
	}
	c.rank()
	slices.Sort(c.refused)
	c.Drop(c.refused)
	return at, lines
}

// scanLanes reads all rows by the lane that fits most lines, the rows that it
// misses by the next one, and leaves in missed what none of the few best fits.
func (c *Columns) scanLanes() {
	c.missed = c.missed[:0]
	if len(c.ranked) == 0 && len(c.begin) > 0 {
		if r := c.Record(0); r.Indexed() {
			c.laneOf(r)
		}
	}
	if len(c.ranked) == 0 {
		for row := range c.begin {
			c.missed = append(c.missed, uint32(row))
		}
		return
	}
	first := c.ranked[0]
	c.at = append(c.at[:0], c.begin...)
	first.scan(c.Data, c.at, c.spans)
	end, p := first.end, unsafe.Pointer(unsafe.SliceData(c.Data))
	for row, i := range c.at {
		if end.differs(p, int(i)) != 0 || end.tail != "" && !end.long(c.Data, int(i)) {
			c.missed = append(c.missed, uint32(row))
		}
	}
	first.hits += len(c.begin) - len(c.missed)
	for _, l := range c.ranked[1:min(len(c.ranked), maxTries)] {
		if len(c.missed) == 0 || l.hits < first.hits/16 {
			break
		}
		c.retry(l)
	}
}

// retry reads the missed rows by another lane.
func (c *Columns) retry(l *lane) {
	c.at = c.at[:0]
	for _, row := range c.missed {
		c.at = append(c.at, c.begin[row])
	}
	if c.spare == nil {
		for range c.names {
			c.spare = append(c.spare, make([]Span, cap(c.begin)))
		}
	}
	l.scan(c.Data, c.at, c.spare)
	left := c.missed[:0]
	for i, row := range c.missed {
		if !l.end.literal(c.Data, int(c.at[i])) {
			left = append(left, row)
			continue
		}
		l.hits++
		for f, s := range c.spans {
			s[row] = c.spare[f][i]
		}
	}
	c.missed = left
}

// rank moves the lanes that fit many lines forward. What was long ago counts
// less.
func (c *Columns) rank() {
	for i, l := range c.ranked {
		l.hits -= l.hits / 8
		if i > 0 && l.hits > c.ranked[i-1].hits {
			c.ranked[i-1], c.ranked[i] = l, c.ranked[i-1]
		}
	}
}

// learn reads a row by the general scanner.
func (c *Columns) learn(row int, refuse func(BadLine)) {
	begin := int(c.begin[row])
	r := &c.whole
	r.Reset(nil, &c.arena)
	if _, err := c.scanner.Scan(c.Data, begin, r); err != nil {
		end := begin + bytes.IndexByte(c.Data[begin:], '\n')
		refuse(BadLine{Pos: c.Pos[row], Line: c.Data[begin:end:end], Err: err})
		c.refused = append(c.refused, row)
		return
	}
	c.learned++
	base := uint32(begin + bytes.IndexByte(c.Data[begin:], '{'))
	for f, n := range c.names {
		s := &c.spans[f][row]
		*s = Span{}
		if i := r.Shape.indexOf(n); i >= 0 {
			*s = r.Spans[i]
			s.Off += base
			s.End += base
		}
	}
	if l := c.laneOf(r); l != nil {
		l.hits++
	}
}

// laneOf returns the lane for records like r, or nil.
func (c *Columns) laneOf(r *Record) *lane {
	l := c.lanes[r.Shape]
	switch t := c.scanner.route; {
	case l != nil:
		l.suit(r)
	case t != nil && t.shape == r.Shape && len(c.lanes) < maxLanes:
		for _, n := range c.names {
			if i := r.Shape.indexOf(n); i >= 0 {
				r.Shape.use(i)
			}
		}
		l = newLane(c.names, t, r)
		c.lanes[r.Shape] = l
		c.ranked = append(c.ranked, l)
	}
	return l
}

// Drop takes the rows whose numbers are listed, in order, out.
func (c *Columns) Drop(refused []int) {
	if len(refused) == 0 {
		return
	}
	to := 0
	for row := range c.begin {
		if len(refused) > 0 && refused[0] == row {
			refused = refused[1:]
			continue
		}
		c.begin[to], c.Pos[to] = c.begin[row], c.Pos[row]
		for _, s := range c.spans {
			s[to] = s[row]
		}
		to++
	}
	c.begin, c.Pos = c.begin[:to], c.Pos[:to]
}

// Mixed reports whether the lines of the block are of many shapes, so that
// reading them whole costs less.
func (c *Columns) Mixed() bool { return c.rows > 64 && c.learned > c.rows/4 }

// Record reads the line of a row whole. It is good until the next call.
func (c *Columns) Record(row int) *Record {
	r := &c.whole
	r.Reset(nil, &c.arena)
	// A row has been scanned before: there is no error.
	_, _ = c.scanner.Scan(c.Data, int(c.begin[row]), r)
	r.Pos, r.Block = c.Pos[row], c.Block
	return r
}

// Spans are the spans of field number f, one a row, Absent where the line has
// no such field.
func (c *Columns) Spans(f int) []Span { return c.spans[f][:len(c.begin)] }

// Text returns the bytes of a span of this block.
func (c *Columns) Text(s *Span) []byte {
	if s.Arena {
		return c.arena.Buf[s.Off:s.End:s.End]
	}
	return c.Data[s.Off:s.End:s.End]
}

// Value decodes a span of this block. Its bytes are good until Begin.
func (c *Columns) Value(s *Span) Value { return c.view.decode(s) }
