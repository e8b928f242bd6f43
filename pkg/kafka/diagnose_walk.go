package kafka

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/IBM/sarama"
	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/option"
)

// stragglers is how long the other addresses of a name may take when one of them
// has answered.
const stragglers = 250 * time.Millisecond

// walk is the way to one broker.
type walk struct {
	d          *diagnosis
	addr       string
	host, port string
	steps      chan Step     // closed at the end
	failure    *contactError // set then
	hosts      []string      // addresses of the host
	raw, conn  net.Conn      // the same without TLS
	versions   apiVersions
	meta       *sarama.MetadataResponse
}

func newWalk(d *diagnosis, addr string) *walk {
	w := &walk{d: d, addr: addr, steps: make(chan Step, len(brokerSteps))}
	w.host, w.port, _ = net.SplitHostPort(addr) // checked before
	return w
}

// run takes the steps until one fails.
func (w *walk) run(ctx context.Context) {
	defer close(w.steps)
	defer func() {
		if w.raw != nil {
			w.raw.Close()
		}
	}()
	first, cancel := context.WithTimeout(ctx, w.d.contact)
	defer cancel()
	answer := first
	if w.d.way.tls != nil { // the connection is there then
		answer = ctx
	}
	tries := []func(*Step) *contactError{
		func(s *Step) *contactError { return w.dns(first, s) },
		func(s *Step) *contactError { return w.tcp(first, s) },
		func(s *Step) *contactError { return w.within(ctx, s, w.tls) },
		func(s *Step) *contactError { return w.within(answer, s, w.api) },
		func(s *Step) *contactError { return w.within(ctx, s, w.sasl) },
		func(s *Step) *contactError { return w.within(ctx, s, w.metadata) },
	}
	var held *Step // TLS 1.3: the server says with its first answer what it thinks of our certificate
	for i, try := range tries {
		s := &Step{Name: brokerSteps[i], Broker: w.addr, Result: Passed}
		begun := time.Now()
		failure := try(s)
		s.Took = time.Since(begun)
		if failure != nil && failure.step != "" && held != nil {
			s, held, i = held, nil, i-1
		}
		if held != nil {
			w.steps <- *held
			held = nil
		}
		if failure != nil {
			w.fail(s, failure, brokerSteps[i+1:])
			return
		}
		if held = s; s.Name != "tls" {
			held = nil
			w.steps <- *s
		}
	}
}

// fail tells of the step that failed and of those that are not tried.
func (w *walk) fail(s *Step, failure *contactError, rest []string) {
	failure.step, w.failure = s.Name, failure
	s.Result, s.Err = Failure, fault.Hint(failure, "%s", failure.hint)
	w.steps <- *s
	for _, name := range rest {
		w.steps <- Step{Name: name, Broker: w.addr, Result: Untried}
	}
}

// within takes a step over the connection, within the time of a step.
func (w *walk) within(ctx context.Context, s *Step, do func(context.Context, *Step) *contactError) *contactError {
	ctx, cancel := context.WithTimeout(ctx, w.d.Timeout)
	defer cancel()
	end, _ := ctx.Deadline()
	w.raw.SetDeadline(end)
	defer context.AfterFunc(ctx, func() { w.raw.SetDeadline(time.Unix(1, 0)) })()
	return do(ctx, s)
}

// dns looks the host up.
func (w *walk) dns(ctx context.Context, s *Step) *contactError {
	if net.ParseIP(strings.Split(w.host, "%")[0]) != nil {
		w.hosts = []string{w.host}
		s.Result, s.Saw = Off, w.host+" is an address"
		return nil
	}
	list, err := net.DefaultResolver.LookupIPAddr(ctx, w.host)
	if err != nil {
		return dialFailure(w.addr, err)
	}
	for _, ip := range list {
		w.hosts = append(w.hosts, ip.String())
	}
	s.Saw = w.host + " -> " + strings.Join(w.hosts, ", ")
	s.Facts = map[string]any{"host": w.host, "addresses": w.hosts}
	return nil
}

// tcp dials all addresses at once and stays with the first one that takes the
// connection, in the order of the name's.
func (w *walk) tcp(ctx context.Context, s *Step) *contactError {
	all := w.dialAll(ctx)
	var open, shut []string
	for i, a := range all {
		at := net.JoinHostPort(w.hosts[i], w.port)
		switch {
		case a.err != nil:
			shut = append(shut, at+": "+dialFailure(w.addr, a.err).cause)
		case w.raw == nil:
			w.raw, w.conn, open = a.conn, a.conn, append(open, at)
		default:
			a.conn.Close()
			open = append(open, at)
		}
	}
	s.Facts = map[string]any{"open": listOf(open), "shut": listOf(shut)}
	if w.raw == nil {
		if len(shut) > 1 {
			s.Saw = strings.Join(shut, "; ")
		}
		return dialFailure(w.addr, all[0].err)
	}
	s.Saw = "connected to " + joined(open)
	if len(shut) > 0 {
		s.Saw += ", not to " + strings.Join(shut, "; ")
	}
	return nil
}

