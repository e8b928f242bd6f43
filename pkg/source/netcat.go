package source

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
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

	env      flume.Env
	listener net.Listener

	mu    sync.Mutex
	conns map[net.Conn]bool
	ended bool // no connection may be added any more
}

// NewNetcat describes and makes a netcat source.
func NewNetcat(p *flume.Properties) Source {
	s := &Netcat{conns: map[net.Conn]bool{}}
	p.Host(&s.bind, "bind", "the address to listen on").Require()
	p.Port(&s.port, "port", "the port to listen on; 0 = any free one").Require()
	p.Int(&s.maxLine, "max-line-length", 512, 2, "longest line, its newline included").In("characters")
	p.Bool(&s.ack, "ack-every-event", true, "answer every line with OK")
	p.Choice(&s.encoding, "encoding", "utf-8", []string{"utf-8", "us-ascii", "iso-8859-1"}, "how clients write text")
	return s
}

// Open listens.
func (s *Netcat) Open(env flume.Env) error {
	s.env = env
	address := net.JoinHostPort(s.bind, strconv.Itoa(s.port))
	l, err := net.Listen("tcp", address)
	if err != nil {
		var system syscall.Errno
		if errors.As(err, &system) {
			err = system // the rest of the text repeats the address
		}
		err = fmt.Errorf("listen on %s: %w", address, err)
		if errors.Is(err, syscall.EADDRINUSE) {
			return fault.Hint(err, "end the program that has port %d, or change the port", s.port)
		}
		return err
	}
	s.listener, s.ended = l, false
	s.env.Logf("listens on %s", l.Addr())
	return nil
}

// Addr is the address that Open listens on.
func (s *Netcat) Addr() net.Addr { return s.listener.Addr() }

// Close closes the port.
func (s *Netcat) Close() error {
	if s.listener == nil {
		return nil
	}
	if err := s.listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// Run serves clients until ctx ends, one goroutine a connection.
func (s *Netcat) Run(ctx context.Context, out *Output) error {
	stop := context.AfterFunc(ctx, s.hangUp)
	defer stop()
	var serving sync.WaitGroup
	defer serving.Wait()
	defer s.hangUp()
	for {
		conn, err := s.listener.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				conn.Close()
			}
			return nil
		case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE), errors.Is(err, syscall.ECONNABORTED):
			s.env.Logf("cannot accept a connection: %v", err)
			if sleep(ctx, time.Second) != nil {
				return nil
			}
			continue
		case err != nil:
			return fmt.Errorf("accept: %w", err)
		}
		serving.Go(func() {
			defer conn.Close()
			if s.add(conn) {
				s.serve(conn, out)
				s.remove(conn)
			}
		})
	}
}

func (s *Netcat) add(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ended {
		s.conns[conn] = true
	}
	return !s.ended
}

func (s *Netcat) remove(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, conn)
}

// hangUp ends reading everywhere; answers to what has been stored still get
// out, as far as the client reads them.
func (s *Netcat) hangUp() {
	s.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	for conn := range s.conns {
		conn.SetReadDeadline(time.Now())
		conn.SetWriteDeadline(time.Now().Add(time.Second))
	}
}

// serve reads lines until the client, the agent or a mistake ends it.
func (s *Netcat) serve(conn net.Conn, out *Output) {
	lines := netcatLines{max: s.maxLine, encoding: s.encoding}
	var events []flume.Event
	var answer []byte
	for {
		readErr := lines.read(conn)
		var lineErr error
		events, lineErr = lines.next(events[:0])
		if len(events) > 0 {
			if out.Put(events) != nil {
				return // not stored, so no answer
			}
			if s.ack {
				answer = answer[:0]
				for range events {
					answer = append(answer, "OK\n"...)
				}
				if _, err := conn.Write(answer); err != nil {
					return
				}
			}
		}
		if lineErr != nil {
			s.refuse(conn, lineErr)
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
func (s *Netcat) refuse(conn net.Conn, err error) {
	s.env.Logf("%s refused: %v", conn.RemoteAddr(), err)
	if !errors.Is(err, errLineTooLong) {
		return
	}
	fmt.Fprintf(conn, "FAILED: Event exceeds the maximum length (%d chars, including newline)\n", s.maxLine)
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
