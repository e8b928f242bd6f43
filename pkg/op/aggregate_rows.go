package op

import (
	"bytes"
	"iter"
	"slices"
	"time"

	"github.com/logpipe/logpipe/pkg/record"
	"github.com/logpipe/logpipe/pkg/state"
	"github.com/logpipe/logpipe/pkg/stream"
	"github.com/logpipe/logpipe/pkg/timestamp"
)

// rows makes records of groups.
type rows struct {
	shape   *record.Shape
	calls   []aggregateCall
	keys    int
	extra   int // fields before the keys
	loc     *time.Location
	window  bool
	every   bool
	batch   *stream.Batch
	limit   *limit // nil: all rows are wanted
	workers int    // that may look for the rows within the limit
	made    int64  // rows that are out
	spared  int64  // rows that nobody wants
}

// account is what has become of the rows.
func (r *rows) account() stream.Account {
	return stream.Account{Made: r.made + r.spared, Dropped: r.spared}
}

// rowTimes are the times that rows of one moment share, ns since 1970 UTC.
type rowTimes struct {
	start, end int64
	emitted    time.Time
}

func newRows(f *fold) *rows {
	r := &rows{calls: f.spec.plan.calls, keys: len(f.spec.keys), loc: f.env.Location,
		window: f.spec.window > 0, every: f.spec.every > 0, batch: stream.NewBatch()}
	var names []string
	if r.window {
		names = append(names, "window_start", "window_end")
	}
	if r.every {
		names = append(names, "emitted")
	}
	r.extra = len(names)
	for _, k := range f.spec.keys {
		names = append(names, k.String())
	}
	for _, c := range r.calls {
		names = append(names, c.name)
	}
	r.shape = record.NewShape(names)
	return r
}

// place is a group in one of several tables.
type place struct {
	group  *state.Group
	number uint32
}

func (p place) key() []byte { return p.group.Table.Key(p.number) }

// emit emits a row for each group, in the order of the keys where ordered.
func (r *rows) emit(groups []*state.Group, ordered bool, t rowTimes, emit stream.Emit) error {
	wanted := r.limit.wanted(groups, r.workers)
	made := r.made
	err := r.each(groups, wanted, ordered, t, emit)
	if r.limit != nil && err == nil {
		for _, g := range groups {
			r.spared += int64(g.Table.Len())
		}
		r.spared -= r.made - made
	}
	return err
}

// each emits the rows of the groups that are wanted.
func (r *rows) each(groups []*state.Group, wanted iter.Seq[place], ordered bool, t rowTimes, emit stream.Emit) error {
	if !ordered {
		for p := range wanted {
			if err := r.add(p, t, emit); err != nil {
				return err
			}
		}
		return r.send(emit)
	}
	var list []place
	if r.limit == nil {
		n := 0
		for _, g := range groups {
			n += g.Table.Len()
		}
		list = make([]place, 0, n)
	}
	list = slices.AppendSeq(list, wanted)
	slices.SortFunc(list, func(a, b place) int { return bytes.Compare(a.key(), b.key()) })
	for _, p := range list {
		if err := r.add(p, t, emit); err != nil {
			return err
		}
	}
	return r.send(emit)
}

// add makes the row of a group and sends a full batch.
func (r *rows) add(p place, t rowTimes, emit stream.Emit) error {
	rec := r.batch.New()
	rec.Begin(nil, r.shape, &r.batch.Arena)
	i := 0
	if r.window {
		rec.Spans[0], rec.Spans[1] = r.time(rec, t.start), r.time(rec, t.end)
		i = 2
	}
	if r.every {
		rec.Spans[i] = r.time(rec, t.emitted.UnixNano())
		i++
	}
	key := p.key()
	for range r.keys {
		var v record.Value
		v, key = state.CutKey(key)
		rec.Spans[i] = rec.Encode(v)
		i++
	}
	for k := range r.calls {
		c := &r.calls[k]
		rec.Spans[i] = rec.Encode(c.function.result(p.group.Columns[c.column], p.number, c))
		i++
	}
	if len(r.batch.Records) == stream.BatchSize {
		return r.send(emit)
	}
	return nil
}

func (r *rows) time(rec *record.Record, ns int64) record.Span {
	a := rec.Arena
	s := record.Span{Enc: record.Text, Arena: true, Off: uint32(len(a.Buf))}
	a.Buf = timestamp.AppendRFC3339(a.Buf, ns, r.loc)
	s.End = uint32(len(a.Buf))
	return s
}

func (r *rows) send(emit stream.Emit) error {
	if len(r.batch.Records) == 0 {
		return nil
	}
	r.made += int64(len(r.batch.Records))
	err := emit(r.batch)
	r.batch.Reset()
	return err
}
