package agent

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/flumerpc"
	"github.com/logpipe/logpipe/pkg/sink"
)

// The clients of Flume's RpcClientFactory.
const (
	clientDefault     = "default"
	clientThrift      = "thrift"
	clientFailover    = "default_failover"
	clientLoadBalance = "default_loadbalance"
)

// clientClasses are their Java classes.
var clientClasses = map[string]string{
	"org.apache.flume.api.NettyAvroRpcClient":     clientDefault,
	"org.apache.flume.api.ThriftRpcClient":        clientThrift,
	"org.apache.flume.api.FailoverRpcClient":      clientFailover,
	"org.apache.flume.api.LoadBalancingRpcClient": clientLoadBalance,
}

// clientHosts sends batches to one of several sources, as the clients of Flume's
// SDK do: to the first one that works and then to that as long as it works, or
// to all in turn.
type clientHosts struct {
	kind     string
	names    []string // of the hosts
	sinks    []sink.Sink
	attempts int            // how many sends may fail for one batch; 0 = one for each host
	now      int            // of failover: the host in use
	turn     sink.Processor // of load balancing; nil = failover
	logf     func(string, ...any)
}

// clientSettings are the properties of a client beside those of its connections.
type clientSettings struct {
	kind, hosts, selector string
	addresses             map[string]string
	attempts, unused      int
	backoff               bool
	maxBackoff            time.Duration
}

func (c *clientSettings) describe(p *flume.Properties) {
	p.String(&c.kind, "client.type", clientDefault, "default, thrift, default_failover or default_loadbalance")
	p.String(&c.hosts, "hosts", "", "names of the hosts").Require()
	p.Family(&c.addresses, "hosts.", "host:port of the host of this name")
	p.Int(&c.attempts, "max-attempts", 0, 0, "of default_failover: how many sends may fail for one batch; 0 = one for each host")
	p.Choice(&c.selector, "host-selector", "round_robin", []string{"round_robin", "random"}, "of default_loadbalance: how the next host is chosen")
	p.Bool(&c.backoff, "backoff", false, "of default_loadbalance: leave a host that failed alone for a while")
	p.Duration(&c.maxBackoff, "maxBackoff", 30*time.Second, time.Millisecond, "longest rest of a host that failed")
	p.Int(&c.unused, "maxConnections", 5, 1, "connections of a thrift client").Without("a batch goes at a time")
}

// newClientHosts makes the client that the options name.
func newClientHosts(o ClientOptions) (*clientHosts, error) {
	if o.Properties == "" {
		if o.Host == "" || o.Port == 0 {
			return nil, fault.Hint(fault.Usagef("no source given"), "name it with -H HOST -p PORT, or in a file with -P FILE")
		}
		c := &clientHosts{kind: clientDefault, logf: o.Logf}
		return c, c.add(o.Host, o.Host, strconv.Itoa(o.Port), nil)
	}
	c, err := clientOfFile(o.Properties)
	if err != nil {
		return nil, fault.With(fault.Usage, fmt.Errorf("%s: %w", o.Properties, err))
	}
	c.logf = o.Logf
	return c, nil
}

// clientOfFile makes a client of a file for Flume's RpcClientFactory.
func clientOfFile(path string) (*clientHosts, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var s clientSettings
	var p flume.Properties
	s.describe(&p)
	connection := map[string]string{} // the properties of each connection
	entries, _ := parseProperties(path, data)
	for _, e := range entries {
		if q, _ := p.Lookup(e.key); q == nil {
			connection[e.key] = e.value
		} else if err := q.Assign(e.key, e.value); err != nil {
			return nil, fmt.Errorf("%s: %w", e.key, err)
		}
	}
	c := &clientHosts{kind: strings.ToLower(s.kind), attempts: s.attempts}
	if kind := clientClasses[s.kind]; kind != "" {
		c.kind = kind
	}
	if !slices.Contains([]string{clientDefault, clientThrift, clientFailover, clientLoadBalance}, c.kind) {
		return nil, fault.Hint(fmt.Errorf("client.type %s is not supported", s.kind), "use default, thrift, default_failover or default_loadbalance")
	}
	names := strings.Fields(s.hosts)
	switch {
	case len(names) == 0:
		return nil, errors.New("it has no hosts")
	case c.kind == clientLoadBalance && len(names) == 1:
		return nil, fault.Hint(errors.New("client.type default_loadbalance needs two hosts or more"), "name more in hosts, or leave client.type out")
	case c.kind == clientDefault || c.kind == clientThrift:
		names = names[:1] // as Flume does
	}
	for _, name := range names {
		host, port, err := net.SplitHostPort(s.addresses[name])
		if err != nil {
			return nil, fmt.Errorf("hosts.%s is not host:port: %w", name, err)
		}
		if err := c.add(name, host, port, connection); err != nil {
			return nil, err
		}
	}
	return c, c.balance(&s)
}

