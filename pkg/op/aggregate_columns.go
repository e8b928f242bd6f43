package op

import (
	"github.com/logpipe/logpipe/pkg/expr"
	"github.com/logpipe/logpipe/pkg/record"
	"github.com/logpipe/logpipe/pkg/state"
	"github.com/logpipe/logpipe/pkg/stream"
	"github.com/logpipe/logpipe/pkg/timestamp"
)

// columnInputs are what an aggregate reads of record.Columns: the keys, the
// inputs and the event time, where all of them are top-level fields or sums of
// such fields.
type columnInputs struct {
	names   []*record.Name
	keys    []int // columns
	inputs  []int // column of each input that is not numeric
	numbers []*expr.ColumnProgram
	time    int // column of the event time, or -1
}

// columnInputs returns what the fold reads; nil where it needs whole records.
func (g *gather) columnInputs(f *fold, time *record.Field) *columnInputs {
	in := &columnInputs{time: -1}
	for _, k := range g.keys {
		name, ok := k.Flat()
		if !ok {
			return nil
		}
		in.keys = append(in.keys, in.add(name))
	}
	for j, e := range f.spec.plan.inputs {
		names, ok := e.TopLevel()
		if !ok {
			return nil
		}
		first := len(in.names)
		for _, n := range names {
			first = in.add(n)
		}
		p, ok := e.Columns(expr.Env{Now: f.env.Now, Location: f.env.Location}, in.column)
		if !ok || !g.numeric[j] && !g.plain[j] {
			return nil
		}
		in.numbers = append(in.numbers, p)
		in.inputs = append(in.inputs, first)
	}
	if time != nil {
		name, ok := time.Flat()
		if !ok {
			return nil
		}
		in.time = in.add(name)
	}
	return in
}

func (in *columnInputs) column(name *record.Name) int {
	for i, n := range in.names {
		if n == name {
			return i
		}
	}
	return -1
}

func (in *columnInputs) add(name *record.Name) int {
	if i := in.column(name); i >= 0 {
		return i
	}
	in.names = append(in.names, name)
	return len(in.names) - 1
}

// addColumns gathers the inputs of all rows behind what is there already.
func (g *gather) addColumns(c *record.Columns, in *columnInputs, times []int64) {
	n := c.Len()
	for j := range g.progs {
		if g.numeric[j] {
			from := len(g.numbers[j])
			g.numbers[j] = extend(g.numbers[j], n)
			in.numbers[j].Numbers(c, g.numbers[j][from:])
			continue
		}
		from := len(g.values[j])
		g.values[j] = extend(g.values[j], n)
		values(c, in.inputs[j], g.values[j][from:])
	}
	if !g.placed {
		return
	}
	for row := range n {
		at := g.position(c.Block)
		at.Time = times[row]
		g.at = append(g.at, at)
	}
}

// extend makes s longer by n.
func extend[T any](s []T, n int) []T {
	if len(s)+n > cap(s) {
		s = append(make([]T, 0, 2*(len(s)+n)), s...)
	}
	return s[:len(s)+n]
}

// values decodes a column; the bytes live as long as the block.
func values(c *record.Columns, column int, out []record.Value) {
	for row := range out {
		s := &c.Spans(column)[row]
		o := &out[row]
		switch s.Enc {
		case record.JSONInt:
			n := int64(s.Mant)
			if s.Neg {
				n = -n
			}
			o.Kind, o.Num, o.Bytes = record.Int, uint64(n), nil
		case record.JSONString:
			o.Kind, o.Num, o.Bytes = record.String, 0, c.Text(s)
		default:
			*o = c.Value(s)
		}
	}
}

// addKeys gathers the keys of all rows; texts stay in the block.
func (g *gather) addKeys(c *record.Columns, in *columnInputs) {
	g.block = c.Data
	if len(in.keys) != 1 {
		for row := range c.Len() {
			from := len(g.key)
			g.appendKeys(c, in, row)
			g.encoded(from, state.HashKey(g.key[from:]))
		}
		return
	}
	for row := range c.Spans(in.keys[0]) {
		s := &c.Spans(in.keys[0])[row]
		if s.Enc == record.JSONString {
			g.refs = append(g.refs, keyRef{off: s.Off, end: s.End, plain: true})
			g.hashes = append(g.hashes, state.HashText(c.Text(s)))
			continue
		}
		g.oneEncoded(c.Value(s))
	}
}

