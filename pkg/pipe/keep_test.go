package pipe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/logpipetest"
	"github.com/logpipe/logpipe/pkg/sink"
)

func minute(from, n int) (all []flume.Event) {
	for i := range n {
		all = append(all, flume.Event{Body: fmt.Appendf(nil, `{"time":"2026-11-20T10:%02d:%02dZ"}`, from+i/60, i%60)})
	}
	return all
}

// A note is not used for another command, or when what it tells of is committed:
// no record is left out for it.
func TestKeepOtherCommand(t *testing.T) {
	const command = "aggregate --window 1m count"
	m := live(t, t.TempDir(), 6) // before the second note: rows, note, commit, rows
	m.put(minute(0, 150))
	m.drain(command)
	if m.copied == "" || len(m.rows) == 0 {
		t.Fatalf("not killed: %q", m.rows)
	}
	other := live(t, m.copied, 0)
	if other.Note() == nil {
		t.Fatal("no note")
	}
	left := other.Size()
	other.drain("aggregate --window 1m 'total=count()'")
	sum := 0
	for _, row := range other.rows {
		var n int
		if _, err := fmt.Sscanf(row[strings.Index(row, `"total"`):], `"total":%d}`, &n); err != nil {
			t.Fatal(row, err)
		}
		sum += n
	}
	if sum != left || left == 0 {
		t.Errorf("%d events were in the channel, %d are in the rows of another command: %q", left, sum, other.rows)
	}
	again := live(t, m.copied, 0)
	again.put(minute(0, 5)) // of a window that was out when the agent ended in order
	again.drain(command)
	if got := strings.Join(again.rows, "\n"); !strings.Contains(got, `"count":5`) {
		t.Errorf("printed %s", got)
	}
}

// What is delivered is what is out, and the rest is in the channel.
func TestKeepCounts(t *testing.T) {
	m := live(t, t.TempDir(), 0)
	defer m.Channel.Close()
	m.put(append(minute(0, 67), flume.Event{Body: []byte("no object")}))
	r, s, member := m.runner("aggregate --window 1m count")
	ended := make(chan error, 1)
	go func() { ended <- r.Run(t.Context()) }()
	// The mark of the eighth batch is the last one before the window is out.
	wait(t, func() bool {
		n := m.told.counters.Values()
		return n["EventDrainAttemptCount"] == 68 && n["EventDrainSuccessCount"] == 56 && member.Delivered() == 56 && s.Pending() == 11 && m.Size() == 12
	})
	r.Stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if d, drained := member.Delivered(), m.told.counters.Values()["EventDrainSuccessCount"]; d != 67 || drained != 67 || m.Size() != 0 || member.DeadLetters() != 1 {
		t.Errorf("%d delivered, %d drained, %d refused, %d in the channel", d, drained, member.DeadLetters(), m.Size())
	}
	if len(m.rows) != 2 {
		t.Errorf("printed %q", m.rows)
	}
}

func wait(t *testing.T, done func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("nothing happens")
		}
	}
}

// Where the rows cannot be delivered at the end, their events are left in the
// channel, and the next sink has them.
func TestKeepUndelivered(t *testing.T) {
	m := live(t, t.TempDir(), 0)
	m.put(minute(0, 90))
	s := configure(t, NewSink, "command=aggregate --window 1h count | produce out --brokers "+logpipetest.OwnAddress(t)+" --timeout 100ms").(*Sink)
	s.KeepWhere(true)
	if err := s.Open(m.told.env()); err != nil {
		t.Fatal(err)
	}
	member := &sink.Member{Name: "k1", Sink: s, Env: m.told.env()}
	r := sink.NewRunner(m, []*sink.Member{member}, nil, m.told.logf)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	wait(t, func() bool { return strings.Contains(m.told.all(), "cannot deliver") || s.Pending() == 90 })
	r.Stop()
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("%v; told %s", err, m.told.all())
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if m.Size() != 90 || member.Delivered() != 0 {
		t.Errorf("%d delivered, %d left; told %s", member.Delivered(), m.Size(), m.told.all())
	}
	m.drain("aggregate --window 1h count")
	if got := strings.Join(m.rows, "\n"); !strings.Contains(got, `"count":90`) {
		t.Errorf("printed %s", got)
	}
}

