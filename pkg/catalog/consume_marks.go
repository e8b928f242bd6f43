package catalog

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"maps"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/kafka"
	"github.com/logpipe/logpipe/pkg/stream"
)

// marking is an open consumer that tells the stages where its records come from:
// the partition of each block, which partitions there are, when a new generation of
// the group begins. With --marks it also says up to where it has read, so that the
// end of the pipe commits; it then commits nothing itself.
type marking struct {
	*consumed
	settings *consumeBuilder
	log      *slog.Logger
	token    string // "" without marks
	first    *stream.Control

	rest   portion // of the batch at hand
	pacing pacing

	session *kafka.Session
	offsets map[string]int64 // read so far, in the session
	dirty   bool             // since the last mark
	epoch   int64
	again   int64     // the number of the last mark of all, where it is of no more than the one before it; 0 else
	marked  time.Time // when the last mark was made
	heard   map[string]time.Time
	idle    map[string]bool
	held    *stream.Block // behind a reset

	lost markWatch
	stay bool // do not leave the group
}

func newMarking(in *consumed, b *consumeBuilder, env *stream.Env) *marking {
	m := &marking{consumed: in, settings: b, log: env.Log, offsets: map[string]int64{}, heard: map[string]time.Time{}, idle: map[string]bool{}}
	m.lost.tell = func(oldest time.Duration) {
		m.log.Warn("marks do not come back: nothing is committed. Does the pipe end in produce, commit or top on a terminal, and does each program in it pass lines that begin with {\"@logpipe\"?",
			"group", m.group, "oldest mark", oldest.Round(time.Second).String())
	}
	if b.marks {
		m.lost.start(in.consumer.Committed)
		m.token = rand.Text()[:16]
		m.first = &stream.Control{Kind: stream.ControlOpen, Token: m.token, Version: stream.ControlVersion, Every: b.every.Milliseconds()}
	}
	return m
}

// markTick is how often it is looked what has become due.
const markTick = 250 * time.Millisecond

// Read returns the next records, or what there is to tell.
func (m *marking) Read(ctx context.Context) (*stream.Block, error) {
	if c := m.first; c != nil {
		m.first = nil
		return controls(c), nil
	}
	if b := m.held; b != nil {
		m.held = nil
		return b, nil
	}
	for {
		tick, cancel := context.WithTimeout(ctx, markTick)
		b, batch, next, err := m.piece(tick)
		timeout := tick.Err() != nil && ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded)
		cancel()
		if err != nil && !timeout {
			return nil, err
		}
		now := time.Now()
		session := m.consumer.Session()
		if b != nil {
			session = m.consumer.SessionOf(batch)
		}
		if session != nil && session != m.session {
			reset := m.begin(session, now)
			m.held = b
			if b != nil {
				m.note(b, next, now)
			}
			return controls(reset), nil
		}
		if b != nil {
			m.note(b, next, now)
			return b, nil
		}
		if list := m.due(now); len(list) > 0 {
			return controls(list...), nil
		}
		m.pacing.paused()
	}
}

func controls(list ...*stream.Control) *stream.Block {
	return &stream.Block{Control: list, Time: time.Now()}
}

// begin starts anew with a session.
func (m *marking) begin(s *kafka.Session, now time.Time) *stream.Control {
	m.session, m.epoch = s, max(m.epoch, s.Epoch)
	m.offsets, m.dirty, m.marked = maps.Clone(s.Start), false, now
	m.lost.forget()
	clear(m.heard)
	clear(m.idle)
	for _, name := range s.Behind {
		m.heard[name] = now
	}
	c := m.identified(stream.ControlReset)
	c.Behind, c.Offsets, c.Until = s.Behind, maps.Clone(s.Start), s.Until
	return c
}

// identified is a control with who reads.
func (m *marking) identified(kind stream.ControlKind) *stream.Control {
	c := &stream.Control{Kind: kind, Token: m.token, Epoch: m.epoch}
	if m.token != "" {
		c.Cluster, c.Brokers = m.session.Cluster, m.consumer.Brokers()
		c.Group, c.Member, c.Instance, c.Generation = m.session.Group, m.session.Member, m.session.Instance, m.session.Generation
	}
	return c
}

// note notes what b brings, and puts a mark behind it where one is due.
func (m *marking) note(b *stream.Block, next int64, now time.Time) {
	m.heard[b.Source] = now
	delete(m.idle, b.Source)
	m.offsets[b.Source] = next
	m.dirty = true
	b.Control = append(b.Control, m.due(now)...)
}

