package op

import (
	"github.com/logpipe/logpipe/pkg/expr"
	"github.com/logpipe/logpipe/pkg/record"
	"github.com/logpipe/logpipe/pkg/state"
	"github.com/logpipe/logpipe/pkg/stream"
)

// gather holds the keys and arguments of a run of records, column by column.
type gather struct {
	keys    []*record.Field
	progs   []*expr.Program
	plain   []bool // the input is a field: its bytes live as long as the batch
	numeric []bool // no column looks at the input's bytes
	columns []aggregateColumn
	key     []byte   // encoded keys one behind the other
	refs    []keyRef // where the key of each record lies
	block   []byte   // in which plain keys lie
	hashes  []uint64
	values  [][]record.Value  // of inputs that are not numeric
	numbers [][]record.Number // of those that are
	at      []state.Position
	groups  []uint32
	text    []byte    // bytes of computed values
	cache   *keyCache // of the worker's own groups, or nil
	placed  bool
	placing uint64 // block of the record placed last
	line    uint32 // records placed in it
}

// keyRef says where a key lies: encoded among the gathered ones, or as a plain
// text without the byte 0x00 in the block.
type keyRef struct {
	off, end uint32
	plain    bool
}

func newGather(f *fold) *gather {
	g := &gather{progs: f.programs(), columns: f.spec.plan.columns, placed: f.spec.plan.needTime}
	for _, k := range f.spec.keys {
		g.keys = append(g.keys, k.Clone())
	}
	g.values = make([][]record.Value, len(g.progs))
	g.numbers = make([][]record.Number, len(g.progs))
	for _, e := range f.spec.plan.inputs {
		_, ok := e.Field()
		g.plain = append(g.plain, ok)
		g.numeric = append(g.numeric, true)
	}
	for _, c := range g.columns {
		if c.input >= 0 && !c.numeric() {
			g.numeric[c.input] = false
		}
	}
	return g
}

// numeric reports whether the column takes numbers alone.
func (c aggregateColumn) numeric() bool {
	switch c.kind {
	case "count", "sum", "mean", "deviation", "buckets":
		return true
	case "numbers":
		return !c.distinct
	}
	return false
}

// position is the place of the next record of a block among the records that
// have come: its number in its block, not its line, which the elements of an
// array share.
func (g *gather) position(block uint64) state.Position {
	if block != g.placing {
		g.placing, g.line = block, 0
	}
	g.line++
	return state.Position{Block: block, Line: g.line}
}

// batch gathers the arguments of one batch, whose bytes stay until its end.
func (g *gather) batch(b *stream.Batch) {
	g.reset()
	for j, p := range g.progs {
		if g.numeric[j] {
			list := grow(g.numbers[j], len(b.Records))
			g.numbers[j] = list
			for i, r := range b.Records {
				list[i].Bits, list[i].Kind = p.Number(r)
			}
			continue
		}
		list := grow(g.values[j], len(b.Records))
		g.values[j] = list
		for i, r := range b.Records {
			v := p.Eval(r)
			if v.Bytes != nil && !g.plain[j] {
				v.Bytes = g.keep(v.Bytes)
			}
			list[i] = v
		}
	}
	if g.placed {
		for _, r := range b.Records {
			g.at = append(g.at, g.position(r.Block))
		}
	}
	g.groups = grow(g.groups, len(b.Records))
}

func (g *gather) reset() {
	g.key, g.refs, g.hashes, g.at, g.text = g.key[:0], g.refs[:0], g.hashes[:0], g.at[:0], g.text[:0]
	for j := range g.values {
		g.values[j], g.numbers[j] = g.values[j][:0], g.numbers[j][:0]
	}
}

// keyFor appends the key of r and its hash.
func (g *gather) keyFor(r *record.Record) {
	if len(g.keys) == 1 {
		g.oneKey(r)
		return
	}
	from := len(g.key)
	for _, f := range g.keys {
		// Neither encoding of a plain text can hold the byte 0x00.
		if text, ok := r.Plain(f); ok {
			g.key = state.AppendTextKey(g.key, text)
			continue
		}
		g.key = state.AppendKey(g.key, r.Get(f))
	}
	g.encoded(from, state.HashKey(g.key[from:]))
}

// encoded notes a key that has been appended to key.
func (g *gather) encoded(from int, hash uint64) {
	g.refs = append(g.refs, keyRef{off: uint32(from), end: uint32(len(g.key))})
	g.hashes = append(g.hashes, hash)
}

// oneKey is keyFor with a single field: a text is hashed by itself, however it
// was written, so that it may skip the encoding.
func (g *gather) oneKey(r *record.Record) {
	from := len(g.key)
	text, ok := r.Plain(g.keys[0])
	if ok {
		g.key = state.AppendTextKey(g.key, text)
		g.encoded(from, state.HashText(text))
		return
	}
	g.oneEncoded(r.Get(g.keys[0]))
}

// oneEncoded appends the only key of a record.
func (g *gather) oneEncoded(v record.Value) {
	from := len(g.key)
	g.key = state.AppendKey(g.key, v)
	if text, ok := state.CutTextKey(g.key[from:]); ok {
		g.encoded(from, state.HashText(text))
		return
	}
	g.encoded(from, state.HashKey(g.key[from:]))
}

// upsert finds the groups of a batch in t.
func (g *gather) upsert(t *state.Table, list []*record.Record) {
	for i, r := range list {
		if len(g.keys) == 1 {
			if text, ok := r.Plain(g.keys[0]); ok {
				g.groups[i] = t.Text(text)
				continue
			}
		}
		var place *uint32
		if g.cache != nil {
			if place = g.cached(r); place != nil && *place != 0 {
				g.groups[i] = *place - 1
				continue
			}
		}
		g.key, g.refs, g.hashes = g.key[:0], g.refs[:0], g.hashes[:0]
		g.keyFor(r)
		g.groups[i], _ = t.Upsert(g.hashes[0], g.key)
		if place != nil {
			*place = g.groups[i] + 1
		}
	}
}

// keep copies b to memory that lives until reset.
func (g *gather) keep(b []byte) []byte {
	from := len(g.text)
	g.text = append(g.text, b...)
	return g.text[from:len(g.text):len(g.text)]
}

// upsertOne returns the group of gathered record i in t.
func (g *gather) upsertOne(t *state.Table, i int) uint32 {
	k := g.refs[i]
	if k.plain {
		n, _ := t.UpsertText(g.hashes[i], g.block[k.off:k.end])
		return n
	}
	n, _ := t.Upsert(g.hashes[i], g.key[k.off:k.end])
	return n
}

// addTo adds records from to to, whose groups are set, to the columns of dst.
func (g *gather) addTo(dst *state.Group, from, to int) {
	dst.Grow()
	dst.Records += int64(to - from)
	for i, c := range g.columns {
		if c.input >= 0 && g.numeric[c.input] {
			dst.Columns[i].(state.NumberColumn).AddNumbers(g.groups[from:to], g.numbers[c.input][from:to])
			continue
		}
		var values []record.Value
		if c.input >= 0 {
			values = g.values[c.input][from:to]
		}
		var at []state.Position
		if g.placed {
			at = g.at[from:to]
		}
		dst.Columns[i].Add(g.groups[from:to], values, at)
	}
}

func grow[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, 2*n)
	}
	return s[:n]
}
