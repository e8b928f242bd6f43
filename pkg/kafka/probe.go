package kafka

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
)

// firstContact is how long a command without Wait tries: with the start of the
// process it stays below a second.
const firstContact = 900 * time.Millisecond

// secureContact is how long it tries where a connection is there and TLS is to be
// spoken: a broker that has just started takes seconds for its first handshake.
const secureContact = 5 * time.Second

// apiVersions maps the key of a request to the highest version that a broker
// understands; a key that is absent is unknown to it.
type apiVersions map[int16]int16

// Keys and sizes of the probe's exchange.
const (
	keyApiVersions             = 18
	keyVote                    = 52
	keyDescribeTopicPartitions = 75
	probeCorrelation           = 0x6c6f6770
	maxProbeAnswer             = 1 << 20
)

// contactError says why an address did not answer as a Kafka broker.
type contactError struct {
	addr  string
	cause string
	hint  string
	final bool // waiting will not help

	refused bool   // it answers, and not us
	obscure bool   // `broker test` tells more
	step    string // of Diagnose, where it is another one than the one that was tried
	err     error  // what it was made of, where that tells more
}

func (e *contactError) Error() string { return fmt.Sprintf("broker %s: %s", e.addr, e.cause) }

// reach asks all addresses at once and returns those that are worth asking: in front
// those that answered by the time the first did, not those that are known to be no
// brokers. It tries again until wait is over.
func reach(ctx context.Context, addrs []string, wait time.Duration, way *access) ([]string, apiVersions, error) {
	limit := max(wait, firstContact)
	if way != nil && way.tls != nil {
		limit = max(wait, secureContact)
	}
	for tries := 1; ; tries++ {
		begun := time.Now()
		asked, versions, err := reachWithin(ctx, addrs, wait, limit, way)
		if err == nil || wait > 0 || ctx.Err() != nil || tries == mostStops || time.Since(begun) < limit+stopped {
			return asked, versions, err
		}
	}
}

// reachWithin is reach, for no longer than limit.
func reachWithin(ctx context.Context, addrs []string, wait, limit time.Duration, way *access) ([]string, apiVersions, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errGaveUp)
	defer cancel()
	for again := 100 * time.Millisecond; ; again = min(2*again, time.Second) {
		ok, versions, failures := probeAll(ctx, addrs, way)
		if len(ok) > 0 {
			return union(ok, without(addrs, failures)), versions, nil
		}
		if err := context.Cause(ctx); err != nil && !errors.Is(err, errGaveUp) {
			return nil, nil, err
		}
		if wait <= 0 || final(failures) || pause(ctx, again) != nil {
			if err := context.Cause(ctx); err != nil && !errors.Is(err, errGaveUp) {
				return nil, nil, err
			}
			err := unreachable(failures, wait)
			if slices.ContainsFunc(failures, func(f *contactError) bool { return f.obscure }) {
				err = fault.Hint(err, "%s; %s", fault.HintOf(err), testHint)
			}
			return nil, nil, err
		}
	}
}

// without is the addresses but for those at which waiting will not help.
func without(addrs []string, failures []*contactError) []string {
	return slices.DeleteFunc(slices.Clone(addrs), func(addr string) bool {
		return slices.ContainsFunc(failures, func(f *contactError) bool { return f.final && f.addr == addr })
	})
}

// testHint leads to Diagnose.
const testHint = "`logpipe broker test` with the same flags shows which step fails"

var errGaveUp = errors.New("no contact in time")

func final(failures []*contactError) bool {
	for _, f := range failures {
		if !f.final {
			return false
		}
	}
	return true
}

func unreachable(failures []*contactError, wait time.Duration) error {
	var err error
	if i := slices.IndexFunc(failures, func(f *contactError) bool { return f.refused }); i >= 0 {
		return fault.Hint(failures[i], "%s", failures[i].hint)
	}
	if len(failures) == 1 {
		err = fault.Unreachablef("%w", failures[0])
	} else {
		var list []string
		for _, f := range failures {
			list = append(list, f.addr+": "+f.cause)
		}
		err = fault.Unreachablef("none of the %d brokers answers: %s", len(failures), strings.Join(list, "; "))
	}
	hint := failures[0].hint
	if wait <= 0 && !final(failures) {
		hint += "; --wait 30s waits for it"
	}
	return fault.Hint(err, "%s", hint)
}

func probeAll(ctx context.Context, addrs []string, way *access) (ok []string, versions apiVersions, failures []*contactError) {
	type answer struct {
		addr     string
		versions apiVersions
		failure  *contactError
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answers := make(chan answer, len(addrs))
	for _, addr := range addrs {
		go func() {
			v, err := probe(ctx, addr, way)
			answers <- answer{addr, v, err}
		}()
	}
	take := func(a answer) {
		if a.failure != nil {
			failures = append(failures, a.failure)
			return
		}
		ok, versions = append(ok, a.addr), a.versions
	}
	for range addrs {
		take(<-answers)
		if len(ok) > 0 {
			break
		}
	}
	for {
		select {
		case a := <-answers:
			take(a)
		default:
			return ok, versions, failures
		}
	}
}

// probe opens a connection and asks for the versions that the server speaks,
// and how it wants to know who we are.
func probe(ctx context.Context, addr string, way *access) (apiVersions, *contactError) {
	secure, failure := way.dial(ctx, addr)
	if failure != nil {
		return nil, failure
	}
	defer secure.Close()
	body, head, err := ask(secure, versionsRequest())
	if err != nil || body == nil {
		return nil, way.answerFailure(addr, head, err)
	}
	v, ok := parseVersions(body)
	if !ok {
		return nil, answerFailure(addr, head, nil)
	}
	if failure := v.broker(addr); failure != nil {
		return nil, failure
	}
	return v, way.greet(secure, addr, func() (net.Conn, error) {
		again, failure := way.dial(ctx, addr)
		if failure != nil {
			return nil, failure
		}
		return again, nil
	})
}

// dial opens a connection whose reads and writes end with ctx.
func (a *access) dial(ctx context.Context, addr string) (net.Conn, *contactError) {
	var d net.Dialer
	if end, ok := ctx.Deadline(); ok && time.Until(end) <= secureContact {
		d.Timeout = firstContact
	}
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, dialFailure(addr, err)
	}
	context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	secure, failure := a.handshake(ctx, conn, addr)
	if failure != nil {
		conn.Close()
		return nil, failure
	}
	return secure, nil
}

