package filesystem

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"net"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/colinmarc/hdfs/v2"
	"github.com/colinmarc/hdfs/v2/hadoopconf"

	"github.com/logpipe/logpipe/pkg/fault"
)

// HDFS is a cluster by its own protocol. It connects with the first call.
//
// A file that somebody writes has a lease, which its client renews. When the
// client is gone, others may take the file over after a minute. So each client
// here is given up with the first file that fails: the next files get a new
// one, and the lease of the failed file ends.
type HDFS struct {
	options hdfs.ClientOptions
	timeout time.Duration // of one step on a connection

	mu   sync.Mutex
	now  *session   // for new files; nil until it is needed
	open []*session // with clients that are not closed
}

// session is one client and its open files.
type session struct {
	client *hdfs.Client

	mu      sync.Mutex // held while the client may connect to a datanode
	writing *hdfsFile  // for whom it connects; nil for a reader

	namenode namenode

	files   int  // that are open; under HDFS.mu
	retired bool // no new file gets it
}

// newHDFS makes the file system of a root such as hdfs://namenode:8020. A name
// without a port is looked up in the settings of Hadoop, where it may stand for
// several namenodes.
func newHDFS(authority string, c Config, conf hadoopconf.HadoopConf) (*HDFS, error) {
	h := &HDFS{options: hdfs.ClientOptionsFromConf(conf), timeout: c.timeout()}
	h.options.KerberosClient = nil
	if conf["hadoop.security.authentication"] == "kerberos" {
		return nil, fault.Hint(errors.New("the settings of Hadoop ask for Kerberos, which is not supported"),
			"write through a gateway without Kerberos, such as HttpFS by webhdfs://")
	}
	switch {
	case authority == "":
		if len(h.options.Addresses) == 0 {
			return nil, fault.Hint(errors.New("hdfs:// names no namenode, and no settings of Hadoop do"),
				"write hdfs://namenode:8020/…, or set HADOOP_CONF_DIR")
		}
	case conf["dfs.ha.namenodes."+authority] != "":
		h.options.Addresses = nil
		for id := range strings.SplitSeq(conf["dfs.ha.namenodes."+authority], ",") {
			h.options.Addresses = append(h.options.Addresses, conf["dfs.namenode.rpc-address."+authority+"."+strings.TrimSpace(id)])
		}
	default:
		if _, _, err := net.SplitHostPort(authority); err != nil {
			authority = net.JoinHostPort(authority, "8020")
		}
		h.options.Addresses = []string{authority}
	}
	h.options.User = c.user()
	return h, nil
}

// session returns the client for new files, for a call that ends with ctx, and
// what to call when it has ended.
func (h *HDFS) session(ctx context.Context) (s *session, done func(), err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if ctx.Err() != nil {
		return nil, nil, context.Cause(ctx)
	}
	if h.now != nil {
		return h.now, h.now.namenode.until(ctx), nil
	}
	s = &session{namenode: namenode{timeout: h.timeout}}
	done = s.namenode.until(ctx)
	if err := h.connect(s); err != nil {
		done()
		return nil, nil, err
	}
	h.now, h.open = s, append(h.open, s)
	return s, done, nil
}

// connect makes the client of a session.
func (h *HDFS) connect(s *session) error {
	options := h.options
	dialer := net.Dialer{Timeout: h.timeout}
	options.NamenodeDialFunc = s.namenode.dial
	options.DatanodeDialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		if s.writing != nil {
			return s.writing.dial(dialer, network, address)
		}
		return dialer.DialContext(ctx, network, address)
	}
	client, err := hdfs.NewClient(options)
	if err != nil {
		return fault.Unreachablef("connect to HDFS at %s: %w", strings.Join(options.Addresses, ", "), err)
	}
	s.client = client
	return nil
}

// retire keeps a session from getting new files.
func (h *HDFS) retire(s *session) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s.retired = true
	if h.now == s {
		h.now = nil
	}
}

// release gives back a file of a session.
func (h *HDFS) release(s *session) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	s.files--
	at := slices.Index(h.open, s)
	if !s.retired || s.files > 0 || at < 0 {
		return nil
	}
	h.open = slices.Delete(h.open, at, at+1)
	return s.client.Close()
}

// Home is the folder of relative paths.
func (h *HDFS) Home() string { return "/user/" + h.options.User }

// Create makes a file with the defaults of the cluster.
func (h *HDFS) Create(ctx context.Context, name string) (File, error) {
	s, done, err := h.session(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	w, err := s.client.Create(name)
	if errors.Is(err, fs.ErrNotExist) { // its folder
		if err = s.client.MkdirAll(path.Dir(name), 0o755); err == nil {
			w, err = s.client.Create(name)
		}
	}
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	s.files++
	h.mu.Unlock()
	return &hdfsFile{h: h, s: s, w: w}, nil
}

// Rename gives a file another name. The client library would write over a file
// of that name, so it is looked for.
func (h *HDFS) Rename(ctx context.Context, from, to string) error {
	s, done, err := h.session(ctx)
	if err != nil {
		return err
	}
	defer done()
	if _, err := s.client.Stat(from); err != nil {
		return err
	}
	if _, err := s.client.Stat(to); err == nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: fs.ErrExist}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return s.client.Rename(from, to)
}

