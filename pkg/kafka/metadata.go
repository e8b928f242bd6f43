package kafka

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/IBM/sarama"
	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/option"
)

// autoCreateWait is how long a topic that a broker creates on demand may take
// to appear.
const autoCreateWait = 3 * time.Second

// metadata asks any broker about topics; none = all. create lets the broker
// make those that it does not know. The library's own call is not used because
// it takes an unknown topic for an election and retries for seconds.
func (c *conn) metadata(ctx context.Context, topics []string, create bool) (*sarama.MetadataResponse, error) {
	return retry(ctx, c, func() (*sarama.MetadataResponse, error) { return c.askMetadata(topics, create) })
}

// askMetadata is one try of that.
func (c *conn) askMetadata(topics []string, create bool) (*sarama.MetadataResponse, error) {
	req := sarama.NewMetadataRequest(c.client.Config().Version, topics)
	req.AllowAutoTopicCreation = create
	b := c.someBroker()
	if b == nil {
		return nil, sarama.ErrOutOfBrokers
	}
	resp, err := b.GetMetadata(req)
	if err != nil {
		c.leaveBroker(b)
		return nil, err
	}
	if len(resp.Brokers) == 0 { // it has just begun, and knows of nothing (KAFKA-7924)
		c.leaveBroker(b)
		return nil, sarama.ErrBrokerNotAvailable
	}
	for _, known := range resp.Brokers {
		c.asking.heard(known.Addr())
	}
	return resp, nil
}

// asking is the brokers that are asked about the cluster, each over a connection
// of its own. The library's choice may stay with one that is dead for as long as
// it is.
type asking struct {
	mu    sync.Mutex
	addrs []string // all that were ever heard of
	open  map[string]*sarama.Broker
	turn  int // which one is asked, until it does not answer
}

// someBroker is a broker that answers questions: the same one until leaveBroker
// says that it does not.
func (c *conn) someBroker() *sarama.Broker {
	a := &c.asking
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.addrs) == 0 || c.closing.Load() {
		return nil
	}
	return a.at(a.addrs[a.turn%len(a.addrs)], c.client.Config())
}

// brokerAt is the broker with an address; nil at the end of the connection.
func (c *conn) brokerAt(addr string) *sarama.Broker {
	a := &c.asking
	a.mu.Lock()
	defer a.mu.Unlock()
	if c.closing.Load() {
		return nil
	}
	return a.at(addr, c.client.Config())
}

// at is the broker with an address, opened. The caller holds the lock.
func (a *asking) at(addr string, conf *sarama.Config) *sarama.Broker {
	b := a.open[addr]
	if b == nil {
		b = sarama.NewBroker(addr)
		a.open[addr] = b
	}
	_ = b.Open(conf) // it is open already, or the question tells
	return b
}

// leaveBroker closes a broker that did not answer and goes on to the next.
func (c *conn) leaveBroker(b *sarama.Broker) {
	b.Close()
	a := &c.asking
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.open[b.Addr()] == b {
		delete(a.open, b.Addr())
		a.turn++
	}
}

// heard remembers brokers, to be asked when others do not answer.
func (a *asking) heard(brokers ...string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.open == nil {
		a.open = map[string]*sarama.Broker{}
	}
	for _, addr := range brokers {
		if !slices.Contains(a.addrs, addr) {
			a.addrs = append(a.addrs, addr)
		}
	}
}

// close ends the connections, without waiting for questions that are open.
func (a *asking) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for addr, b := range a.open {
		go b.Close()
		delete(a.open, addr)
	}
}

// retry repeats a call that fails for reasons of the connection or of an
// election until it has lasted an election's time.
func retry[T any](ctx context.Context, c *conn, call func() (T, error)) (T, error) {
	for left := metadataRetries; ; left-- {
		v, err := await(ctx, call)
		if err == nil || left == 0 || ctx.Err() != nil || !passing(err) {
			return v, err
		}
		c.outage.failed(err)
		if err := pause(ctx, retryPause); err != nil {
			return v, err
		}
	}
}

