package stream

import "time"

// foldOperator runs a Folder behind other serial stages: one worker, a batch a
// block.
type foldOperator struct {
	folder  Folder
	worker  FoldWorker
	reached Progress
	source  string // of the records that come
	count   uint64 // batches so far
}

func newFoldOperator(f Folder) Operator {
	o := &foldOperator{folder: f, worker: f.Worker()}
	if t, ok := f.(Ticker); ok {
		return &tickingFold{o, t}
	}
	return o
}

func (o *foldOperator) Process(b *Batch, emit Emit) error {
	// Records that serial stages have made or put into another order come in the
	// order of their batches, and at the time at which they come.
	o.count++
	for _, r := range b.Records {
		r.Block = o.count
	}
	if b.Time == 0 {
		b.Time = time.Now().UnixNano()
	}
	if err := o.worker.Process(b, func() {}); err != nil {
		return err
	}
	before := o.reached.Before(o.source)
	if m, ok := o.worker.MaxTime(); ok {
		o.reached = o.reached.Seen(o.source, m)
	}
	err := o.worker.Finish(before, func(r Reject) { b.Rejected = append(b.Rejected, r) })
	if err != nil {
		return err
	}
	return o.folder.Advance(o.reached.Time(), emit)
}

// Control follows where the records come from and hands c to the folder.
func (o *foldOperator) Control(c *Control, emit Emit, pass Pass) error {
	o.reached = o.reached.Control(c)
	if c.Kind == ControlSource {
		o.source = c.Source
	}
	if c.Kind == ControlReset {
		o.source = ""
	}
	c.latest = o.reached.Latest()
	if err := handControl(o.folder, c, emit, pass); err != nil || c.Kind != ControlWatermark {
		return err
	}
	return o.folder.Advance(o.reached.Time(), emit)
}

func (o *foldOperator) Flush(emit Emit) error { return o.folder.Flush(emit) }

// Account asks the folder.
func (o *foldOperator) Account() Account {
	if a, ok := o.folder.(Accountant); ok {
		return a.Account()
	}
	return Account{}
}

// RejectedValues asks the folder.
func (o *foldOperator) RejectedValues() int64 {
	if v, ok := o.folder.(ValueRejecter); ok {
		return v.RejectedValues()
	}
	return 0
}

// Holding says what the folder holds.
func (o *foldOperator) Holding() string { return o.folder.Holding() }

type tickingFold struct {
	*foldOperator
	Ticker
}