// List lists a folder.
func (h *HDFS) List(ctx context.Context, folder string) ([]Entry, error) {
	s, done, err := h.session(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	list, err := s.client.ReadDir(folder)
	entries := make([]Entry, 0, len(list))
	for _, info := range list {
		entries = append(entries, Entry{info.Name(), info.IsDir(), info.ModTime()})
	}
	return entries, err
}

// Adopt takes over a file by truncating it: the namenode refuses that as long as
// the lease of its writer is younger than a minute, and ends the lease then.
func (h *HDFS) Adopt(ctx context.Context, name string, keep func(io.ReaderAt, int64) (int64, error)) (int64, error) {
	s, done, err := h.session(ctx)
	if err != nil {
		return 0, err
	}
	defer done()
	// A length that no file has: of a closed file it is refused as wrong.
	if _, err := s.client.Truncate(name, math.MaxInt64); !errors.Is(err, os.ErrInvalid) {
		return 0, busy(err)
	}
	s.mu.Lock()
	size, length, err := h.measure(s, name, keep)
	s.mu.Unlock()
	if err != nil || size == length {
		return size, err
	}
	cut, err := s.client.Truncate(name, size)
	if err == nil && !cut {
		err = ErrBusy // until the last block is cut
	}
	return size, busy(err)
}

func (h *HDFS) measure(s *session, name string, keep func(io.ReaderAt, int64) (int64, error)) (size, length int64, err error) {
	r, err := s.client.Open(name)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	length = r.Stat().Size()
	size, err = keep(r, length)
	return size, length, err
}

// busy tells that a file has a writer.
func busy(err error) error {
	var remote hdfs.Error
	if errors.As(err, &remote) {
		for _, class := range []string{"AlreadyBeingCreatedException", "RecoveryInProgressException"} {
			if strings.Contains(remote.Exception(), class) {
				return fmt.Errorf("%w (%s)", ErrBusy, firstLine(remote.Message()))
			}
		}
	}
	return err
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

// Remove removes a file.
func (h *HDFS) Remove(ctx context.Context, name string) error {
	s, done, err := h.session(ctx)
	if err != nil {
		return err
	}
	defer done()
	return s.client.Remove(name)
}

// Close ends all connections; files that are open lose their leases in time.
func (h *HDFS) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all error
	for _, s := range h.open {
		s.retired = true
		all = errors.Join(all, s.client.Close())
	}
	h.now, h.open = nil, nil
	return all
}

// hdfsFile is a file that is written.
type hdfsFile struct {
	h   *HDFS
	s   *session
	w   *hdfs.FileWriter
	ctx context.Context // of the step
	// conn leads to the datanode of the block that is written; nil before the first
	// byte. It changes in a step, under connecting.
	conn       *ackedConn
	connecting sync.Mutex
	// failed says that a write went wrong. The file must not be closed then: the
	// namenode would wait for ever for a block that no datanode has. When its
	// lease has ended, the namenode finds out what there is.
	failed bool
	done   bool
}

// step runs a call that may connect to a datanode, within a time and as long as
// ctx goes on.
func (f *hdfsFile) step(ctx context.Context, call func() error) error {
	f.s.mu.Lock()
	defer f.s.mu.Unlock()
	f.s.writing, f.ctx = f, ctx
	defer func() { f.s.writing = nil }()
	if err := f.w.SetDeadline(time.Now().Add(f.h.timeout)); err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { f.hangUp(context.Cause(ctx)) })()
	err := context.Cause(ctx)
	if err == nil {
		err = call()
	}
	if err != nil {
		if why := context.Cause(ctx); why != nil {
			err = why
		}
		if !hdfs.IsErrReplicating(err) {
			f.failed = true
			f.h.retire(f.s)
		}
		return err
	}
	return f.w.SetDeadline(time.Time{})
}

// dial connects to the first datanode of a block.
func (f *hdfsFile) dial(dialer net.Dialer, network, address string) (net.Conn, error) {
	c, err := dialer.DialContext(f.ctx, network, address)
	if err != nil {
		return nil, err
	}
	f.connecting.Lock()
	defer f.connecting.Unlock()
	if f.ctx.Err() != nil {
		c.Close()
		return nil, context.Cause(f.ctx)
	}
	f.conn = newAckedConn(c)
	return f.conn, nil
}

// hangUp ends the call that waits for a datanode, or for the namenode. The client
// sets its own times on the connections, and knows no other end.
func (f *hdfsFile) hangUp(why error) {
	f.connecting.Lock()
	defer f.connecting.Unlock()
	if f.conn != nil {
		f.conn.Close()
	}
	f.s.namenode.endWaiting(why)
}

func (f *hdfsFile) Write(ctx context.Context, p []byte) (n int, err error) {
	err = f.step(ctx, func() error { n, err = f.w.Write(p); return err })
	return n, err
}

// Sync waits until all datanodes of the block have acknowledged.
func (f *hdfsFile) Sync(ctx context.Context) error {
	return f.step(ctx, func() error {
		if err := f.w.Flush(); err != nil || f.conn == nil {
			return err
		}
		timer := time.NewTimer(f.h.timeout)
		defer timer.Stop()
		return f.conn.wait(ctx.Done(), timer.C)
	})
}

func (f *hdfsFile) Undo(int64) error { return ErrNoUndo }

// Close ends the file. The namenode may ask for patience until the datanodes
// have told it of the last block.
func (f *hdfsFile) Close(ctx context.Context) error {
	if f.done {
		return nil
	}
	var err error
	for pause := 10 * time.Millisecond; !f.failed; pause *= 2 {
		err = f.step(ctx, f.w.Close)
		if err == nil || !hdfs.IsErrReplicating(err) {
			break
		}
		timer := time.NewTimer(min(pause, time.Second))
		select {
		case <-timer.C:
			continue
		case <-ctx.Done():
			timer.Stop()
			f.failed = true
			f.h.retire(f.s)
		}
	}
	f.done = true // a second try would not do better: the lease has to end
	if f.failed && f.conn != nil {
		f.conn.Close() // of what has failed already
	}
	return errors.Join(err, f.h.release(f.s))
}