// patient is retry for as long as ctx allows, where that has an end: the coordinator of
// a group is away for longer than an election where its broker has died, until the
// cluster notices that.
func patient[T any](ctx context.Context, c *conn, call func() (T, error)) (T, error) {
	_, ends := ctx.Deadline()
	var reason error
	for {
		v, err := retry(ctx, c, call)
		if err != nil && ctx.Err() != nil && reason != nil {
			return v, reason
		}
		if err == nil || !ends || !passing(err) {
			return v, err
		}
		reason = err
	}
}

// electionPatience is how long the answer of one broker, a leader or a coordinator, is
// waited for: the cluster takes up to 9 s to find out that one has died.
const electionPatience = 30 * time.Second

// lasting is retry for so long that another broker takes the place of one that has died.
// What it fails with at the end of that time is why the last attempt failed.
func lasting[T any](ctx context.Context, c *conn, call func() (T, error)) (T, error) {
	within, cancel := context.WithTimeout(ctx, electionPatience)
	defer cancel()
	var mu sync.Mutex // an attempt that is given up goes on
	var reason error
	v, err := patient(within, c, func() (T, error) {
		v, err := call()
		if err != nil {
			mu.Lock()
			defer mu.Unlock()
			reason = err
		}
		return v, err
	})
	if within.Err() == nil || ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
		return v, err
	}
	mu.Lock()
	defer mu.Unlock()
	if reason == nil {
		reason = errNoAnswer(electionPatience)
	}
	return v, reason
}

// errNoAnswer says that no attempt of a question has ended.
func errNoAnswer(within time.Duration) error {
	return fault.Hint(fault.Unreachablef("no answer within %s", option.FormatDuration(within)), testHint)
}

// passing tells whether an error is one that an election or a restart of a
// broker causes, so that waiting helps.
func passing(err error) bool {
	var code sarama.KError
	if errors.As(err, &code) {
		return slices.Contains(passingCodes, code)
	}
	var network net.Error
	return errors.As(err, &network) || slices.ContainsFunc(passingErrors, func(e error) bool { return errors.Is(err, e) })
}

var passingCodes = []sarama.KError{
	sarama.ErrLeaderNotAvailable, sarama.ErrNotLeaderForPartition, sarama.ErrReplicaNotAvailable,
	sarama.ErrBrokerNotAvailable, sarama.ErrNetworkException, sarama.ErrRequestTimedOut,
	sarama.ErrOffsetsLoadInProgress, sarama.ErrConsumerCoordinatorNotAvailable,
	sarama.ErrNotCoordinatorForConsumer, sarama.ErrNotController, sarama.ErrKafkaStorageError,
	sarama.ErrFencedLeaderEpoch, sarama.ErrUnknownLeaderEpoch, sarama.ErrOffsetNotAvailable,
}

var passingErrors = []error{
	io.EOF, io.ErrUnexpectedEOF, net.ErrClosed,
	sarama.ErrOutOfBrokers, sarama.ErrNotConnected, sarama.ErrBrokerNotFound,
	sarama.ErrIncompleteResponse, sarama.ErrControllerNotAvailable,
}

// topic finds a topic or says that it does not exist. With create it may come
// into being by the question, where the cluster allows that.
func (c *conn) topic(ctx context.Context, name string, create bool) (*sarama.TopicMetadata, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	deadline := time.Now().Add(autoCreateWait)
	for first := true; ; first = false {
		resp, err := c.metadata(ctx, []string{name}, create)
		if err != nil {
			return nil, explain(err, name)
		}
		if len(resp.Topics) == 0 {
			return nil, noTopic(name)
		}
		t := resp.Topics[0]
		switch t.Err {
		case sarama.ErrNoError:
			return t, nil
		case sarama.ErrUnknownTopicOrPartition:
			if !create || first && !c.createsOnDemand(ctx, resp) {
				return nil, noTopic(name)
			}
		case sarama.ErrLeaderNotAvailable:
		default:
			return nil, explain(t.Err, name)
		}
		if time.Now().After(deadline) {
			return nil, explain(t.Err, name)
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return nil, err
		}
	}
}

// createsOnDemand asks a broker whether it makes topics that clients mention;
// where it does not say, it may.
func (c *conn) createsOnDemand(ctx context.Context, seen *sarama.MetadataResponse) bool {
	value := c.brokerSetting(ctx, seen, "auto.create.topics.enable")
	return value == "" || strings.EqualFold(value, "true")
}
