package filesystem

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// namenode makes the connections of a client to its namenodes, of which there is
// one at a time. The client knows no context: the end of one breaks the
// connection on which its call waits.
type namenode struct {
	timeout time.Duration // of one step

	mu      sync.Mutex
	conn    *steppedConn            // the last one
	dialing context.CancelCauseFunc // nil = it does not connect
	ending  int                     // calls whose context has ended: they get no other connection
	why     error                   // of the last of them
}

// until ends the call that waits when ctx ends; done is called when the call has
// ended.
func (n *namenode) until(ctx context.Context) (done func()) {
	over, ends := false, false // under n.mu
	stop := context.AfterFunc(ctx, func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		if over {
			return
		}
		ends, n.why = true, context.Cause(ctx)
		n.ending++
		if n.dialing != nil {
			n.dialing(n.why)
		} else if n.conn != nil {
			n.conn.end(n.why)
		}
	})
	return func() {
		stop()
		n.mu.Lock()
		defer n.mu.Unlock()
		if over = true; ends {
			n.ending--
		}
	}
}

// endWaiting ends what waits for a namenode now. A connection on which nothing
// waits stays: the client does not connect anew for some seconds.
func (n *namenode) endWaiting(why error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.dialing != nil {
		n.dialing(why)
	} else if n.conn != nil && n.conn.waiting.Load() > 0 {
		n.conn.end(why)
	}
}

func (n *namenode) dial(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	n.mu.Lock()
	if n.ending > 0 {
		defer n.mu.Unlock()
		return nil, n.why
	}
	n.conn, n.dialing = nil, cancel
	n.mu.Unlock()
	dialer := net.Dialer{Timeout: n.timeout}
	c, err := dialer.DialContext(ctx, network, address)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.dialing = nil
	if why := context.Cause(ctx); why != nil {
		if err == nil {
			c.Close()
		}
		return nil, why
	}
	if err != nil {
		return nil, err // a steppedConn of nothing is no nil net.Conn
	}
	n.conn = &steppedConn{Conn: c, timeout: n.timeout}
	return n.conn, nil
}

// steppedConn gives each read and write a time, and stays broken after an error,
// so that the client connects anew.
type steppedConn struct {
	net.Conn
	timeout time.Duration
	broken  error
	ended   atomic.Pointer[error] // why the call was ended that waits
	waiting atomic.Int32          // calls of Read and Write under way
}

// end breaks the connection, also for a step that waits.
func (c *steppedConn) end(why error) {
	c.ended.Store(&why)
	_ = c.SetDeadline(time.Now()) // fails where it is broken already
}

func (c *steppedConn) step(f func([]byte) (int, error), p []byte) (int, error) {
	if c.broken != nil {
		return 0, c.broken
	}
	c.waiting.Add(1)
	defer c.waiting.Add(-1)
	err := c.SetDeadline(time.Now().Add(c.timeout))
	n := 0
	if c.ended.Load() == nil && err == nil { // end sets its deadline after this one
		n, err = f(p)
	}
	if why := c.ended.Load(); why != nil {
		err = *why
	}
	c.broken = err
	return n, err
}

func (c *steppedConn) Read(p []byte) (int, error)  { return c.step(c.Conn.Read, p) }
func (c *steppedConn) Write(p []byte) (int, error) { return c.step(c.Conn.Write, p) }
