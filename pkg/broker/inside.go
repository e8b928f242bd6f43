package broker

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// inside is the listener of the controller: a node of kfake that no client
// sees, reached within the process. kfake names one of its nodes the controller
// for good, and only that one creates and deletes topics; were it one of those
// that clients see, it could never be stopped.
type inside struct {
	conns chan net.Conn
	done  chan struct{}
}

func newInside() *inside {
	return &inside{conns: make(chan net.Conn), done: make(chan struct{})}
}

func (l *inside) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// Close does nothing: kfake closes the listener of a node that it takes out of
// its list, and this one serves on.
func (l *inside) Close() error   { return nil }
func (l *inside) Addr() net.Addr { return advertised("127.0.0.1:0") }

// shut ends the listener.
func (l *inside) shut() { close(l.done) }

func (l *inside) dial() (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case l.conns <- theirs:
		return ours, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// exchange sends the frame of a request to the controller and returns the frame
// of its answer.
func (l *inside) exchange(frame []byte) ([]byte, error) {
	c, err := l.dial()
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if _, err := c.Write(frame); err != nil {
		return nil, fmt.Errorf("ask the controller: %w", err)
	}
	var size [4]byte
	if _, err := io.ReadFull(c, size[:]); err != nil {
		return nil, fmt.Errorf("answer of the controller: %w", err)
	}
	answer := make([]byte, 4+binary.BigEndian.Uint32(size[:])) // kfake's own number
	copy(answer, size[:])
	if _, err := io.ReadFull(c, answer[4:]); err != nil {
		return nil, fmt.Errorf("answer of the controller: %w", err)
	}
	return answer, nil
}

// ask sends a request in one version.
func (l *inside) ask(req kmsg.Request, version int16) (kmsg.Response, error) {
	req.SetVersion(version)
	answer, err := l.exchange(kmsg.NewRequestFormatter().AppendRequest(nil, req, 0))
	if err != nil {
		return nil, err
	}
	resp := req.ResponseKind()
	head := headOf(resp)
	if len(answer) < head {
		return nil, errors.New("answer of the controller: too short")
	}
	if err := resp.ReadFrom(answer[head:]); err != nil {
		return nil, fmt.Errorf("answer of the controller: %w", err)
	}
	return resp, nil
}

// topics asks for all topics with their partitions and leaders.
func (l *inside) topics() ([]kmsg.MetadataResponseTopic, error) {
	resp, err := l.ask(kmsg.NewPtrMetadataRequest(), 8)
	if err != nil {
		return nil, err
	}
	return resp.(*kmsg.MetadataResponse).Topics, nil
}
