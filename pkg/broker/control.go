package broker

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
)

// A running broker is told to stop and start nodes by a socket in a folder of
// its user, which nobody else may enter; not by its port, where anybody may
// connect. A request is a line of JSON, and so is the answer.
const (
	controlPrefix  = "logpipe-control-"
	controlSuffix  = ".sock"
	controlTimeout = 20 * time.Second // an election of many partitions
	maxControl     = 1 << 20          // bytes of a line
)

// controlDir is the folder of the sockets of this user's brokers.
func controlDir() string {
	return filepath.Join(os.TempDir(), controlPrefix+fmt.Sprint(os.Geteuid()))
}

// order is a request to a running broker.
type order struct {
	Do   string `json:"do"` // list, stop or start
	Node int32  `json:"node,omitempty"`
}

// report is the answer.
type report struct {
	Nodes []Node     `json:"nodes,omitempty"`
	Moved int        `json:"moved"`
	Error string     `json:"error,omitempty"`
	Hint  string     `json:"hint,omitempty"`
	Code  fault.Code `json:"code,omitempty"`
}

// err is the error of the other side, as it would have been here.
func (r report) err() error {
	if r.Error == "" {
		return nil
	}
	err := fault.With(r.Code, errors.New(r.Error))
	if r.Hint != "" {
		err = fault.Hint(err, "%s", r.Hint)
	}
	return err
}

// socket is where a broker takes orders.
type socket struct {
	net.Listener
	dir string
}

// Close ends it, and removes the folder with the last of its sockets.
func (s socket) Close() error {
	err := s.Listener.Close()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	os.Remove(s.dir) // fails while another broker's is there
	return err
}

// openControl begins to take orders.
func (b *Broker) openControl() error {
	dir := controlDir()
	var s socket
	for again := 0; ; again++ {
		if err := privateDir(dir); err != nil {
			return err
		}
		l, err := net.Listen("unix", filepath.Join(dir, fmt.Sprintf("%d-%s%s", os.Getpid(), rand.Text()[:8], controlSuffix)))
		if err == nil {
			s = socket{l, dir}
			break
		}
		if _, gone := os.Stat(dir); gone == nil || again == 10 { // another broker may have taken the folder away
			return err
		}
	}
	b.control = s
	go func() {
		for {
			c, err := s.Accept()
			if err != nil {
				return
			}
			go b.obey(c)
		}
	}()
	return nil
}

// privateDir makes a folder that only this user may enter, or tells why the one
// that is there is none.
func privateDir(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return isPrivate(dir)
}

func isPrivate(dir string) error {
	info, err := os.Lstat(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil // taken away by another broker; the next step will see
	case err != nil:
		return err
	case !info.IsDir() || !isOurs(info) || runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0:
		return fmt.Errorf("%s is not a folder of this user alone", dir)
	}
	return nil
}

// obey carries out the order of a connection.
func (b *Broker) obey(c net.Conn) {
	defer c.Close()
	c.SetDeadline(time.Now().Add(controlTimeout))
	line, err := bufio.NewReader(io.LimitReader(c, maxControl)).ReadBytes('\n')
	if err != nil {
		return
	}
	var r report
	var o order
	if err = json.Unmarshal(line, &o); err == nil {
		switch o.Do {
		case "stop":
			r.Moved, err = b.StopNode(o.Node)
		case "start":
			r.Moved, err = b.StartNode(o.Node)
		case "list":
		default:
			err = fmt.Errorf("unknown order %q", o.Do)
		}
	}
	if err == nil {
		r.Nodes, err = b.Nodes()
	}
	if err != nil {
		r.Error, r.Hint, r.Code = err.Error(), fault.HintOf(err), fault.CodeOf(err)
	}
	// A client that has left wants no answer.
	_ = json.NewEncoder(c).Encode(r)
}

// Control is the way to a broker that runs in another process of this user.
type Control struct{ path string }

// Find looks for the broker that has one of the addresses, of a node that runs
// or of one that was stopped. Where there is none, its error tells a port at
// which nothing answers from one that is somebody else's.
func Find(ctx context.Context, addrs []string) (*Control, error) {
	dir := controlDir()
	found, err := filepath.Glob(filepath.Join(escapeGlob(dir), "*"+controlSuffix))
	if err != nil {
		return nil, err
	}
	if err := isPrivate(dir); err != nil {
		return nil, err
	}
	for _, path := range found {
		c := &Control{path}
		nodes, err := c.Nodes(ctx)
		if errors.Is(err, syscall.ECONNREFUSED) {
			os.Remove(path) // of a process that was killed
			continue
		}
		for _, n := range nodes {
			for _, addr := range addrs {
				if err == nil && sameAddr(n.Addr, addr) {
					return c, nil
				}
			}
		}
	}
	return nil, notFound(ctx, addrs)
}

// sameAddr tells whether the address that somebody typed is the one that a node
// tells its clients.
func sameAddr(told, typed string) bool {
	if told == typed {
		return true
	}
	_, toldPort, err := net.SplitHostPort(told)
	host, port, err2 := net.SplitHostPort(typed)
	if err != nil || err2 != nil || port != toldPort {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func notFound(ctx context.Context, addrs []string) error {
	list := strings.Join(addrs, ",")
	for _, addr := range addrs {
		d := net.Dialer{Timeout: time.Second}
		if c, err := d.DialContext(ctx, "tcp", addr); err == nil {
			c.Close()
			return fault.Hint(fmt.Errorf("what answers at %s is not a `logpipe broker` that this user started on this machine", list),
				"nodes of other brokers are stopped by ending their processes")
		}
	}
	return fault.Hint(fault.Unreachablef("no broker runs at %s", list), "logpipe broker --nodes 3 runs one; -b names its address")
}

// Nodes lists the nodes.
func (c *Control) Nodes(ctx context.Context) ([]Node, error) {
	r, err := c.send(ctx, order{Do: "list"})
	return r.Nodes, err
}

// Stop stops a node, as Broker.StopNode does.
func (c *Control) Stop(ctx context.Context, node int32) (moved int, err error) {
	r, err := c.send(ctx, order{Do: "stop", Node: node})
	return r.Moved, err
}

// Start starts a node, as Broker.StartNode does.
func (c *Control) Start(ctx context.Context, node int32) (moved int, err error) {
	r, err := c.send(ctx, order{Do: "start", Node: node})
	return r.Moved, err
}

func (c *Control) send(ctx context.Context, o order) (report, error) {
	ctx, cancel := context.WithTimeout(ctx, controlTimeout)
	defer cancel()
	var r report
	conn, err := new(net.Dialer).DialContext(ctx, "unix", c.path)
	if err != nil {
		return r, fmt.Errorf("broker: %w", err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })()
	if err := json.NewEncoder(conn).Encode(o); err != nil {
		return r, fmt.Errorf("broker: %w", err)
	}
	if err := json.NewDecoder(io.LimitReader(conn, maxControl)).Decode(&r); err != nil {
		return r, fmt.Errorf("answer of the broker: %w", err)
	}
	return r, r.err()
}
