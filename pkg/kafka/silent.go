package kafka

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"
	"github.com/logpipe/logpipe/pkg/fault"
)

// silence is how long a broker may leave a new connection without any answer, where
// there are others to ask. The first question is which requests it speaks, for which
// nothing is waited for; the library gives it half a minute. Each time that it was too
// short for a broker it is twice as long for that one, so that a slow cluster is not
// taken for one that stands still.
const silence = 3 * time.Second

// mostDoubled is how often.
const mostDoubled = 4

// promptDialer makes connections that end where the first answer does not come: the
// system accepts those to a process that stands still. The library chooses whom it asks
// by itself, and goes on to the next one then.
type promptDialer struct {
	limit   time.Duration // for the first answer
	connect time.Duration // for the connection
	log     *slog.Logger

	mu    sync.Mutex
	known map[string]int // the addresses that were named or connected to, and how often they were silent
}

// newPromptDialer returns one for a cluster of which these brokers are known.
func newPromptDialer(conf *sarama.Config, brokers []string, log *slog.Logger) *promptDialer {
	d := &promptDialer{limit: silence, connect: conf.Net.DialTimeout, log: log, known: map[string]int{}}
	if conf.Net.TLS.Enable {
		d.limit = max(silence, secureContact)
	}
	for _, addr := range brokers {
		d.known[addr] = 0
	}
	return d
}

// Dial connects to a broker. Where it is the only one, its answer is awaited for as long
// as the library likes: there is no next one.
func (d *promptDialer) Dial(network, address string) (net.Conn, error) {
	d.mu.Lock()
	silences := d.known[address]
	d.known[address] = silences
	alone, limit := len(d.known) == 1, d.limit<<min(silences, mostDoubled)
	d.mu.Unlock()
	conn, err := net.DialTimeout(network, address, d.connect)
	if alone {
		return conn, err
	}
	if isTimeout(err) {
		d.tell(address) // its queue of connections is full
	}
	if err != nil {
		return nil, err
	}
	return &promptConn{Conn: conn, limit: limit, silent: func() { d.tell(address) }}, nil
}

// tell says once which broker does not answer.
func (d *promptDialer) tell(address string) {
	d.mu.Lock()
	told := d.known[address] > 0
	d.known[address]++
	d.mu.Unlock()
	if !told {
		d.log.Warn(fmt.Sprintf("broker %s does not answer; another one is asked, where there is one", address))
	}
}

// silentError is a net.Error, so that it passes. It is none of a time that is over, after
// which the library asks the same broker again.
type silentError string

const errSilent = silentError("it accepts connections and does not answer")

func (e silentError) Error() string { return string(e) }

// Timeout implements net.Error.
func (silentError) Timeout() bool { return false }

// Temporary implements net.Error.
func (silentError) Temporary() bool { return false }

// promptConn is a connection whose first bytes are read within limit.
type promptConn struct {
	net.Conn
	limit  time.Duration
	silent func()
	heard  atomic.Bool

	mu    sync.Mutex
	until time.Time // the reader's own deadline; zero = none
}

// Read reads. Where the time is noticed late, it was this process that stood still, and
// the time begins again.
func (c *promptConn) Read(b []byte) (int, error) {
	for tries := 1; !c.heard.Load(); tries++ {
		begun := time.Now()
		until, own := c.deadline(begun)
		if err := c.Conn.SetReadDeadline(until); err != nil {
			return 0, err
		}
		n, err := c.Conn.Read(b)
		late := !own && errors.Is(err, os.ErrDeadlineExceeded)
		if late && tries < mostStops && time.Since(begun) >= c.limit+stopped {
			continue
		}
		if late {
			c.silent()
			return 0, errSilent
		}
		if n > 0 {
			c.heard.Store(true)
			err = errors.Join(err, c.restore())
		}
		return n, err
	}
	return c.Conn.Read(b)
}

// deadline is when a read that begins now has to have an answer; own tells that it is
// the reader who wants that.
func (c *promptConn) deadline(now time.Time) (until time.Time, own bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	until = now.Add(c.limit)
	if !c.until.IsZero() && c.until.Before(until) {
		return c.until, true
	}
	return until, false
}

// restore gives the connection the reader's own deadline.
func (c *promptConn) restore() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.Conn.SetReadDeadline(c.until)
}

// SetReadDeadline implements net.Conn.
func (c *promptConn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.until = t
	return c.Conn.SetReadDeadline(t)
}

// SetDeadline implements net.Conn.
func (c *promptConn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// notListed is that a broker does not tell of its groups. What it refuses is worded
// elsewhere.
func notListed(broker string, err error) error {
	if err == nil || isCode(err) {
		return err
	}
	return fault.Hint(fault.Unreachablef("broker %s does not tell which groups it looks after: %w", broker, trimmed{err}), testHint)
}
