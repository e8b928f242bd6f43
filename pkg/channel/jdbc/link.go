package jdbc

import (
	"context"
	"errors"
	"time"

	"github.com/logpipe/logpipe/pkg/database"
)

// link is a connection that is made again when it is lost.
type link struct {
	open func(context.Context) (database.Conn, error)
	turn chan struct{}
	conn database.Conn // by whoever holds turn
}

// do lets work have the connection, alone.
func (l *link) do(ctx context.Context, work func(database.Conn) error) error {
	select {
	case l.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-l.turn }()
	if l.conn == nil {
		conn, err := l.open(ctx)
		if err != nil {
			return err
		}
		l.conn = conn
	}
	err := work(l.conn)
	var stuck *stuckError
	if database.Lost(err) || errors.As(err, &stuck) {
		err = errors.Join(err, l.conn.Close())
		l.conn = nil
	}
	return err
}

func newLink(open func(context.Context) (database.Conn, error)) *link {
	return &link{open: open, turn: make(chan struct{}, 1)}
}

func (l *link) close() error {
	l.turn <- struct{}{}
	defer func() { <-l.turn }()
	if l.conn == nil {
		return nil
	}
	conn := l.conn
	l.conn = nil
	return conn.Close()
}

// stuckError is a connection whose transaction does not end.
type stuckError struct{ error }

func (e *stuckError) Unwrap() error { return e.error }

// delay is how long to wait after so many failures in a row.
func delay(failures int) time.Duration {
	return min(time.Duration(failures)*100*time.Millisecond, 2*time.Second)
}

// teller tells failures that go on, ever more seldom. It belongs to one goroutine
// at a time.
type teller struct {
	last time.Time
	gap  time.Duration
	open bool // a failure was told and its end was not
}

// The times between messages of one failure, and after which the next is a new one.
const (
	firstGap = time.Second
	mostGap  = 5 * time.Minute
	newGap   = time.Minute
)

func (t *teller) failed(logf func(string, ...any), what string, err error) {
	since := time.Since(t.last)
	if !t.open && since > max(newGap, t.gap) {
		t.gap = 0
	}
	if since < t.gap {
		return
	}
	t.last, t.gap, t.open = time.Now(), min(max(2*t.gap, firstGap), mostGap), true
	logf("%s, nothing is lost, tries again: %v", what, err)
}

// works ends a failure.
func (t *teller) works(logf func(string, ...any)) {
	if t.open {
		t.open = false
		logf("the database works again")
	}
}
