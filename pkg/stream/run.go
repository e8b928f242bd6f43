package stream

import (
	"context"
	"errors"
	"io"
	"runtime"
	"sync"
	"time"
)

// Pipeline is what Run runs.
type Pipeline struct {
	Source Source
	Stages []Stage
	Sink   Sink
}

// Options of a run.
type Options struct {
	Name     string                // of the command, in the ledger that marks carry
	Workers  int                   // 0 = one a core
	Env      *Env                  // what stages may ask; required
	OnReject func(Rejection) error // called in input order; an error ends the run
	Stop     bool                  // the first rejected record ends the run: what came before it goes out, nothing behind it
	OnHold   func(text string)     // called once when open input gives no output for a while
	HoldFor  time.Duration         // that while; 0 = 3 s
	OnCount  func(Ledger)          // called about once a second with the counts so far
	OnBlock  func(Ledger)          // called with the counts before a block's records are written, and behind
}

// Rejection is a refused record with its place in the input.
type Rejection struct {
	Reject
	Stage string
	Name  string // of the input; "" for standard input
	Num   int64  // line in the input, from 1
}

// Ledger counts the records of a run. Blank lines and headers are no records and
// not counted, but where a stage takes any line for one. When the run has ended, the
// Account is that of all its stages: In + Made = Out + Rejected + Late + Dropped +
// Folded + Again + Open, or there are Gaps.
type Ledger struct {
	In, Out, Rejected, Late int64
	Account
	Gaps    string // where the records do not add up, in words; "" = nowhere
	Refused int64  // of those rejected: by the sink, or by whom it sends them to
	Values  int64  // values that an aggregate could not use; their records are not rejected
	Bytes   int64  // read
}

// Run runs p until its input ends, ctx ends, or nobody wants more. When ctx
// ends, what was read before goes through; the error is then nil.
func Run(ctx context.Context, p Pipeline, o Options) (Ledger, error) {
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if o.HoldFor == 0 {
		o.HoldFor = 3 * time.Second
	}
	pl, err := newPlan(project(p.Stages), o.Stop)
	if err != nil {
		return Ledger{}, err
	}
	// A job never waits for room: there are no more of them than places.
	inFlight := 2*o.Workers + 1
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	e := &engine{plan: pl, opts: o, sink: p.Sink, source: p.Source, stop: stop,
		work: make(chan *job, inFlight), results: make(chan *job, inFlight), ended: make(chan error, 1), abandoned: make(chan struct{}),
		tokens: make(chan struct{}, inFlight), outs: make(chan []byte, inFlight), lost: make(chan error, 1)}
	e.refuser, _ = p.Sink.(Refuser)
	err = e.run(ctx)
	if e.tail != nil {
		e.settle(err)
	}
	if errors.Is(err, ErrStop) {
		err = nil
	}
	return e.ledger, err
}

// engine is one run.
type engine struct {
	plan      *plan
	opts      Options
	source    Source
	sink      Sink
	refuser   Refuser // the sink, where it is one
	stop      func()
	work      chan *job
	results   chan *job
	abandoned chan struct{} // closed when nobody takes results any more
	ended     chan error    // the reader has ended, with its error
	tokens    chan struct{}
	outs      chan []byte // used buffers
	lost      chan error  // an early sink has failed
	batches   sync.Pool   // used batches
	mu        sync.Mutex
	closed    bool   // no more jobs are issued
	issued    uint64 // jobs handed to workers
	ledger    Ledger
	blank     int64   // lines that are no records
	heads     []tally // of the workers' operators, up to the block taken last; one more for the fold, or for what comes out
	written   int64   // records handed to the sink
	leftOut   int64   // records that the source has left out
	behind    int64   // records that came out of the workers when nobody wanted more
	cut       bool    // the run has ended within a block
	tail      *tail
	col       collector
}

// job is one block on its way.
type job struct {
	seq     uint64
	block   *Block
	sniffed any
	prev    *turn
	turn    *turn
	result  result
	more    bool          // result is a part; the worker waits until it has been taken
	taken   chan struct{} // where it is told
	through chan struct{} // closed when the block is through, where the reader waits for that; or nil
	in, out int64         // records of the parts that have been taken
	leftOut int64         // records that the source has left out until then
}

// turn tells when a block has been read, and how far event time has come until then.
type turn struct {
	done    chan struct{}
	reached Progress
}

