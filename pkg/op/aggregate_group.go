package op

import (
	"sync"
	"time"

	"github.com/logpipe/logpipe/pkg/record"
	"github.com/logpipe/logpipe/pkg/state"
	"github.com/logpipe/logpipe/pkg/stream"
)

// Above maxLocal groups a worker moves its groups to tables that all workers
// share, cut by key hash, so that a key lives once.
const (
	maxLocal = 1 << 15
	shards   = 64
)

// groupFold aggregates without windows.
type groupFold struct {
	*fold
	mu      sync.Mutex
	workers []*groupWorker
	shared  []*shard // nil until a worker has too many groups
	any     bool     // rows may leave in any order
	changed bool
	folded  int64 // records whose rows are out for good
}

type shard struct {
	mu    sync.Mutex
	group *state.Group
}

// Unordered implements stream.Unordered.
func (f *groupFold) Unordered() { f.any = true }

// Worker implements stream.Folder.
func (f *groupFold) Worker() stream.FoldWorker {
	w := &groupWorker{f: f, local: state.NewGroup(f.makers), gather: newGather(f.fold)}
	w.gather.cache = newKeyCache(len(f.spec.keys))
	f.workers = append(f.workers, w)
	return w
}

// Advance implements stream.Folder: nothing leaves before the end.
func (f *groupFold) Advance(int64, stream.Emit) error { return nil }

// Flush emits the final rows.
func (f *groupFold) Flush(emit stream.Emit) error {
	groups := f.settle()
	if len(f.spec.keys) == 0 && len(groups) == 0 {
		// As in SQL, an aggregate without groups has one row.
		g := state.NewGroup(f.makers)
		g.Table.Upsert(0, nil)
		g.Grow()
		groups = append(groups, g)
	}
	return f.rows.emit(groups, !f.any, rowTimes{}, emit)
}

// settle leaves every key in one place and returns the tables.
func (f *groupFold) settle() []*state.Group {
	f.mu.Lock()
	shared := f.shared
	f.mu.Unlock()
	f.rows.workers = len(f.workers)
	var groups []*state.Group
	if shared == nil {
		total := f.workers[0].local
		for _, w := range f.workers[1:] {
			total.Merge(w.local)
			w.local.Reset()
		}
		groups = []*state.Group{total}
	} else {
		for _, w := range f.workers {
			w.share()
		}
		for _, s := range shared {
			groups = append(groups, s.group)
		}
	}
	n := 0
	for _, g := range groups {
		n += g.Table.Len()
		f.folded += g.Records
		g.Records = 0
	}
	if n == 0 {
		return nil
	}
	return groups
}

// snapshot returns all groups as they are now, merged into tables of its own. No
// worker may move its groups to the shared tables between the reading of the one
// and of the others: they would count twice.
func (f *groupFold) snapshot() []*state.Group {
	total := state.NewGroup(f.makers)
	for _, w := range f.workers {
		w.mu.Lock()
		defer w.mu.Unlock()
		total.Merge(w.local)
	}
	f.mu.Lock()
	shared := f.shared
	f.mu.Unlock()
	for _, s := range shared {
		s.mu.Lock()
		total.Merge(s.group)
		s.mu.Unlock()
	}
	return []*state.Group{total}
}

// RejectedValues implements stream.ValueRejecter.
func (f *groupFold) RejectedValues() int64 {
	var n int64
	for _, w := range f.workers {
		n += w.local.Rejected()
	}
	for _, s := range f.shared {
		n += s.group.Rejected()
	}
	return n
}

// Holding implements stream.Folder.
func (f *groupFold) Holding() string {
	n := 0
	for _, w := range f.workers {
		w.mu.Lock()
		n += w.local.Table.Len()
		w.mu.Unlock()
	}
	if n == 0 || f.spec.every > 0 {
		return ""
	}
	return "the rows wait for the end of the input; --emit every=2s prints them as they run, --window 1m by window"
}

// tickingGroupFold prints the running aggregate at intervals.
type tickingGroupFold struct {
	*groupFold
}

// Every implements stream.Ticker.
func (f *tickingGroupFold) Every() time.Duration { return f.spec.every }

