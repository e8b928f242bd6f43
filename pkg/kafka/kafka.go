// Package kafka carries records to and from Kafka: a producer, a consumer with
// and without a group, topic administration, and the wording of what goes
// wrong. It is the only importer of IBM/sarama; none of its types leave the
// package, so that a hot path can move to lower-level requests unseen.
//
// Before the first contact with a server everything fails within a second (or
// Config.Wait); after it, retries outlast the election of a new leader.
//
// The protocol is https://kafka.apache.org/protocol.
package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"
	"github.com/logpipe/logpipe/pkg/fault"
)

// DefaultBroker is the address used where none was given.
const DefaultBroker = "127.0.0.1:9092"

// Config says which cluster to talk to, and how.
type Config struct {
	Brokers  []string      // host:port to start from; empty = DefaultBroker; a missing port is 9092
	ClientID string        // name in the brokers' logs; "" = logpipe
	Wait     time.Duration // how long to keep trying before the first contact; 0 = give up at once, within a second
	Logger   *slog.Logger  // what the client does, at debug level; nil = nowhere. The first one given serves the whole process
	Security Security      // TLS and SASL

	// ClientFile is a file with settings of Kafka's Java clients, or of librdkafka;
	// they count where the others say nothing.
	ClientFile string
}

// Header is one header of a record. Names may repeat.
type Header struct {
	Key   string
	Value []byte
}

// Record is a Kafka record. Its bytes must not be changed after it was sent or
// read.
type Record struct {
	Topic     string
	Partition int32  // when sent, -1 = chosen by key, or sticky without one
	Key       []byte // nil = none
	Value     []byte // nil = tombstone
	Headers   []Header
	Time      time.Time // zero when sent = now
	Offset    int64     // set when read, and when acknowledged; -1 = unknown
}

// How long retries last after the first contact: 20 x 250 ms for a question about
// the cluster, ProducerConfig.Timeout for a record, for ever for reading. With the
// library's own defaults half of the records were lost when a leader was killed.
const (
	retryPause      = 250 * time.Millisecond
	metadataRetries = 20
)

// conn is a client that has reached its cluster.
type conn struct {
	cfg      Config
	client   sarama.Client
	versions apiVersions // of the broker that was reached first
	decided  bool        // records of transactions that are open or aborted do not count
	closing  *atomic.Bool
	outage   *outage
	asking   asking
	replaced replaced
}

// logOnce guards the library's one logger.
var logOnce sync.Once

// connect makes the first contact and returns a client; change adjusts the
// library's settings before that.
func connect(ctx context.Context, cfg Config, change func(*sarama.Config)) (*conn, error) {
	cfg, err := cfg.completed()
	if err != nil {
		return nil, err
	}
	brokers, err := cfg.brokers()
	if err != nil {
		return nil, err
	}
	logOnce.Do(func() {
		if cfg.Logger != nil {
			sarama.Logger = libraryLog{cfg.Logger}
		}
	})
	way, err := cfg.Security.open()
	if err != nil {
		return nil, err
	}
	closing := new(atomic.Bool)
	gone := &outage{log: cfg.log(), brokers: brokers, way: way, how: "trying again until they do"}
	conf := baseConfig(cfg, closing, gone)
	way.apply(conf)
	if change != nil {
		change(conf)
	}
	if err := conf.Validate(); err != nil {
		return nil, fault.Usagef("kafka settings: %w", err)
	}
	asked, versions, err := reach(ctx, brokers, cfg.Wait, way)
	if err != nil {
		return nil, err
	}
	// Those that have not answered yet are among them: the one that has may be gone
	// before it has named the brokers of its cluster.
	client, err := sarama.NewClient(asked, conf)
	if refusesUser(err) {
		return nil, fmt.Errorf("the cluster %w", cfg.Security.refusedUser(err))
	}
	if err != nil {
		return nil, explain(err, "")
	}
	cfg.Brokers = brokers
	c := &conn{cfg: cfg, client: client, versions: versions, closing: closing, outage: gone}
	c.asking.heard(asked...)
	return c, nil
}

