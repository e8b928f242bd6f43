package op

import (
	"slices"
	"strconv"

	"github.com/logpipe/logpipe/pkg/record"
	"github.com/logpipe/logpipe/pkg/stream"
)

// ranker keeps the records of the window at hand.
type ranker struct {
	n       int
	by      *record.Field
	per     []*record.Field
	windows *windowOrder
	groups  map[string]*rankGroup
	single  *rankGroup            // of the record before, without --per
	rows    map[string]*rankEntry // with --key: the state of each key
	taken   int64                 // records ranked so far
	cand    rankScratch
	name    []byte
	scanner *record.Scanner
	out     *stream.Batch
	held    heldMark
	again   keptWindows
	env     *stream.Env

	dropped   int64 // records behind the Nth, replaced by a later state or not wanted
	forgotten int64 // records that came again
	sent      int64 // records of the window at hand that are out
}

func (o *ranker) Process(b *stream.Batch, emit stream.Emit) error {
	for i, r := range b.Records {
		by, order, err := o.order(r)
		if err != nil {
			b.Rejected = append(b.Rejected, stream.Reject{Pos: r.Pos, Line: r.AppendJSON(nil), Err: err, Late: order < 0})
			continue
		}
		if order == windowOut {
			o.again.count++
			continue
		}
		if order > 0 {
			if err := o.complete(emit); err != nil {
				o.dropped += int64(len(b.Records) - i)
				return err
			}
		}
		o.take(r, by)
	}
	return nil
}

// order tells what r is ranked by, and whether it begins a later window (1) or
// belongs to the one at hand (0), or to one that was out before a reset (windowOut).
// A record that cannot be ranked is an error, a late one with -1.
func (o *ranker) order(r *record.Record) (by record.Value, order int, err error) {
	if o.by == nil {
		if o.by = lastNumeric(r); o.by == nil {
			return by, 0, errNoNumber
		}
	}
	if by = r.Get(o.by); by.Kind == record.Null && !r.Has(o.by) {
		return by, 0, errNoField(o.by.String())
	}
	if o.again.out(o.windows, r) {
		return by, windowOut, nil
	}
	end := o.windows.end()
	if order = o.windows.advance(r); order > 0 && o.windows.end() > end {
		o.again.until = end // of windows with one end, the last has not come
	}
	if order < 0 {
		return by, order, errLateWindow
	}
	return by, order, nil
}

// take ranks r by a value within its group.
func (o *ranker) take(r *record.Record, by record.Value) {
	o.taken++
	g := o.group(r)
	o.cand.begin(r, by)
	if o.rows == nil {
		if g.offer(&o.cand, o.n) {
			o.dropped++
		}
		return
	}
	o.name = appendKey(o.name[:0], r, o.cand.key)
	e := o.rows[string(o.name)]
	if e == nil {
		e = new(rankEntry)
		o.rows[string(o.name)] = e
	} else {
		o.dropped++
	}
	e.group = g
	e.keep(&o.cand)
}

// group finds the group of r.
func (o *ranker) group(r *record.Record) *rankGroup {
	if len(o.per) == 0 && o.single != nil {
		return o.single
	}
	o.name = appendKey(o.name[:0], r, o.per)
	g := o.groups[string(o.name)]
	if g == nil {
		g = new(rankGroup)
		for _, f := range o.per {
			g.values = append(g.values, r.Get(f).Clone())
		}
		o.groups[string(o.name)] = g
	}
	o.single = g
	return g
}

// appendKey appends the values of fields in their canonical form: 1 and 1.0 are
// one key.
func appendKey(dst []byte, r *record.Record, fields []*record.Field) []byte {
	for _, f := range fields {
		dst = append(record.AppendValue(dst, r.Get(f)), ',')
	}
	return dst
}

// ranked returns the groups in order, each with its entries in order.
func (o *ranker) ranked() []*rankGroup {
	if o.rows != nil {
		for _, g := range o.groups {
			g.heap = g.heap[:0]
		}
		for _, e := range o.rows {
			e.group.push(e, o.n)
		}
	}
	list := make([]*rankGroup, 0, len(o.groups))
	for _, g := range o.groups {
		if len(g.heap) > 0 {
			list = append(list, g)
		}
	}
	slices.SortFunc(list, func(a, b *rankGroup) int { return slices.CompareFunc(a.values, b.values, record.Compare) })
	for _, g := range list {
		g.best = append(g.best[:0], g.heap...)
		slices.SortFunc(g.best, (*rankEntry).compare)
	}
	return list
}

var rankName = record.Intern("rank")

// complete emits the window at hand and begins anew.
func (o *ranker) complete(emit stream.Emit) error {
	for _, g := range o.ranked() {
		for i, e := range g.best {
			if len(o.out.Records) == stream.BatchSize {
				if err := o.send(emit); err != nil {
					return err
				}
			}
			if err := addLine(o.out, o.scanner, e.line); err != nil {
				return err
			}
			o.out.Records[len(o.out.Records)-1].Set(rankName, record.IntValue(int64(i+1)))
		}
	}
	if err := o.send(emit); err != nil {
		return err
	}
	if o.rows != nil {
		for _, g := range o.groups {
			o.dropped -= int64(len(g.heap))
		}
		o.dropped += int64(len(o.rows))
	}
	o.clear()
	return o.held.release()
}

func (o *ranker) clear() {
	clear(o.groups)
	o.single = nil
	clear(o.rows)
	o.sent = 0
}

func (o *ranker) send(emit stream.Emit) error {
	defer o.out.Reset()
	if len(o.out.Records) == 0 {
		return nil
	}
	o.sent += int64(len(o.out.Records))
	return emit(o.out)
}

func (o *ranker) Flush(emit stream.Emit) error {
	tellCounted(o.env, o.again.count)
	return o.complete(emit)
}

// Holding tells what waits for a later window or the end of the input.
func (o *ranker) Holding() string {
	switch {
	case len(o.groups) == 0:
		return ""
	case o.windows.known():
		return "top holds a window until a record of a later one comes or the input ends; aggregate --window sets how long one is"
	}
	return "top ranks " + strconv.FormatInt(o.taken, 10) + " records and prints when the input ends, or Ctrl-C ends it; " +
		"behind aggregate --window 1m or --emit every=2s it prints as time goes on"
}

// lastNumeric finds the field that a ranking is most likely about.
func lastNumeric(r *record.Record) *record.Field {
	var found *record.Field
	r.Each(func(name string, v record.Value) {
		if v.IsNumber() && name != rankName.String() {
			found = record.FlatField(name)
		}
	})
	return found
}

type errRank string

func (e errRank) Error() string { return string(e) }

const (
	errNoNumber   = errRank("no numeric field to rank by; --by FIELD names one")
	errLateWindow = errRank("the record's window ends before one that was ranked already; sort window_end restores the order of files")
)

func errNoField(name string) error { return errRank("no field " + name + " to rank by") }