// dialled is what dialling an address gave.
type dialled struct {
	conn net.Conn
	err  error
}

// dialAll dials all addresses at once. Where one has taken the connection the others
// have a moment left.
func (w *walk) dialAll(ctx context.Context) []dialled {
	type answer struct {
		i int
		dialled
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answers := make(chan answer)
	for i, host := range w.hosts {
		go func() {
			var d net.Dialer
			conn, err := d.DialContext(ctx, "tcp", net.JoinHostPort(host, w.port))
			answers <- answer{i, dialled{conn, err}}
		}()
	}
	all := make([]dialled, len(w.hosts))
	for range w.hosts {
		a := <-answers
		if all[a.i] = a.dialled; a.err == nil {
			defer time.AfterFunc(stragglers, cancel).Stop()
		}
	}
	return all
}

// tls speaks it where it is to be spoken.
func (w *walk) tls(ctx context.Context, s *Step) *contactError {
	if w.d.way.tls == nil {
		s.Result, s.Saw = Off, "plaintext"
		return nil
	}
	conn, failure := w.d.way.handshake(ctx, w.raw, w.addr)
	if failure != nil {
		var unverified *tls.CertificateVerificationError
		if errors.As(failure.err, &unverified) && len(unverified.UnverifiedCertificates) > 0 {
			s.certificate(unverified.UnverifiedCertificates)
		}
		return failure
	}
	w.conn = conn
	state := conn.(*tls.Conn).ConnectionState()
	s.certificate(state.PeerCertificates)
	s.Saw = tls.VersionName(state.Version) + ", " + s.Saw
	s.Facts["version"], s.Facts["cipher"] = tls.VersionName(state.Version), tls.CipherSuiteName(state.CipherSuite)
	return nil
}

// api asks which requests the broker knows: that it does is what makes it Kafka.
func (w *walk) api(_ context.Context, s *Step) *contactError {
	body, head, err := ask(w.conn, versionsRequest())
	if err != nil || body == nil {
		refused := &contactError{addr: w.addr, step: "tls"}
		if w.d.way.tls != nil && err != nil && w.d.way.ownCertificate(refused, err) {
			return refused
		}
		return answerFailure(w.addr, head, err)
	}
	v, ok := parseVersions(body)
	if !ok {
		return answerFailure(w.addr, head, nil)
	}
	w.versions = v
	s.Saw = plural(len(v), "kind") + " of requests"
	s.Facts = map[string]any{"highest_versions": v}
	if w.d.Release != nil {
		release := w.d.Release(v)
		s.Saw += ", " + release
		s.Facts["release"] = release
	}
	return v.broker(w.addr)
}

// sasl says who we are, or finds out whether somebody wants to know.
func (w *walk) sasl(ctx context.Context, s *Step) *contactError {
	a := w.d.way
	if a.Mechanism == "" {
		s.Result, s.Saw = Off, "no user is given, and none is asked for"
		return a.greet(w.conn, w.addr, func() (net.Conn, error) {
			again, failure := a.dial(ctx, w.addr)
			if failure != nil {
				return nil, failure
			}
			return again, nil
		})
	}
	offered, failure := a.shake(w.conn, w.addr)
	s.Facts = map[string]any{"mechanism": a.Mechanism, "user": a.User, "offered": listOf(offered)}
	if failure != nil {
		if len(offered) > 0 {
			s.Saw = "it has " + joined(offered)
		}
		return failure
	}
	s.Saw = fmt.Sprintf("user %q by %s", a.User, a.Mechanism)
	if a.Mechanism == OAuthBearer {
		s.Saw = "the token of " + a.TokenFile
	}
	if a.tls == nil && (a.Mechanism == Plain || a.Mechanism == OAuthBearer) {
		s.Saw += "; without TLS everybody on the way can read the secret"
	}
	return nil
}

// metadata asks for the cluster, by the library.
func (w *walk) metadata(ctx context.Context, s *Step) *contactError {
	conf := w.d.library()
	b := sarama.NewBroker(w.addr)
	meta, err := await(ctx, func() (*sarama.MetadataResponse, error) {
		if err := b.Open(conf); err != nil {
			return nil, err
		}
		defer b.Close()
		return b.GetMetadata(sarama.NewMetadataRequest(conf.Version, nil))
	})
	if err != nil {
		f := &contactError{addr: w.addr, refused: true, cause: trim(err), hint: "the log of the broker may say why"}
		if isTimeout(err) {
			f.cause, f.hint = "no answer within "+option.FormatDuration(w.d.Timeout), "--timeout waits longer; the log of the broker may say why"
		}
		return f
	}
	w.meta = meta
	s.cluster(meta)
	return nil
}
