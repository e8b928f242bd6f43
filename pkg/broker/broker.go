// Package broker is a Kafka broker inside this process, for one machine and
// for CI: it wraps the broker of franz-go's kfake with its disk mode and closes
// the gaps that a user would meet. Topics that clients create by asking for
// them survive a crash, Java clients can create and describe topics, retention
// and compaction run, and bytes that are not Kafka requests close a connection
// instead of ending the process. Logins by SASL are handled here, not by kfake, so
// that librdkafka can, and that a refusal says why.
//
// Several nodes are several addresses of one shared log: they let a client
// practise with leaders, and with elections where one is stopped, by this
// process or by another one of its user (Control); they give no fault tolerance.
//
// The protocol is https://kafka.apache.org/protocol; the facts about kfake are
// in its package documentation and source.
package broker

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
)

// DefaultListen is the address of a broker that was not told another.
const DefaultListen = "127.0.0.1:9092"

// Config says where a broker listens and where its records lie.
type Config struct {
	Listen    string        // host:port of the first node, the others take the ports after it; port 0 = any free port; "" = DefaultListen
	Advertise string        // host that clients are told to connect to; "" = the host of Listen, or this machine's name where that is a wildcard
	Dir       string        // folder of the log; "" = a temporary one that Close removes
	Nodes     int           // addresses to serve, all on one log; 0 = 1
	Sync      bool          // fsync every batch: records then survive the machine, not only the process
	Cleanup   time.Duration // pause between two runs of retention and compaction; 0 = DefaultCleanup
	Login     *Login        // who may connect; nil = everybody
	TLS       *tls.Config   // with the certificate to show; nil = plaintext
	Control   bool          // let other processes of this user stop and start nodes, by Control
	Logger    *slog.Logger  // what the broker does, at debug level; nil = nowhere

	// Temporary is told how to remove the temporary folder as soon as there is one, for
	// a process that ends before Start has returned; may be nil.
	Temporary func(remove func())
}

// Broker is a running broker.
type Broker struct {
	log     *slog.Logger
	cluster *kfake.Cluster
	inside  *inside // way to the controller
	login   *Login
	tls     *tls.Config
	control io.Closer // nil = not asked for
	dir     string
	temp    bool
	sync    bool // what is written is to be on the disk
	lock    io.Closer
	ready   chan struct{} // closed when cluster is set
	stop    chan struct{} // closed by Close, ends upkeep
	upkeep  sync.WaitGroup

	election sync.Mutex // held while nodes come and go
	nodes    []*node    // by their number; the list never changes
	opening  int        // the node that is about to listen

	mu     sync.RWMutex // held for reading around every call into cluster
	closed bool

	failure   failure
	decisions *decisions

	once     sync.Once
	closeErr error
}

// Start listens and serves until Close, or until ctx ends. A taken port and a
// folder that another process uses are errors that name the holder and the flag
// to change.
func Start(ctx context.Context, cfg Config) (*Broker, error) {
	host, ports, err := cfg.addresses()
	if err != nil {
		return nil, err
	}
	if err := cfg.Login.check(); err != nil {
		return nil, err
	}
	b := &Broker{log: cfg.Logger, login: cfg.Login, tls: cfg.TLS, sync: cfg.Sync, inside: newInside(), ready: make(chan struct{}), stop: make(chan struct{}),
		failure: failure{failed: make(chan struct{})}}
	if b.log == nil {
		b.log = slog.New(slog.DiscardHandler)
	}
	if err := b.openDir(cfg.Dir); err != nil {
		return nil, err
	}
	if b.temp && cfg.Temporary != nil {
		cfg.Temporary(b.removeTemp)
	}
	if err := b.serve(cfg, host, ports); err != nil {
		return nil, errors.Join(err, b.closeDir())
	}
	b.upkeep.Add(1)
	go b.housekeep(cfg.Cleanup)
	if cfg.Control {
		if err := b.openControl(); err != nil {
			b.log.Warn("other terminals cannot stop and start nodes of this broker", "error", err)
		}
	}
	context.AfterFunc(ctx, func() {
		if err := b.Close(); err != nil {
			b.log.Warn("close broker", "error", err)
		}
	})
	return b, nil
}