// ask sends a request and returns what its answer holds; nil where it is none.
func ask(c net.Conn, request []byte) (body, head []byte, err error) {
	if _, err := c.Write(request); err != nil {
		return nil, nil, err
	}
	head = make([]byte, 8) // length, correlation id
	n, err := io.ReadFull(c, head)
	if err != nil {
		return nil, head[:n], err
	}
	length := binary.BigEndian.Uint32(head)
	if binary.BigEndian.Uint32(head[4:]) != probeCorrelation || length < 4 || length > maxProbeAnswer {
		return nil, head, nil
	}
	body = make([]byte, length-4)
	_, err = io.ReadFull(c, body)
	return body, head, err
}

// request begins a request of a key and a version with the header that all have.
func request(key, version int, length int) []byte {
	const client = "logpipe"
	b := binary.BigEndian.AppendUint32(nil, uint32(10+len(client)+length))
	b = binary.BigEndian.AppendUint16(b, uint16(key))
	b = binary.BigEndian.AppendUint16(b, uint16(version))
	b = binary.BigEndian.AppendUint32(b, probeCorrelation)
	b = binary.BigEndian.AppendUint16(b, uint16(len(client)))
	return append(b, client...)
}

// versionsRequest is an ApiVersions request of version 0, which every broker
// since 0.10 answers, before authentication too.
func versionsRequest() []byte { return request(keyApiVersions, 0, 0) }

// parseVersions reads the answer to it: an error code and a list of key, lowest
// and highest version.
func parseVersions(b []byte) (apiVersions, bool) {
	const entry = 6
	if len(b) < 6 || binary.BigEndian.Uint16(b) != 0 {
		return nil, false
	}
	n := uint64(binary.BigEndian.Uint32(b[2:]))
	b = b[6:]
	if uint64(len(b)) < n*entry {
		return nil, false
	}
	v := make(apiVersions, n)
	for ; n > 0; n-- {
		v[int16(binary.BigEndian.Uint16(b))] = int16(binary.BigEndian.Uint16(b[4:]))
		b = b[entry:]
	}
	return v, true
}

// broker judges a server by the requests that it understands: a controller of KRaft
// has a port of its own, speaks Kafka there and serves no clients.
func (v apiVersions) broker(addr string) *contactError {
	if _, ok := v[keyMetadata]; ok {
		return nil
	}
	f := &contactError{addr: addr, cause: "does not tell clients about the cluster, so it is not a Kafka broker",
		hint: "-b HOST:PORT names the port of a broker", final: true}
	if _, votes := v[keyVote]; votes {
		f.cause = "is a controller of Kafka (KRaft), not a broker"
		f.hint = "-b HOST:PORT names the brokers' port, that of a listener which controller.listener.names does not name"
	}
	return f
}

func dialFailure(addr string, err error) *contactError {
	f := &contactError{addr: addr}
	var dns *net.DNSError
	host, _, _ := net.SplitHostPort(addr)
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		f.cause, f.hint = fmt.Sprintf("no such host %q", host), "check the name in -b"
	case errors.As(err, &dns) && !isTimeout(err):
		f.cause, f.hint = fmt.Sprintf("the name %q could not be looked up: %s", host, dns.Err), "check the name in -b and the network"
	case isRefused(err):
		f.cause, f.hint = "connection refused", "`logpipe broker` starts one on this machine, -b HOST:PORT names another"
	case isTimeout(err):
		f.cause, f.hint, f.obscure = "no answer in time", "check the address in -b and the firewall", true
	default:
		var sys *os.SyscallError
		f.cause, f.hint, f.obscure = err.Error(), "check the address in -b and the network", true
		if errors.As(err, &sys) {
			f.cause = sys.Err.Error()
		}
	}
	return f
}

// answerFailure judges a server by the first bytes that it sent, if any.
func answerFailure(addr string, head []byte, err error) *contactError {
	f := &contactError{addr: addr, hint: "-b HOST:PORT names the port of a broker", final: true}
	switch {
	case len(head) >= 2 && head[0] == 0x15 && head[1] == 0x03: // a TLS alert
		f.cause, f.hint = "the port expects TLS", "--tls speaks it; -b HOST:PORT names a plaintext port of the broker"
	case bytes.HasPrefix(head, []byte("HTTP")):
		f.cause = "answers HTTP, so it is not a Kafka broker"
	case len(head) > 0 && err == nil:
		f.cause = "its answer is not Kafka's, so it is not a Kafka broker"
	case isTimeout(err):
		f.cause, f.final = "accepts connections and does not answer: not a Kafka broker, or an overloaded one", false
		f.obscure = true
	default:
		f.cause = "closes the connection without an answer: not a Kafka broker, or one that expects TLS"
		f.hint += "; --tls speaks TLS"
		f.final, f.obscure = false, true // a broker that is just starting does so too
	}
	return f
}

func isTimeout(err error) bool {
	var t net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &t) && t.Timeout() || errors.Is(err, os.ErrDeadlineExceeded)
}
