package flumerpc

import (
	"context"
	"time"
)

// suspicion is how long a call may take before its peer is watched.
const suspicion = 100 * time.Millisecond

// attendant runs the calls of one connection. Where one takes long, because a
// channel is full, the peer may go away meanwhile, and it will send its events
// again by another connection: the attendant then ends the call's context, so
// that they are not stored twice.
type attendant struct {
	server *Server
	wire   *wire
	hard   context.Context
	ctx    context.Context // of calls; a new one where a call has ended it
	cancel context.CancelFunc
	timer  *time.Timer
	over   chan struct{} // closed when the call that is watched is over
	left   chan struct{} // closed when the watching is over
}

func newAttendant(hard context.Context, s *Server, w *wire) *attendant {
	a := &attendant{server: s, wire: w, hard: hard}
	a.ctx, a.cancel = context.WithCancel(hard)
	a.over, a.left = make(chan struct{}), make(chan struct{})
	a.timer = time.AfterFunc(time.Hour, a.watch)
	a.timer.Stop()
	return a
}

func (a *attendant) close() {
	a.timer.Stop()
	a.cancel()
}

// handle runs one call.
func (a *attendant) handle(call Call) Status {
	if a.ctx.Err() != nil {
		a.ctx, a.cancel = context.WithCancel(a.hard)
	}
	a.timer.Reset(suspicion)
	status := Failed
	if a.enter() {
		status = a.server.Handle(a.ctx, call)
		a.leave()
	}
	if !a.timer.Stop() {
		close(a.over)
		<-a.left
		a.over, a.left = make(chan struct{}), make(chan struct{})
	}
	return status
}

// enter waits for one of the server's threads.
func (a *attendant) enter() bool {
	if a.server.slots == nil {
		return true
	}
	select {
	case a.server.slots <- struct{}{}:
		return true
	case <-a.ctx.Done():
		return false
	}
}

func (a *attendant) leave() {
	if a.server.slots != nil {
		<-a.server.slots
	}
}

// watch reads ahead until the call is over. The end of the connection ends the
// call, and so does the time by which an answer is due.
func (a *attendant) watch() {
	defer close(a.left)
	limit := a.server.Wait
	if limit == 0 {
		limit = defaultWait
	}
	due := time.NewTimer(limit)
	defer due.Stop()
	reading := make(chan error, 1)
	go func() { reading <- a.wire.readAhead() }()
	ahead := reading
	for over := false; !over; {
		select {
		case err := <-ahead:
			ahead = nil
			if err != nil && !late(err) {
				a.cancel()
			}
		case <-due.C:
			a.cancel()
		case <-a.over:
			over = true
		}
	}
	if ahead != nil {
		a.wire.SetReadDeadline(time.Unix(1, 0))
		<-ahead
		a.wire.SetReadDeadline(time.Time{})
	}
}
