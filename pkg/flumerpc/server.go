package flumerpc

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
)

// Server answers the calls of any number of connections: each in the order of
// its requests, one at a time.
type Server struct {
	Protocol Protocol
	Deflate  bool        // Avro alone
	TLS      *tls.Config // nil = none
	// Admit says whether a peer may connect; nil = everybody.
	Admit func(net.Addr) bool
	// Threads is the most calls that are handled at once; 0 = any number.
	Threads int
	// Patience is how long the rest of a message may take, and a peer to take
	// its answer; 0 = a minute. Of a long message each MiB has that time.
	Patience time.Duration
	// Wait is how long a call may be handled; 0 = 10 s. It has to be less than
	// the time that senders wait, 20 s in Flume: a sender that has given up
	// sends the same events again.
	Wait time.Duration
	// Handle stores the events of a call. Its context ends when the peer is gone
	// or when the answer is due: then nothing more should be stored.
	Handle func(context.Context, Call) Status
	// Fault is told of everything that is wrong with a peer: what it sent, or
	// that it did not send the rest.
	Fault func(peer net.Addr, err error)
	// Connections is told of each connection that begins (1) and ends (-1).
	Connections func(change int)

	slots  chan struct{} // for Threads
	blocks flume.Blocks

	mu    sync.Mutex
	wires map[*wire]bool
	over  bool
}

// The defaults of a server.
const (
	defaultPatience = time.Minute
	defaultWait     = 10 * time.Second
)

// Serve accepts connections until ctx ends, which is no error and closes the
// listener. Requests whose whole message has come by then are still handled, and
// answered, as long as hard has not ended.
func (s *Server) Serve(ctx, hard context.Context, l net.Listener) error {
	s.mu.Lock()
	s.wires, s.over = make(map[*wire]bool), false
	s.mu.Unlock()
	if s.Threads > 0 {
		s.slots = make(chan struct{}, s.Threads)
	}
	hangUp := func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		l.Close() // under the lock, for a second Close does not wait for the first
		s.over = true
		for w := range s.wires {
			w.hangUp()
		}
	}
	stop := context.AfterFunc(ctx, hangUp)
	defer stop()
	var serving sync.WaitGroup
	defer serving.Wait()
	defer hangUp()
	for {
		conn, err := l.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				conn.Close()
			}
			return nil
		case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE), errors.Is(err, syscall.ECONNABORTED):
			s.Fault(l.Addr(), fmt.Errorf("cannot accept a connection: %w", err))
			select {
			case <-time.After(time.Second):
			case <-ctx.Done():
				return nil
			}
			continue
		case err != nil:
			return fmt.Errorf("accept: %w", err)
		}
		serving.Go(func() { s.connection(hard, conn) })
	}
}

// connection serves one peer to its end.
func (s *Server) connection(hard context.Context, conn net.Conn) {
	w := &wire{Conn: conn}
	defer conn.Close()
	if s.Admit != nil && !s.Admit(conn.RemoteAddr()) {
		s.Fault(conn.RemoteAddr(), errors.New("refused by ipFilterRules"))
		return
	}
	s.mu.Lock()
	over := s.over
	if !over {
		s.wires[w] = true
	}
	s.mu.Unlock()
	if over {
		return
	}
	s.Connections(1)
	defer s.Connections(-1)
	err := s.serve(hard, w)
	s.mu.Lock()
	delete(s.wires, w)
	s.mu.Unlock()
	if err != nil && !ended(err) && !(w.stopped.Load() && late(err)) {
		s.Fault(conn.RemoteAddr(), err)
	}
}

func (s *Server) session() session {
	if s.Protocol == Avro {
		return new(avroSession)
	}
	return newThriftSession(s.Protocol == ThriftCompact)
}

// session is the server's side of a protocol on one connection.
type session interface {
	// read reads a message whole; it is valid until the next one.
	read(*reader) ([]byte, error)
	// answer handles a message and returns what to send. A fault is told and
	// goes on; end ends the connection.
	answer(message []byte, handle func(Call) Status) (out []byte, fault, end error)
}

func (s *Server) patience() time.Duration {
	if s.Patience == 0 {
		return defaultPatience
	}
	return s.Patience
}

// stream begins TLS and compression. A peer that does not begin within the
// patience is gone; only one that has to send nothing first may wait.
func (s *Server) stream(w *wire) (net.Conn, error) {
	if s.TLS == nil {
		return serverStream(w, nil, s.Deflate)
	}
	if err := w.SetReadDeadline(time.Now().Add(s.patience())); err != nil {
		return nil, err
	}
	if err := w.answerBy(s.patience()); err != nil {
		return nil, err
	}
	stream, err := serverStream(w, s.TLS, s.Deflate)
	if err != nil {
		return nil, err
	}
	inner := stream
	if d, ok := stream.(*deflated); ok {
		inner = d.Conn
	}
	if err := inner.(*tls.Conn).Handshake(); err != nil {
		return nil, fmt.Errorf("TLS: %w", err)
	}
	return stream, w.SetReadDeadline(time.Time{})
}

// serve answers requests until the peer or the server ends.
func (s *Server) serve(hard context.Context, w *wire) error {
	stream, err := s.stream(w)
	if err != nil {
		return err
	}
	defer stream.Close()
	calls := newAttendant(hard, s, w)
	defer calls.close()
	r, session := newReader(stream, s.patience()), s.session()
	r.blocks = &s.blocks
	for {
		if err := r.begin(); err != nil {
			return err
		}
		message, err := session.read(r)
		r.end()
		if err != nil {
			return s.explain(err)
		}
		out, fault, err := session.answer(message, calls.handle)
		if fault != nil {
			s.Fault(w.RemoteAddr(), fault)
		}
		if err != nil {
			return err
		}
		if len(out) == 0 {
			continue
		}
		if err := w.answerBy(s.patience()); err != nil {
			return err
		}
		if _, err := stream.Write(out); err != nil {
			return fmt.Errorf("the peer did not take its answer: %w", err)
		}
	}
}

// explain says of a message that did not come whole what happened.
func (s *Server) explain(err error) error {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the connection ended inside a message")
	case late(err):
		return fmt.Errorf("the rest of a message did not come within %v: %w", s.patience(), err)
	}
	return err
}