func (e *engine) run(ctx context.Context) (err error) {
	if e.tail, err = newTail(e); err != nil {
		return err
	}
	defer func() {
		if err2 := e.tail.close(); err == nil {
			err = err2
		}
	}()
	list := make([]*worker, e.opts.Workers)
	for i := range list {
		if list[i], err = newWorker(e); err != nil {
			return err
		}
	}
	e.heads = list[0].heads()
	for _, w := range list {
		go func() {
			for j := range e.work {
				w.run(j)
				e.results <- j
			}
		}()
	}
	go e.read(ctx)
	err = e.collect(ctx)
	e.stop()
	e.close()
	close(e.work)
	// When nobody wants more, workers may still be folding: their tables are
	// left alone.
	stopped := errors.Is(err, ErrStop)
	if err == nil || stopped {
		err = e.tail.flush(context.WithoutCancel(ctx), stopped)
	}
	e.ledger.Values = e.tail.rejectedValues(err != nil || stopped)
	err2 := e.sink.Close(context.WithoutCancel(ctx))
	if err3 := e.refused(); err == nil {
		err = err3
	}
	if err == nil || err2 != nil && errors.As(err, new(lostError)) {
		err = err2
	}
	if l := (lostError{}); errors.As(err, &l) {
		err = l.error
	}
	return err
}

// read hands blocks to the workers until the input or ctx ends.
func (e *engine) read(ctx context.Context) {
	prev := &turn{done: make(chan struct{})}
	close(prev.done)
	sniffer, _ := e.plan.first().(Sniffer)
	leaver := leaverOf(e.source)
	var sniffed any
	for {
		select {
		case e.tokens <- struct{}{}:
		case <-ctx.Done():
			e.lastBlock(prev)
			e.ended <- nil
			return
		}
		b, err := e.source.Read(ctx)
		if err == nil && sniffer != nil {
			if b.Line == 1 {
				sniffed = nil
			}
			sniffed, err = sniffer.Sniff(sniffed, b.Data)
		}
		if err != nil {
			if err == io.EOF || ctx.Err() != nil {
				err = nil
				<-e.tokens
				e.lastBlock(prev)
			}
			e.ended <- err
			return
		}
		j := newJob(b, sniffed, prev)
		if leaver != nil {
			j.leftOut = leaver.Left()
		}
		prev = j.turn
		if !e.issue(j) || !j.wait(e) {
			return
		}
	}
}

func newJob(b *Block, sniffed any, prev *turn) *job {
	j := &job{block: b, sniffed: sniffed, prev: prev, turn: &turn{done: make(chan struct{})}, taken: make(chan struct{})}
	for _, c := range b.Control {
		if c.Kind == ControlReset {
			j.through = make(chan struct{})
		}
	}
	return j
}

// wait waits, behind a reset, until all that came before it is forgotten: what
// comes behind must not be folded with it.
func (j *job) wait(e *engine) bool {
	if j.through == nil {
		return true
	}
	select {
	case <-j.through:
		return true
	case <-e.abandoned:
		return false
	}
}

// lastBlock issues what the source has to say at the end.
func (e *engine) lastBlock(prev *turn) {
	s := enderOf(e.source)
	if s == nil {
		return
	}
	if b := s.Last(); b != nil {
		select {
		case e.tokens <- struct{}{}:
			e.issue(newJob(b, nil, prev))
		case <-e.abandoned:
		}
	}
}

// issue gives j its number and hands it to a worker.
func (e *engine) issue(j *job) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return false
	}
	j.seq = e.issued
	e.issued++
	e.work <- j
	return true
}

// close ends the issuing of jobs and returns how many there were.
func (e *engine) close() uint64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closed = true
	return e.issued
}

// collect takes the results in input order until the input has ended.
func (e *engine) collect(ctx context.Context) error {
	e.col = collector{waiting: make(map[uint64]*job)}
	clock := newClock(e)
	defer clock.stop()
	total := uint64(1<<64 - 1)
	ended, cancelled := e.ended, ctx.Done()
	var readErr error
	for e.col.next < total {
		select {
		case j := <-e.results:
			if err := e.inOrder(ctx, j); err != nil {
				e.abandon()
				return err
			}
		case now := <-clock.tick:
			if err := clock.act(ctx, now); err != nil {
				e.abandon()
				return err
			}
		case err := <-e.lost:
			e.abandon()
			return err
		case readErr = <-ended:
			ended = nil
			total = e.close()
		case <-cancelled:
			cancelled = nil
			if enderOf(e.source) == nil { // else its last block is waited for
				ended = nil
				total = e.close()
			}
		}
	}
	return readErr
}

// abandon lets workers end that still hand over results nobody will read.
func (e *engine) abandon() {
	e.stop()
	close(e.abandoned)
	go func() {
		for range e.results { //nolint:revive // drained until the process or test ends
		}
	}()
}

func (e *engine) inOrder(ctx context.Context, j *job) error {
	e.col.waiting[j.seq] = j
	for {
		j, ok := e.col.waiting[e.col.next]
		if !ok {
			return nil
		}
		delete(e.col.waiting, e.col.next)
		if j.more {
			if err := e.part(ctx, j); err != nil {
				e.cut = true
				e.ack(j, err)
				return err
			}
			j.more = false
			j.taken <- struct{}{}
			return nil
		}
		e.col.next++
		err := e.finish(ctx, j)
		<-e.tokens
		if err != nil {
			return err
		}
	}
}