// due makes what is to be told now: a mark, and who is idle.
func (m *marking) due(now time.Time) []*stream.Control {
	var list []*stream.Control
	if m.token != "" && m.dirty && (now.Sub(m.marked) >= m.settings.every || m.pacing.due()) {
		list = append(list, m.mark(now))
	}
	for name, at := range m.heard {
		if m.settings.idle > 0 && !m.idle[name] && now.Sub(at) >= m.settings.idle {
			m.idle[name] = true
			list = append(list, &stream.Control{Kind: stream.ControlWatermark, Token: m.token, Source: name, Idle: true})
		}
	}
	return list
}

func (m *marking) mark(now time.Time) *stream.Control {
	m.epoch++
	m.pacing.marked(now.Sub(m.marked), m.settings.every)
	m.dirty, m.marked = false, now
	m.leaveLost()
	c := m.identified(stream.ControlMark)
	c.Offsets, c.Topics = maps.Clone(m.offsets), m.session.Topics
	c.Leaders = m.consumer.Leaders(c.Offsets)
	m.lost.made(c.Offsets, now)
	return c
}

// leaveLost leaves out the partitions of topics that were deleted: the others are read on.
func (m *marking) leaveLost() {
	before := len(m.offsets)
	maps.DeleteFunc(m.offsets, func(name string, _ int64) bool { return m.session.Lost(name) })
	if len(m.offsets) < before {
		m.lost.forget() // marks with them are not committed whole
	}
}

// Last implements stream.Ender: the last mark.
func (m *marking) Last() *stream.Block {
	switch {
	case m.token == "" || m.session == nil:
		return nil
	case m.held != nil: // read, but not handed out
		delete(m.offsets, m.held.Source)
		m.dirty = len(m.offsets) > 0
	}
	more := m.dirty
	c := m.mark(time.Now())
	c.Last = true
	if !more && len(m.offsets) > 0 {
		m.again = c.Epoch
	}
	return controls(c)
}

// Await waits until the group has committed all that was marked; until then this
// process must remain a member of it. Where the last mark is of no more than the one
// before it, that one alone being committed is not the end: the last one would be
// refused, as if something were lost.
func (m *marking) Await(ctx context.Context) error {
	if m.token == "" || m.session == nil || m.again == 0 && m.nothing() {
		return nil
	}
	if m.nothing() { // and so nothing to lose: an end that does not commit is not waited for
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, quietPatience)
		defer cancel()
	}
	var last error
	for pause := awaitPause; ; pause = min(2*pause, awaitMost) {
		back, err := m.reached(ctx, m.again)
		if back {
			return nil
		}
		if s := m.consumer.Session(); s != m.session {
			return errMovedOn
		}
		if ctx.Err() == nil {
			last = err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return m.given(ctx, last)
		}
	}
}

// nothing tells whether nothing was read in the session.
func (m *marking) nothing() bool { return maps.Equal(m.offsets, m.session.Start) }

// The pauses between two looks at what has been committed.
const (
	awaitPause = 50 * time.Millisecond
	awaitMost  = 500 * time.Millisecond
)

// reached looks whether all that was read is committed, and the mark of this number.
func (m *marking) reached(ctx context.Context, epoch int64) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, lookPatience)
	defer cancel()
	return m.consumer.Reached(ctx, m.offsets, epoch)
}

const (
	lookPatience  = 5 * time.Second // the wait goes on behind it
	quietPatience = 3 * time.Second // for the commit of a mark of what was committed before
)

// given is the end of a wait that was given up; last is why it was not known what is
// committed.
func (m *marking) given(ctx context.Context, last error) error {
	back, err := m.reached(context.Background(), 0)
	switch {
	case back || m.nothing():
		return nil
	case errors.Is(context.Cause(ctx), ErrPipeEnded):
		m.log.Warn("the pipe has ended before all that was read is committed: the rest is read again", "group", m.group)
		return nil
	}
	// Without a farewell the group counts this member for the session's time
	// more: who comes to the end only when this process is gone can commit.
	m.stay = true
	return errors.Join(last, err, fault.Hint(errors.New("the end of the pipe has not committed all that was read: what it does not commit soon is read again"),
		"does the pipe end in produce, commit or top on a terminal? Within (…) or a shell function, exec logpipe consume … lets the pipe end with it; --grace is how long it may take when its reader has ended"))
}

var errMovedOn = errors.New("the group has moved on before the end of the pipe has committed: what it had not committed is read again")

// Close leaves the group.
func (m *marking) Close() error {
	m.lost.stop()
	if m.stay {
		return nil
	}
	return m.consumed.Close()
}
