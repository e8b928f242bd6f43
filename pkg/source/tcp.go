package source

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/flume"
)

// tcpServer accepts connections, on one or several ports, and serves each in a
// goroutine of its own.
type tcpServer struct {
	env       flume.Env
	tls       *tls.Config // nil = none
	listeners []net.Listener

	mu    sync.Mutex
	conns map[net.Conn]bool
	ended bool // no connection may be added any more
}

// listen opens a port; property names it in the hint of an error.
func (s *tcpServer) listen(host string, port int, property string) error {
	l, err := listenTCP(host, port, property)
	if err != nil {
		return err
	}
	s.env.Logf("listens on %s", l.Addr())
	if s.tls != nil {
		l = tls.NewListener(l, s.tls)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listeners, s.ended = append(s.listeners, l), false
	if s.conns == nil {
		s.conns = map[net.Conn]bool{}
	}
	return nil
}

// listenTCP opens a port and words what goes wrong.
func listenTCP(host string, port int, property string) (net.Listener, error) {
	address := net.JoinHostPort(host, strconv.Itoa(port))
	l, err := net.Listen("tcp", address)
	return l, listenError(err, address, port, property)
}

func listenError(err error, address string, port int, property string) error {
	if err == nil {
		return nil
	}
	var system syscall.Errno
	if errors.As(err, &system) {
		err = system // the rest of the text repeats the address
	}
	err = fmt.Errorf("listen on %s: %w", address, err)
	var name *net.DNSError
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		err = fault.Hint(err, "end the program that has port %d, or change the %s", port, property)
	case errors.Is(err, syscall.EADDRNOTAVAIL), errors.As(err, &name):
		return flume.OfProperty(err, "bind", "host") // no port helps
	}
	return flume.OfProperty(err, property)
}

// close closes the ports. They are free when it returns, also where somebody else has
// begun to close them: a second Close of a listener does not wait for the first.
func (s *tcpServer) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all error
	for _, l := range s.listeners {
		if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			all = errors.Join(all, err)
		}
	}
	return all
}

// run serves clients until ctx ends.
func (s *tcpServer) run(ctx context.Context, serve func(net.Conn)) error {
	stop := context.AfterFunc(ctx, s.hangUp)
	defer stop()
	var accepting, serving sync.WaitGroup
	errs := make(chan error, len(s.listeners))
	for _, l := range s.listeners {
		accepting.Go(func() {
			if err := s.accept(ctx, l, &serving, serve); err != nil {
				errs <- err
				s.hangUp()
			}
		})
	}
	accepting.Wait()
	s.hangUp()
	serving.Wait()
	close(errs)
	return <-errs
}

func (s *tcpServer) accept(ctx context.Context, l net.Listener, serving *sync.WaitGroup, serve func(net.Conn)) error {
	for {
		conn, err := l.Accept()
		switch {
		case ctx.Err() != nil || errors.Is(err, net.ErrClosed):
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
				serve(conn)
				s.remove(conn)
			}
		})
	}
}

func (s *tcpServer) add(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ended {
		s.conns[conn] = true
	}
	return !s.ended
}

func (s *tcpServer) remove(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, conn)
}

// hangUp ends reading everywhere; answers to what has been stored still get
// out, as far as the client reads them.
func (s *tcpServer) hangUp() {
	s.close()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	for conn := range s.conns {
		conn.SetReadDeadline(time.Now())
		conn.SetWriteDeadline(time.Now().Add(time.Second))
	}
}