// union is first and what else more has.
func union(first, more []string) []string {
	list := slices.Clone(first)
	for _, s := range more {
		if !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	return list
}

// close ends the connections, and the pauses of the retries that are going on.
func (c *conn) close() error {
	c.closing.Store(true)
	c.asking.close()
	if c.client.Closed() {
		return nil
	}
	if err := c.client.Close(); err != nil && !errors.Is(err, sarama.ErrClosedClient) {
		return err
	}
	return nil
}

func (cfg Config) log() *slog.Logger {
	if cfg.Logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return cfg.Logger
}

// brokers completes and checks the addresses.
func (cfg Config) brokers() ([]string, error) {
	list := cfg.Brokers
	if len(list) == 0 {
		list = []string{DefaultBroker}
	}
	var out []string
	for _, a := range list {
		host, port, err := net.SplitHostPort(a)
		var addrErr *net.AddrError
		if errors.As(err, &addrErr) && addrErr.Err == "missing port in address" {
			host, port, err = a, "9092", nil
		}
		if n, convErr := strconv.ParseUint(port, 10, 16); err == nil && (convErr != nil || n == 0) {
			err = fmt.Errorf("port %q is not between 1 and 65535", port)
		}
		if err == nil && host == "" {
			err = errors.New("the host is missing")
		}
		if err != nil {
			return nil, fault.Hint(fault.Usagef("broker address %q: %w", a, err), "-b takes HOST:PORT,HOST:PORT, such as %s", DefaultBroker)
		}
		out = append(out, net.JoinHostPort(host, port))
	}
	return out, nil
}

// baseConfig is what all clients share. Once closing is set nothing pauses
// between retries any more, so that closing a client whose cluster is gone takes
// a moment and not minutes.
func baseConfig(cfg Config, closing *atomic.Bool, gone *outage) *sarama.Config {
	backoff := func() time.Duration {
		if closing.Load() {
			return 0
		}
		gone.failed(nil)
		return retryPause
	}
	c := sarama.NewConfig()
	c.ClientID = cfg.ClientID
	if c.ClientID == "" {
		c.ClientID = "logpipe"
	}
	// Versions are agreed with each broker; this is the highest to ask for.
	c.Version = sarama.V4_0_0_0
	c.MetricRegistry = noMetrics{}
	c.ChannelBufferSize = 4096
	c.Net.DialTimeout = 5 * time.Second
	c.Metadata.Full = false
	c.Metadata.AllowAutoTopicCreation = false
	c.Metadata.Retry.Max = metadataRetries
	c.Metadata.Retry.BackoffFunc = func(int, int) time.Duration { return backoff() }
	c.Producer.Retry.BackoffFunc = func(int, int) time.Duration { return backoff() }
	c.Consumer.Retry.BackoffFunc = func(int) time.Duration { return backoff() }
	c.Admin.Retry.Max = metadataRetries
	c.Admin.Retry.Backoff = retryPause
	c.Admin.Timeout = 15 * time.Second
	return c
}

// await runs a call of the library, which knows no contexts, and stops waiting
// for it when ctx ends. The call itself ends at its own timeouts.
func await[T any](ctx context.Context, call func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		v, err := call()
		done <- result{v, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		var zero T
		return zero, ctx.Err()
	}
}

// pause waits between two attempts.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// libraryLog hands the library's lines to slog.
type libraryLog struct{ log *slog.Logger }

func (l libraryLog) Print(v ...any)                 { l.log.Debug(trimLine(fmt.Sprint(v...))) }
func (l libraryLog) Printf(format string, v ...any) { l.log.Debug(trimLine(fmt.Sprintf(format, v...))) }
func (l libraryLog) Println(v ...any)               { l.log.Debug(trimLine(fmt.Sprintln(v...))) }

func trimLine(s string) string {
	for len(s) > 0 && s[len(s)-1] == '\n' {
		s = s[:len(s)-1]
	}
	return s
}