// An agent that gives up prints no rows of a part of what is in their windows.
func TestKeepGivenUp(t *testing.T) {
	m := live(t, t.TempDir(), 0)
	m.put(minute(0, 90))
	r, s, member := m.runner("aggregate --window 1m count")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	wait(t, func() bool { return m.told.counters.Values()["EventDrainSuccessCount"] > 0 })
	cancel()
	if err := errors.Join(<-ended, s.Close()); err != nil {
		t.Error(err)
	}
	delivered := member.Delivered()
	if len(m.rows) != 1 || m.Size() != 90-int(delivered) || delivered == 0 || !strings.Contains(m.told.all(), "stay in the channel") {
		t.Errorf("printed %q; %d delivered, %d left; told %s", m.rows, delivered, m.Size(), m.told.all())
	}
	m.drain("aggregate --window 1m count")
	if got := strings.Join(m.rows, "\n"); strings.Count(got, `"count":60`) != 1 || strings.Count(got, `"count":30`) != 1 {
		t.Errorf("printed %s", got)
	}
}

// A window that is larger than the channel does not stop it.
func TestKeepMoreThanCapacity(t *testing.T) {
	m := live(t, t.TempDir(), 0, "capacity=40", "transactionCapacity=20")
	r, s, _ := m.runner("aggregate --window 1h count")
	ended := make(chan error, 1)
	go func() { ended <- r.Run(t.Context()) }()
	m.put(minute(0, 200))
	m.Drain()
	if err := errors.Join(<-ended, s.Close(), m.Channel.Close()); err != nil {
		t.Error(err)
	}
	if got := strings.Join(m.rows, "\n"); !strings.Contains(got, `"count":200`) || !strings.Contains(m.told.all(), "raise capacity") {
		t.Errorf("printed %s, told %s", got, m.told.all())
	}
}

// unnoted is a channel that cannot store notes for a while.
type unnoted struct {
	*mortal
	fails int
}

func (u *unnoted) StoreNote(text []byte) error {
	if u.fails--; u.fails >= 0 {
		return io.ErrShortWrite
	}
	return u.mortal.StoreNote(text)
}

// Nothing is committed whose rows are out where that cannot be noted.
func TestKeepWithoutNote(t *testing.T) {
	m := live(t, t.TempDir(), 0)
	m.put(minute(0, 250))
	r, s, _ := m.runner("aggregate --window 1m count")
	s.KeepIn(&unnoted{m, 2})
	s.keeping.every = 0
	m.Drain()
	if err := errors.Join(r.Run(t.Context()), s.Close()); err != nil {
		t.Error(err)
	}
	told := m.told.all()
	if m.Size() != 0 || strings.Count(told, "until it can be noted") != 1 || !strings.Contains(told, "noted again") || len(m.rows) != 5 {
		t.Errorf("%d left, printed %q, told %s", m.Size(), m.rows, told)
	}
	if err := m.Channel.Close(); err != nil {
		t.Error(err)
	}
}

// Marks that wait for a long window do not become more and more.
func TestKeepFewMarks(t *testing.T) {
	k := &keeping{every: time.Hour, marked: time.Now()}
	for range 10_000 {
		if k.events += markEvents; k.due() {
			k.mark(false)
		}
	}
	if n := len(k.marks); n < 200 || n > 1200 {
		t.Errorf("%d marks wait", n)
	}
}

// Only windows of event time come again as they were.
func TestKeeps(t *testing.T) {
	for command, want := range map[string]bool{
		"aggregate --window 1m count":                                     true,
		"parse access | where 'status > 1' | aggregate --window 1m count": true,
		"aggregate --window 1m --by n count | top 3 | set a=1":            true,
		"where 'n > 1'":                          false, // holds nothing
		"aggregate count":                        false,
		"aggregate --window 1m --time now count": false,
		"aggregate --window 1m count | where 'count > 1' | top 3": false, // top may hold more than a window
		"aggregate --window 1m count | sort count":                false,
		"top 3": false,
		"set 'time=now()' | aggregate --window 1m count":                        false,
		"parse csv | aggregate --window 1m count":                               false, // the header is the first event
		"aggregate --window 1m count | aggregate --window 1h 'sum(count)'":      false,
		"aggregate --window 1m count | top 3 | aggregate --window 1h 'count()'": false,
	} {
		s := configure(t, NewSink, "command="+command).(*Sink)
		if s.Keeps() {
			t.Errorf("%s keeps events in any channel", command)
		}
		s.KeepWhere(true)
		if s.Keeps() != want {
			t.Errorf("%s: keeps events %v", command, !want)
		}
		if loses := strings.HasPrefix(s.Guarantee(), "at most"); loses == want && command != "where 'n > 1'" {
			t.Errorf("%s: %s", command, s.Guarantee())
		}
		if want && len(s.Held()) > 0 {
			t.Errorf("%s: %v", command, s.Held())
		}
	}
}
