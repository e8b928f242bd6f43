// Package broker is a Kafka broker inside this process, for one machine and
// for CI: it wraps the broker of franz-go's kfake with its disk mode and closes
// the gaps that a user would meet. Topics that clients create by asking for
// them survive a crash, Java clients can create and describe topics, retention
// and compaction run, and bytes that are not Kafka requests close a connection
// instead of ending the process.
//
// Several nodes are several addresses of one shared log: they let a client
// practise with leaders, and give no fault tolerance.
//
// The protocol is https://kafka.apache.org/protocol; the facts about kfake are
// in its package documentation and source.
package broker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kversion"
)

// DefaultListen is the address of a broker that was not told another.
const DefaultListen = "127.0.0.1:9092"

// Request keys whose versions the wrapper limits.
const (
	keyMetadata                = 3
	keyCreateTopics            = 19
	keyDescribeTopicPartitions = 75
)

// Config says where a broker listens and where its records lie.
type Config struct {
	Listen    string        // host:port of the first node, the others take the ports after it; port 0 = any free port; "" = DefaultListen
	Advertise string        // host that clients are told to connect to; "" = the host of Listen, or this machine's name where that is a wildcard
	Dir       string        // folder of the log; "" = a temporary one that Close removes
	Nodes     int           // addresses to serve, all on one log; 0 = 1
	Sync      bool          // fsync every batch: records then survive the machine, not only the process
	Retention time.Duration // pause between two runs of retention and compaction; 0 = 5 minutes
	Logger    *slog.Logger  // what the broker does, at debug level; nil = nowhere
}

// Broker is a running broker.
type Broker struct {
	log     *slog.Logger
	cluster *kfake.Cluster
	addrs   []string
	dir     string
	temp    bool
	lock    io.Closer
	ready   chan struct{} // closed when cluster is set
	stop    chan struct{} // closed by Close, ends upkeep
	upkeep  sync.WaitGroup

	mu     sync.RWMutex // held for reading around every call into cluster
	closed bool

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
	b := &Broker{log: cfg.Logger, ready: make(chan struct{}), stop: make(chan struct{})}
	if b.log == nil {
		b.log = slog.New(slog.DiscardHandler)
	}
	if err := b.openDir(cfg.Dir); err != nil {
		return nil, err
	}
	if err := b.serve(cfg, host, ports); err != nil {
		return nil, errors.Join(err, b.closeDir())
	}
	b.upkeep.Add(1)
	go b.housekeep(cfg.Retention)
	context.AfterFunc(ctx, func() {
		if err := b.Close(); err != nil {
			b.log.Warn("close broker", "error", err)
		}
	})
	return b, nil
}

// Addr lists the addresses of the nodes, as clients take them for bootstrap.
func (b *Broker) Addr() []string { return append([]string(nil), b.addrs...) }

// Dir is the folder of the log.
func (b *Broker) Dir() string { return b.dir }

// Close stops serving, writes what a clean restart needs, and removes the
// folder where it was temporary. Later calls wait for the first.
func (b *Broker) Close() error {
	b.once.Do(func() {
		b.mu.Lock()
		b.closed = true
		b.mu.Unlock()
		close(b.stop)
		b.upkeep.Wait()
		b.cluster.Close()
		b.closeErr = b.closeDir()
	})
	return b.closeErr
}

func (cfg Config) addresses() (host string, ports []int, err error) {
	listen := cfg.Listen
	if listen == "" {
		listen = DefaultListen
	}
	host, text, err := net.SplitHostPort(listen)
	if err != nil {
		return "", nil, fault.Hint(fault.Usagef("address %q: %w", listen, err), "--listen takes host:port, such as %s", DefaultListen)
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
		ports = append(ports, port)
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

func (b *Broker) serve(cfg Config, host string, ports []int) error {
	opts := []kfake.Opt{
		kfake.Ports(ports...),
		kfake.ListenFn(b.listener(host, cfg.Advertise)),
		kfake.DataDir(b.dir),
		kfake.WithLogger(logger{b.log}),
		kfake.ClusterID("logpipe"),
		kfake.DefaultNumPartitions(1),
		kfake.BrokerConfigs(map[string]string{"group.min.session.timeout.ms": "100"}), // a member that is killed is soon missed
		kfake.MaxVersions(versions()),
	}
	if cfg.Sync {
		opts = append(opts, kfake.SyncWrites())
	}
	cluster, err := kfake.NewCluster(opts...)
	if err != nil {
		if fault.HintOf(err) != "" { // from listener: says it all
			return err
		}
		return fmt.Errorf("start broker in %s: %w", b.dir, err)
	}
	b.cluster, b.addrs = cluster, cluster.ListenAddrs()
	close(b.ready)
	return nil
}

// versions are those of the newest Kafka, less what makes Java clients fail:
// kfake's answers to CreateTopics from version 5 on leave out the configuration
// that the client reads without a check, and so do its DescribeTopicPartitions.
func versions() *kversion.Versions {
	v := kversion.Stable()
	v.SetMaxKeyVersion(keyCreateTopics, 4)
	v.SetMaxKeyVersion(keyDescribeTopicPartitions, -1)
	return v
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

// housekeep applies retention and compaction. kfake by itself does so only for
// topics that were created or changed since it started.
func (b *Broker) housekeep(every time.Duration) {
	defer b.upkeep.Done()
	if every <= 0 {
		every = 5 * time.Minute
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-b.stop:
			return
		case <-tick.C:
			b.cluster.Compact()
		}
	}
}

// logger hands kfake's lines to slog, all at debug level: they tell about the
// broker's inside, and a client hears of its own mistakes in the answer.
type logger struct{ log *slog.Logger }

func (l logger) Logf(level kfake.LogLevel, format string, args ...any) {
	if l.log.Enabled(context.Background(), slog.LevelDebug) {
		l.log.Debug(fmt.Sprintf(format, args...), "broker", level.String())
	}
}

func byProcess(pid int) string {
	if pid == 0 {
		return ""
	}
	return fmt.Sprintf(" (process %d)", pid)
}
