package logpipetest

import (
	"net"
	"sync/atomic"
	"time"
)

// SlowListener is a port that is not free at once when it is closed, as on a busy
// machine: Accept ends when Close begins, and a second Close does not wait for the first.
type SlowListener struct {
	Free    atomic.Bool // it is closed
	takes   time.Duration
	begun   atomic.Bool
	closing chan struct{}
}

// NewSlowListener makes a port that takes a while to be closed.
func NewSlowListener(takes time.Duration) *SlowListener {
	return &SlowListener{takes: takes, closing: make(chan struct{})}
}

// Accept waits for Close.
func (l *SlowListener) Accept() (net.Conn, error) {
	<-l.closing
	return nil, net.ErrClosed
}

// Close lets the port go.
func (l *SlowListener) Close() error {
	if l.begun.Swap(true) {
		return net.ErrClosed
	}
	close(l.closing)
	time.Sleep(l.takes)
	l.Free.Store(true)
	return nil
}

// Addr is no address of this machine.
func (l *SlowListener) Addr() net.Addr { return new(net.TCPAddr) }