// Addr lists the addresses of the nodes, as clients take them for bootstrap.
func (b *Broker) Addr() []string {
	var list []string
	for _, n := range b.nodes {
		list = append(list, n.addr)
	}
	return list
}

// Dir is the folder of the log.
func (b *Broker) Dir() string { return b.dir }

// Close stops serving, writes what a clean restart needs, and removes the
// folder where it was temporary. Later calls wait for the first.
func (b *Broker) Close() error {
	b.once.Do(func() {
		if b.control != nil {
			b.closeErr = b.control.Close()
		}
		close(b.stop)
		if b.failure.close() != nil {
			b.closeErr = errors.Join(b.closeErr, b.closeFailed())
			return
		}
		b.upkeep.Wait()
		topics, err := b.inside.topics()
		if err == nil {
			err = b.keepEnds(topics)
		}
		b.election.Lock()
		b.mu.Lock()
		b.closed = true
		b.mu.Unlock()
		b.election.Unlock()
		b.cluster.Close()
		b.inside.shut()
		err = errors.Join(err, b.decisions.close(), b.failure.get())
		if !b.temp && err == nil {
			err = markClean(b.dir)
		}
		b.closeErr = errors.Join(b.closeErr, err, b.closeDir())
	})
	return b.closeErr
}

func (b *Broker) isClosed() bool {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.closed
}

func (cfg Config) addresses() (host string, ports []string, err error) {
	listen := cfg.Listen
	if listen == "" {
		listen = DefaultListen
	}
	host, text, err := net.SplitHostPort(listen)
	if err != nil {
		return "", nil, fault.Hint(fault.Usagef("address %q: %w", listen, err), "--listen takes host:port, such as %s", DefaultListen)
	}
	if strings.Contains(cfg.Advertise, ":") && net.ParseIP(cfg.Advertise) == nil {
		return "", nil, fault.Hint(fault.Usagef("advertise %q: want a host without a port", cfg.Advertise), "clients are told the port of --listen; a node more is on the next one")
	}
	first, err := strconv.Atoi(text)
	nodes := max(cfg.Nodes, 1)
	if err != nil || first < 0 || first+nodes-1 > 65535 {
		return "", nil, fault.Hint(fault.Usagef("address %q: port %q is not between 0 and 65535", listen, text), "--listen takes host:port, such as %s", DefaultListen)
	}
	for i := range nodes {
		port := 0
		if first > 0 {
			port = first + i
		}
		ports = append(ports, strconv.Itoa(port))
	}
	return host, ports, nil
}

// openDir makes the folder and takes its lock, so that two brokers never write
// one log.
func (b *Broker) openDir(dir string) error {
	if dir == "" {
		var err error
		if dir, err = b.openTemp(); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return fault.Hint(fmt.Errorf("folder of the broker: %w", err), "--dir names another folder")
	}
	if err := isForLog(dir); err != nil {
		return err
	}
	b.dir = dir
	lock, err := lockDir(filepath.Join(dir, lockName))
	if err == nil {
		b.lock = lock
		return nil
	}
	if b.temp {
		err = errors.Join(err, os.RemoveAll(dir))
	}
	var held heldError
	if errors.As(err, &held) {
		return fault.Hint(fmt.Errorf("folder %s is in use by another broker%s", dir, byProcess(held.pid)),
			"--dir names another folder; stop the other broker to use this one")
	}
	return fault.Hint(fmt.Errorf("lock folder %s: %w", dir, err), "--dir names another folder")
}

