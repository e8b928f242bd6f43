package flumerpc

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/flume"
)

// Config says how to reach a source.
type Config struct {
	Address  string // host:port
	Protocol Protocol
	TLS      *tls.Config // nil = none
	Deflate  bool        // Avro alone
	Level    int         // of deflate, 0 to 9
	// Connect is the longest time until the connection stands, and for the first
	// request; Request is that for each other one.
	Connect, Request time.Duration
}

// Client is a connection to a source. After an error that is no *StatusError it
// is of no more use.
type Client struct {
	cfg    Config
	conn   net.Conn
	reader *reader
	caller caller
	begun  bool // the first request was answered
}

// caller is the client's side of a protocol.
type caller interface {
	// request makes a request, which is valid until the next one.
	request([]flume.Event) []byte
	// response reads the answer; again asks for what told makes.
	response(*reader) (s Status, again bool, err error)
	told([]flume.Event) []byte
}

// Dial connects.
func Dial(ctx context.Context, cfg Config) (*Client, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, cfg.Connect, fmt.Errorf("no connection within %v", cfg.Connect))
	defer cancel()
	raw, err := new(net.Dialer).DialContext(ctx, "tcp", cfg.Address)
	if err != nil {
		var op *net.OpError
		if errors.As(err, &op) {
			err = op.Err // the rest of the text repeats the address
		}
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return nil, fault.Unreachablef("connect to %s: %w", cfg.Address, err)
	}
	conn, err := clientStream(ctx, raw, cfg)
	if err != nil {
		raw.Close()
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return nil, fmt.Errorf("TLS with %s: %w", cfg.Address, err)
	}
	c := &Client{cfg: cfg, conn: conn, reader: newReader(conn, 0)}
	if cfg.Protocol == Avro {
		c.caller = newAvroCaller()
	} else {
		c.caller = newThriftCaller(cfg.Protocol == ThriftCompact)
	}
	return c, nil
}

// clientStream puts TLS and compression onto a connection, with both as Flume
// 1.10 and 1.11 do: the zlib stream outside.
func clientStream(ctx context.Context, conn net.Conn, cfg Config) (net.Conn, error) {
	if cfg.Deflate {
		d, err := newDeflated(conn, cfg.Level)
		if err != nil {
			return nil, err
		}
		conn = d
	}
	if cfg.TLS == nil {
		return conn, nil
	}
	t := tls.Client(conn, cfg.TLS)
	return t, t.HandshakeContext(ctx)
}

// Append sends the events as one batch and waits until the source has stored
// them.
func (c *Client) Append(ctx context.Context, events []flume.Event) error {
	limit := c.cfg.Request
	if !c.begun {
		limit = c.cfg.Connect
	}
	if err := c.conn.SetDeadline(time.Now().Add(limit)); err != nil {
		return fmt.Errorf("send to %s: %w", c.cfg.Address, err)
	}
	stop := context.AfterFunc(ctx, func() { c.conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	status, err := c.exchange(events)
	switch {
	case err == nil && status != OK:
		err = &StatusError{status}
	case ctx.Err() != nil && late(err):
		err = ctx.Err()
	case late(err):
		err = fmt.Errorf("no answer within %v; the events are sent again, and may arrive twice: %w", limit, err)
	case err != nil:
		err = unanswered(err)
	}
	if err != nil {
		return fmt.Errorf("send to %s: %w", c.cfg.Address, err)
	}
	c.begun = true
	return nil
}

func (c *Client) exchange(events []flume.Event) (Status, error) {
	if _, err := c.conn.Write(c.caller.request(events)); err != nil {
		return Unknown, err
	}
	status, again, err := c.caller.response(c.reader)
	if again && err == nil {
		if _, err := c.conn.Write(c.caller.told(events)); err != nil {
			return Unknown, err
		}
		if status, again, err = c.caller.response(c.reader); again && err == nil {
			err = malformed("the source does not know its own protocol")
		}
	}
	return status, err
}

// Closed reports whether an error of Append means that the other end closed the
// connection.
func Closed(err error) bool {
	return ended(err) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// unanswered says of a connection that was closed what that mostly means.
func unanswered(err error) error {
	if !Closed(err) {
		return err
	}
	return fault.Hint(fmt.Errorf("the source closed the connection without an answer: %w", err),
		"where that happens at once, compare compression-type, ssl and protocol of both ends")
}

// Close closes the connection.
func (c *Client) Close() error {
	if t, ok := c.conn.(*tls.Conn); ok {
		// Its farewell must not wait for a peer that takes nothing.
		t.SetWriteDeadline(time.Now().Add(farewell))
	}
	return c.conn.Close()
}