// Tick emits all rows as they are now, where records have come since.
func (f *tickingGroupFold) Tick(now time.Time, emit stream.Emit) error {
	f.mu.Lock()
	changed := f.changed
	f.changed = false
	f.mu.Unlock()
	if !changed {
		return nil
	}
	return f.rows.emit(f.snapshot(), true, rowTimes{emitted: now}, emit)
}

// Flush emits the final rows, in the form of the running ones.
func (f *tickingGroupFold) Flush(emit stream.Emit) error {
	return f.rows.emit(f.settle(), true, rowTimes{emitted: f.env.Now()}, emit)
}

// groupWorker folds the blocks of one worker.
type groupWorker struct {
	f      *groupFold
	mu     sync.Mutex // snapshots read local
	local  *state.Group
	gather *gather
	time   *timeReader
	added  int      // records since local was empty
	direct *scatter // where most keys are new: blocks go straight to the shared tables
	block  bool     // direct holds records of the current block

	asked   bool          // columns is decided
	columns *columnInputs // or nil
}

// Watermarked implements stream.FoldWorker.
func (w *groupWorker) Watermarked() bool { return false }

// MaxTime implements stream.FoldWorker.
func (w *groupWorker) MaxTime() (int64, bool) { return 0, false }

// Finish implements stream.FoldWorker.
func (w *groupWorker) Finish(stream.Clock, func(stream.Reject)) error {
	if w.block {
		w.direct.give(w.f.shared, w.gather)
		w.gather.reset()
		w.block = false
	}
	return nil
}

// Process adds the batch to the worker's groups.
func (w *groupWorker) Process(b *stream.Batch, turn func()) error {
	if len(b.Records) == 0 {
		return nil
	}
	g := w.gather
	w.noteChange()
	if w.direct != nil {
		w.keep(b, turn)
		return nil
	}
	g.batch(b)
	if w.f.spec.plan.needTime {
		for i, r := range b.Records {
			g.at[i].Time = w.timeOf(r, turn)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	table := w.local.Table
	g.upsert(table, b.Records)
	g.addTo(w.local, 0, len(b.Records))
	w.grown(len(b.Records))
	return nil
}

// noteChange notes that records have come, for the next tick.
func (w *groupWorker) noteChange() {
	if w.f.spec.every > 0 {
		w.f.mu.Lock()
		w.f.changed = true
		w.f.mu.Unlock()
	}
}

// grown moves on to the shared tables when n more records have made the
// worker's own too large.
func (w *groupWorker) grown(n int) {
	w.added += n
	if table := w.local.Table; table.Len() > maxLocal {
		if table.Len() > w.added/2 {
			w.direct = new(scatter)
		}
		w.share()
		w.added = 0
		w.gather.reset()
	}
}

// keep gathers the records of a block for Finish.
func (w *groupWorker) keep(b *stream.Batch, turn func()) {
	w.block = true
	for _, r := range b.Records {
		ns := int64(0)
		if w.f.spec.plan.needTime {
			ns = w.timeOf(r, turn)
		}
		w.gather.keepRecord(r, ns)
	}
}

// timeOf is the event time for first and last; records without one come first.
func (w *groupWorker) timeOf(r *record.Record, turn func()) int64 {
	if w.time == nil {
		w.time = w.f.clock.reader(r, turn)
	}
	if ns, err := w.time.of(r); err == nil {
		return ns
	}
	return stream.MinTime
}

// share moves the worker's groups to the shared tables.
func (w *groupWorker) share() {
	f := w.f
	f.mu.Lock()
	if f.shared == nil {
		f.shared = make([]*shard, shards)
		for i := range f.shared {
			f.shared[i] = &shard{group: state.NewGroup(f.makers)}
		}
	}
	f.mu.Unlock()
	var lists [shards][]uint32
	for i := range uint32(w.local.Table.Len()) {
		k := shardOf(w.local.Table.Hash(i))
		lists[k] = append(lists[k], i)
	}
	for k, list := range lists {
		s := f.shared[k]
		s.mu.Lock()
		s.group.MergeSome(w.local, list)
		if k == 0 { // records are of no certain shard
			s.group.Records += w.local.Records
		}
		s.mu.Unlock()
	}
	w.local.Reset()
	if w.gather.cache != nil {
		w.gather.cache.reset()
	}
}
