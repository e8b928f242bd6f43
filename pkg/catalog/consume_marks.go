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

	session *kafka.Session
	offsets map[string]int64 // read so far, in the session
	dirty   bool             // since the last mark
	epoch   int64
	marked  time.Time // when the last mark was made
	heard   map[string]time.Time
	idle    map[string]bool
	held    *stream.Block // behind a reset

	asked time.Time        // when it was looked whether marks come back
	open  map[string]int64 // the oldest mark that may be on its way
	since time.Time        // when it left
	told  bool
	stay  bool // do not leave the group
}

func newMarking(in *consumed, b *consumeBuilder, env *stream.Env) *marking {
	m := &marking{consumed: in, settings: b, log: env.Log, offsets: map[string]int64{}, heard: map[string]time.Time{}, idle: map[string]bool{}}
	if b.marks {
		m.token = rand.Text()[:16]
		m.first = &stream.Control{Kind: stream.ControlOpen, Token: m.token, Version: stream.ControlVersion}
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
		b, batch, err := m.read(tick)
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
				m.note(b, batch, now)
			}
			return controls(reset), nil
		}
		if b != nil {
			m.note(b, batch, now)
			return b, nil
		}
		if list := m.due(now); len(list) > 0 {
			return controls(list...), nil
		}
		m.watch(now)
	}
}

func controls(list ...*stream.Control) *stream.Block {
	return &stream.Block{Control: list, Time: time.Now()}
}

// begin starts anew with a session.
func (m *marking) begin(s *kafka.Session, now time.Time) *stream.Control {
	m.session, m.epoch = s, max(m.epoch, s.Epoch)
	m.offsets, m.dirty, m.marked, m.open = maps.Clone(s.Start), false, now, nil
	clear(m.heard)
	clear(m.idle)
	for _, name := range s.Behind {
		m.heard[name] = now
	}
	c := m.identified(stream.ControlReset)
	c.Behind, c.Offsets = s.Behind, maps.Clone(s.Start)
	return c
}

// identified is a control with who reads.
func (m *marking) identified(kind stream.ControlKind) *stream.Control {
	c := &stream.Control{Kind: kind, Token: m.token, Epoch: m.epoch}
	if m.token != "" {
		c.Cluster, c.Brokers = m.session.Cluster, m.settings.kafka.brokers
		c.Group, c.Member, c.Instance, c.Generation = m.session.Group, m.session.Member, m.session.Instance, m.session.Generation
	}
	return c
}

// note notes what b brings, and puts a mark behind it where one is due.
func (m *marking) note(b *stream.Block, batch kafka.Batch, now time.Time) {
	m.heard[b.Source] = now
	delete(m.idle, b.Source)
	m.offsets[b.Source] = batch.Next()
	m.dirty = true
	b.Control = append(b.Control, m.due(now)...)
}

// due makes what is to be told now: a mark, and who is idle.
func (m *marking) due(now time.Time) []*stream.Control {
	var list []*stream.Control
	if m.token != "" && m.dirty && now.Sub(m.marked) >= m.settings.every {
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
	m.dirty, m.marked = false, now
	c := m.identified(stream.ControlMark)
	c.Offsets = maps.Clone(m.offsets)
	if m.open == nil {
		m.open, m.since = c.Offsets, now
	}
	return c
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
	return controls(m.mark(time.Now()))
}

// The patience with marks that do not come back.
const (
	markPatience = 30 * time.Second
	markLook     = 5 * time.Second
)

// watch tells, once, that marks do not come back.
func (m *marking) watch(now time.Time) {
	if m.told || m.open == nil || now.Sub(m.since) < markPatience || now.Sub(m.asked) < markLook {
		return
	}
	m.asked = now
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	back, err := m.consumer.Reached(ctx, m.open)
	if err != nil {
		return // the cluster is away: that is told by itself
	}
	if back {
		m.open = nil // the next mark is the one to look for
		return
	}
	m.told = true
	m.log.Warn("marks do not come back: nothing is committed. Does the pipe end in produce, commit or top on a terminal, and does each program in it pass lines that begin with {\"@logpipe\"?",
		"group", m.group, "oldest mark", now.Sub(m.since).Round(time.Second).String())
}

// Await waits until the group has committed all that was marked; until then this
// process must remain a member of it.
func (m *marking) Await(ctx context.Context) error {
	if m.token == "" || m.session == nil || maps.Equal(m.offsets, m.session.Start) {
		return nil
	}
	for {
		back, err := m.consumer.Reached(ctx, m.offsets)
		if back {
			return nil
		}
		if s := m.consumer.Session(); s != m.session {
			return errMovedOn
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			// Without a farewell the group counts this member for the session's time
			// more: who comes to the end only when this process is gone can commit.
			m.stay = true
			return errors.Join(err, fault.Hint(errors.New("the end of the pipe has not committed all that was read: what it does not commit soon is read again"),
				"does the pipe end in produce, commit or top on a terminal? Within (…) or a shell function, exec logpipe consume … lets the pipe end with it"))
		}
	}
}

var errMovedOn = errors.New("the group has moved on before the end of the pipe has committed: what it had not committed is read again")

// Close leaves the group.
func (m *marking) Close() error {
	if m.stay {
		return nil
	}
	return m.consumed.Close()
}