// add makes the connection to one host.
func (c *clientHosts) add(name, host, port string, settings map[string]string) error {
	var p flume.Properties
	build := sink.NewAvro
	if c.kind == clientThrift {
		build = sink.NewThrift
	}
	s := build(&p)
	all := map[string]string{"hostname": host, "port": port}
	for key, value := range settings {
		if all[key] == "" {
			all[key] = value
		}
	}
	for key, value := range all {
		q, _ := p.Lookup(key)
		if q == nil {
			return fault.Usagef("there is no property %q", key)
		}
		if err := q.Assign(key, value); err != nil {
			return fault.Usagef("%s: %w", key, err)
		}
	}
	for _, problem := range s.(flume.Checker).Check() {
		return fault.Hint(fault.Usagef("%s", problem.Message), "%s", problem.Fix)
	}
	c.names, c.sinks = append(c.names, name), append(c.sinks, s)
	return nil
}

// balance makes what chooses among the hosts.
func (c *clientHosts) balance(s *clientSettings) error {
	if c.kind != clientLoadBalance {
		return nil
	}
	var p flume.Properties
	c.turn = sink.Processors().Lookup("load_balance").New(&p)
	for name, value := range map[string]string{"selector": s.selector, "backoff": strconv.FormatBool(s.backoff),
		"selector.maxTimeOut": strconv.FormatInt(s.maxBackoff.Milliseconds(), 10)} {
		q, _ := p.Lookup(name)
		if err := q.Assign(name, value); err != nil {
			return err
		}
	}
	c.turn.Bind(c.names)
	return nil
}

// batch is the most events that are sent at once.
func (c *clientHosts) batch() int {
	_, most := c.sinks[0].(flume.Batcher).Batch()
	return most
}

// open prepares the connections.
func (c *clientHosts) open(env flume.Env) error {
	for i, s := range c.sinks {
		if err := s.Open(env); err != nil {
			for _, opened := range c.sinks[:i] {
				err = errors.Join(err, opened.Close())
			}
			return err
		}
	}
	return nil
}

// close ends the connections.
func (c *clientHosts) close() error {
	var all error
	for _, s := range c.sinks {
		all = errors.Join(all, s.Close())
	}
	return all
}

// write sends a batch to one of the hosts. Where none takes it, the error is a
// *flumerpc.StatusError if one of them only had no space.
func (c *clientHosts) write(ctx context.Context, batch []flume.Event) error {
	if c.turn != nil {
		return c.writeInTurn(ctx, batch)
	}
	most := len(c.sinks)
	if c.attempts > 0 && c.kind == clientFailover {
		most = c.attempts
	}
	var full, err error
	for failed, unreachable := 0, 0; failed < most && unreachable < len(c.sinks); {
		if err = c.try(ctx, c.now, batch); err == nil || ctx.Err() != nil {
			return err
		}
		if errors.As(err, new(*flumerpc.StatusError)) {
			full = err
		}
		if fault.CodeOf(err) == fault.Unreachable { // does not count as a send, as in Flume
			unreachable++
		} else {
			failed++
			unreachable = 0
		}
		c.now = (c.now + 1) % len(c.sinks)
	}
	if full != nil {
		return full
	}
	return err
}

func (c *clientHosts) writeInTurn(ctx context.Context, batch []flume.Event) error {
	order := c.turn.Order(time.Now())
	if len(order) == 0 { // all of them rest: Flume gives up then
		for i := range c.sinks {
			order = append(order, i)
		}
	}
	var full, err error
	for _, i := range order {
		err = c.try(ctx, i, batch)
		c.turn.Tried(i, err != nil, time.Now())
		if err == nil || ctx.Err() != nil {
			return err
		}
		if errors.As(err, new(*flumerpc.StatusError)) {
			full = err
		}
	}
	if full != nil {
		return full
	}
	return err
}

// try sends a batch to one host, and tells where it does not go.
func (c *clientHosts) try(ctx context.Context, i int, batch []flume.Event) error {
	err := c.sinks[i].Write(ctx, batch)
	if err != nil && len(c.sinks) > 1 && ctx.Err() == nil {
		c.logf("host %s: %v", c.names[i], err)
	}
	return err
}