// isForLog refuses a folder that holds something else than a broker's log.
func isForLog(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fault.Hint(fmt.Errorf("folder of the broker: %w", err), "--dir names another folder")
	}
	other := ""
	for _, e := range entries {
		switch name := e.Name(); {
		case name == lockName || name == "meta.json":
			return nil
		case name == "lost+found" || strings.HasPrefix(name, "."):
		case other == "":
			other = name
		}
	}
	if other == "" {
		return nil
	}
	return fault.Hint(fault.Usagef("folder %s holds other files, such as %s", dir, other), "--dir names a new or an empty folder, or one of a broker")
}

func (b *Broker) closeDir() error {
	var err error
	if b.lock != nil {
		err = b.lock.Close()
		b.lock = nil
	}
	if b.temp {
		err = errors.Join(err, os.RemoveAll(b.dir))
	}
	return err
}

func (b *Broker) serve(cfg Config, host string, ports []string) error {
	if err := recoverDir(b.dir); err != nil {
		return b.startError(err)
	}
	for i, port := range ports {
		b.nodes = append(b.nodes, &node{id: int32(i), port: port, conns: map[*guard]struct{}{}})
	}
	opts := []kfake.Opt{
		kfake.NumBrokers(len(ports) + 1), // the last one is the controller
		kfake.ListenFn(b.listen(host, cfg.Advertise)),
		kfake.DataDir(b.dir),
		kfake.WithLogger(logger{b.log, b.fail}),
		kfake.ClusterID("logpipe"),
		kfake.DefaultNumPartitions(1),
		kfake.BrokerConfigs(map[string]string{
			"group.min.session.timeout.ms": "100", // a member that is killed is soon missed
			"log.cleaner.backoff.ms":       noTicker,
		}),
		kfake.MaxVersions(versions()),
	}
	if cfg.Sync {
		opts = append(opts, kfake.SyncWrites())
	}
	var cluster *kfake.Cluster
	err := b.unlessFailed(func() (err error) {
		cluster, err = kfake.NewCluster(opts...) // ends the transactions whose time is over
		return err
	})
	if failed := b.failure.get(); failed != nil {
		b.shutFailed()
		return b.startError(failed)
	}
	if err != nil {
		b.inside.shut()
		if fault.HintOf(err) != "" { // from listen: says it all
			return err
		}
		return b.startError(err)
	}
	return b.prepare(cluster)
}

// prepare makes of kfake, which runs, what clients are to see.
func (b *Broker) prepare(cluster *kfake.Cluster) error {
	b.cluster = cluster
	mend(cluster)
	mendKey(cluster, keyDeleteRecords, b.keepEndsDeleted)
	mendKey(cluster, keyDeleteGroups, b.keepDeletedGroups)
	err := b.openDecisions()
	if err == nil {
		err = b.unlessFailed(b.hideController)
	}
	if failed := b.failure.get(); failed != nil { // it cannot be closed
		b.shutFailed()
		return b.startError(failed)
	}
	if err != nil {
		cluster.Close()
		b.inside.shut()
		return b.startError(err)
	}
	close(b.ready)
	return nil
}

// hideController takes the controller out of the list of nodes that clients see;
// kfake goes on using it. Partitions keep the leaders that they had.
func (b *Broker) hideController() error {
	before, err := b.leaders()
	if err != nil {
		return err
	}
	for p, leader := range before {
		if int(leader) >= len(b.nodes) { // of a log with more nodes
			delete(before, p)
		}
	}
	return b.elect(before, func() error { return b.cluster.RemoveNode(int32(len(b.nodes))) })
}

// createTopic makes a topic that a client asked for in a metadata request. It
// goes the way of a CreateTopics request because only that is written to disk.
func (b *Broker) createTopic(name string) {
	<-b.ready
	b.mu.RLock()
	defer b.mu.RUnlock()
	if b.closed {
		return
	}
	err := b.cluster.CreateTopic(name, 0, nil)
	if err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
		b.log.Debug("create topic on demand", "topic", name, "error", err)
	}
}

func byProcess(pid int) string {
	if pid == 0 {
		return ""
	}
	return fmt.Sprintf(" (process %d)", pid)
}