func (g *gather) appendKeys(c *record.Columns, in *columnInputs, row int) {
	for _, k := range in.keys {
		s := &c.Spans(k)[row]
		if s.Enc == record.JSONString {
			g.key = state.AppendTextKey(g.key, c.Text(s))
		} else {
			g.key = state.AppendKey(g.key, c.Value(s))
		}
	}
}

// upsertColumns finds the groups of the rows in t.
func (g *gather) upsertColumns(t *state.Table, c *record.Columns, in *columnInputs) {
	g.groups = grow(g.groups, c.Len())
	if len(in.keys) == 1 {
		spans := c.Spans(in.keys[0])
		for row := range spans {
			if s := &spans[row]; s.Enc == record.JSONString {
				g.groups[row] = t.Text(c.Data[s.Off:s.End])
				continue
			}
			g.key, g.refs, g.hashes = g.key[:0], g.refs[:0], g.hashes[:0]
			g.oneEncoded(c.Value(&spans[row]))
			g.groups[row], _ = t.Upsert(g.hashes[0], g.key)
		}
		return
	}
	for row := range c.Len() {
		var place *uint32
		if g.cache != nil {
			if place = g.cachedRow(c, in, row); place != nil && *place != 0 {
				g.groups[row] = *place - 1
				continue
			}
		}
		g.key = g.key[:0]
		g.appendKeys(c, in, row)
		g.groups[row], _ = t.Upsert(state.HashKey(g.key), g.key)
		if place != nil {
			*place = g.groups[row] + 1
		}
	}
}

// Columns implements stream.ColumnWorker.
func (w *groupWorker) Columns() []*record.Name {
	if !w.asked {
		w.asked = true
		if !w.f.spec.plan.needTime {
			w.columns = w.gather.columnInputs(w.f.fold, nil)
		}
	}
	if w.columns == nil {
		return nil
	}
	return w.columns.names
}

// ProcessColumns implements stream.ColumnWorker.
func (w *groupWorker) ProcessColumns(c *record.Columns, _ func(), _ func(row int, err error)) {
	w.noteChange()
	g := w.gather
	if w.direct != nil {
		w.block = true
		g.addKeys(c, w.columns)
		g.addColumns(c, w.columns, nil)
		return
	}
	g.reset()
	g.addColumns(c, w.columns, nil)
	w.mu.Lock()
	defer w.mu.Unlock()
	g.upsertColumns(w.local.Table, c, w.columns)
	g.addTo(w.local, 0, c.Len())
	w.grown(c.Len())
}

// Columns implements stream.ColumnWorker.
func (w *windowWorker) Columns() []*record.Name {
	if !w.asked && w.f.late == nil {
		if w.time == nil && !w.f.arrival {
			return nil // the first record decides on the field
		}
		w.asked = true
		var time *record.Field
		if w.time != nil {
			time = w.time.field
		}
		w.columns = w.gather.columnInputs(w.f.fold, time)
	}
	if w.columns == nil {
		return nil
	}
	return w.columns.names
}

// ProcessColumns implements stream.ColumnWorker.
func (w *windowWorker) ProcessColumns(c *record.Columns, _ func(), reject func(row int, err error)) {
	w.begin()
	from := len(w.times)
	w.readTimes(c, reject)
	w.lines = append(w.lines, c.Pos...)
	w.gather.addKeys(c, w.columns)
	w.gather.addColumns(c, w.columns, w.times[from:])
}

// readTimes appends the event times of the rows and takes the rows out that
// have none.
func (w *windowWorker) readTimes(c *record.Columns, reject func(row int, err error)) {
	if w.f.arrival {
		for range c.Len() {
			w.times = append(w.times, c.Time)
		}
		w.max = max(w.max, c.Time)
		return
	}
	var refused []int
	spans := c.Spans(w.columns.time)
	for row := range spans {
		s := &spans[row]
		ns, ok := int64(0), false
		if s.Enc == record.JSONInt && !s.Neg {
			ns, ok = timestamp.FromInt(int64(s.Mant))
		}
		var err error
		if !ok {
			ns, err = w.time.of(c.Record(row))
		}
		if err == nil && !w.f.inRange(ns) {
			err = errTimeRange
		}
		if err != nil {
			refused = append(refused, row)
			reject(row, err)
			continue
		}
		w.max = max(w.max, ns)
		w.times = append(w.times, ns)
	}
	c.Drop(refused)
}

var (
	_ stream.ColumnWorker = (*groupWorker)(nil)
	_ stream.ColumnWorker = (*windowWorker)(nil)
)
