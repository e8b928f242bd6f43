package source

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
)

// Netcat listens on a TCP port; every line that a client sends is an event and
// is answered with OK once all channels have it.
type Netcat struct {
	bind     string
	port     int
	maxLine  int // UTF-16 units, the newline included
	ack      bool
	encoding string

	env    flume.Env
	server tcpServer
}

// NewNetcat describes and makes a netcat source.
func NewNetcat(p *flume.Properties) Source {
	s := &Netcat{}
	p.Host(&s.bind, "bind", "the address to listen on").Require()
	p.Port(&s.port, "port", "the port to listen on; 0 = any free one").Require()
	p.Int(&s.maxLine, "max-line-length", 512, 2, "longest line, its newline included").In("characters")
	p.Bool(&s.ack, "ack-every-event", true, "answer every line with OK")
	p.String(&s.encoding, "encoding", "utf-8", "how clients write text, and get their answers")
	return s
}

// Check finds a charset that there is not.
func (s *Netcat) Check() []flume.Problem {
	_, err := newCharset(s.encoding)
	return problemOf("encoding", err, fixCharset)
}

// Open listens.
func (s *Netcat) Open(env flume.Env) error {
	s.env = env
	s.server = tcpServer{env: env}
	return s.server.listen(s.bind, s.port, "port")
}

// Addr is the address that Open listens on.
func (s *Netcat) Addr() net.Addr { return s.server.listeners[0].Addr() }

// Holds is the port.
func (s *Netcat) Holds() []flume.Holding { return []flume.Holding{flume.HoldPort("tcp", s.port)} }

// Close closes the port.
func (s *Netcat) Close() error { return s.server.close() }

// Run serves clients until ctx ends, one goroutine a connection.
func (s *Netcat) Run(ctx context.Context, out *Output) error {
	return s.server.run(ctx, func(conn net.Conn) { s.serve(conn, out) })
}

// serve reads lines until the client, the agent or a mistake ends it.
func (s *Netcat) serve(conn net.Conn, out *Output) {
	in, err := newCharset(s.encoding)
	if err != nil {
		s.env.Logf("%s: %v", conn.RemoteAddr(), err) // which Check would have told
		return
	}
	lines := netcatLines{max: s.maxLine, in: in}
	answers := netcatAnswers{w: conn, in: in, silent: !s.ack}
	var events []flume.Event
	for {
		readErr := lines.read(conn)
		var lineErr error
		events, lineErr = lines.next(events)
		if len(events) > 0 {
			answers.due = len(events)
			if err := out.PutTold(events, answers.give); err != nil {
				out.tellRefused(conn.RemoteAddr(), err)
				return // not stored, so no answer
			}
			if answers.give(answers.due); answers.err != nil {
				return
			}
		}
		if lineErr != nil {
			s.refuse(conn, &answers, lineErr)
			return
		}
		if readErr != nil {
			if n := lines.pending(); n > 0 && !errors.Is(readErr, os.ErrDeadlineExceeded) {
				s.env.Logf("%s ended inside a line: %d bytes dropped", conn.RemoteAddr(), n)
			}
			return
		}
	}
}

// refuse answers a line that is too long and closes; text that cannot be
// decoded gets no answer in Flume, and none here.
func (s *Netcat) refuse(conn net.Conn, answers *netcatAnswers, err error) {
	s.env.Logf("%s refused: %v", conn.RemoteAddr(), err)
	if !errors.Is(err, errLineTooLong) {
		return
	}
	answers.write(fmt.Sprintf("FAILED: Event exceeds the maximum length (%d chars, including newline)\n", s.maxLine), 1)
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return
	}
	// Closing while unread bytes wait would reset the connection and could
	// destroy the answer on its way: let the client see the end first.
	tcp.CloseWrite()
	tcp.SetReadDeadline(time.Now().Add(time.Second))
	var rest [4096]byte
	for range 256 {
		if _, err := tcp.Read(rest[:]); err != nil {
			return
		}
	}
}

// Guarantee says what an OK means.
func (s *Netcat) Guarantee() string {
	if !s.ack {
		return "at most once: without ack-every-event a client does not learn what was stored"
	}
	return "at least once where clients send again: a line is answered with OK when the channels have it; lost is what a client sends once and gets no OK for"
}
