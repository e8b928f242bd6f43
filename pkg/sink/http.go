package sink

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/sink/counts"
)

// HTTP posts each body to an endpoint. What an answer's status means is said by
// the properties: whether the event comes again (rollback), whether the sink
// pauses (backoff), and whether it counts as delivered (incrementMetrics).
//
// As in Flume a transaction is one event, so that no other comes again with it.
// Redirects are not followed: the body would be lost on the way.
type HTTP struct {
	endpoint                string
	connectTimeout          time.Duration
	requestTimeout          time.Duration
	contentType, accept     string
	backoff, rollback, good statusRule

	env     flume.Env
	counts  counts.Sink
	dropped *atomic.Int64
	client  *http.Client
	pauses  int       // answers with backoff in a row
	until   time.Time // when the last pause is over
}

// NewHTTP describes and makes an HTTP sink.
func NewHTTP(p *flume.Properties) Sink {
	s := &HTTP{}
	p.String(&s.endpoint, "endpoint", "", "the URL to which bodies are posted").Require()
	p.Duration(&s.connectTimeout, "connectTimeout", 5*time.Second, time.Millisecond, "how long connecting may take")
	p.Duration(&s.requestTimeout, "requestTimeout", 5*time.Second, time.Millisecond, "how long the answer may take")
	p.String(&s.contentType, "contentTypeHeader", "text/plain", "the header Content-Type")
	p.String(&s.accept, "acceptHeader", "text/plain", "the header Accept")
	s.backoff.describe(p, "Backoff", true, "pause after an answer", "pause after an answer with this status, such as 503 or 5XX")
	s.rollback.describe(p, "Rollback", true, "send an event again after an answer", "send an event again after an answer with this status")
	s.good.describe(p, "IncrementMetrics", false, "count an event as delivered after an answer", "count an event as delivered after this status")
	return s
}

// statusRule is a choice that depends on the status of an answer.
type statusRule struct {
	name   string // backoff
	usual  bool
	status map[string]string
}

func (r *statusRule) describe(p *flume.Properties, name string, usual bool, help, statusHelp string) {
	r.name = strings.ToLower(name[:1]) + name[1:]
	p.Bool(&r.usual, "default"+name, usual, help)
	p.Family(&r.status, r.name+".", statusHelp)
}

// of looks up a status: itself, then its class, then the default.
func (r *statusRule) of(status int) bool {
	for _, key := range []string{strconv.Itoa(status), strconv.Itoa(status/100) + "XX"} {
		if text, found := r.status[key]; found {
			return strings.EqualFold(text, "true")
		}
	}
	return r.usual
}

func (r *statusRule) check() []flume.Problem {
	var all []flume.Problem
	for _, key := range slices.Sorted(maps.Keys(r.status)) {
		property := r.name + "." + key
		if len(key) != 3 || key[0] < '1' || key[0] > '5' || key[1:] != "XX" && strings.Trim(key[1:], "0123456789") != "" {
			all = append(all, flume.Problem{Property: property, Message: fmt.Sprintf("%q is no status", key), Fix: "write a number such as 503, or a class such as 5XX"})
			continue
		}
		if text := r.status[key]; !strings.EqualFold(text, "true") && !strings.EqualFold(text, "false") {
			all = append(all, flume.Problem{Property: property, Message: fmt.Sprintf("want true or false, not %q", text), Fix: "write true or false"})
		}
	}
	return all
}

// Batch is one event.
func (s *HTTP) Batch() (string, int) { return "", 1 }

// Check finds what would not work, first of all a success that sends the event
// again: with Flume's defaults that is every one.
func (s *HTTP) Check() []flume.Problem {
	var all []flume.Problem
	u, err := url.Parse(s.endpoint)
	if s.endpoint != "" && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "") {
		all = append(all, flume.Problem{Property: "endpoint", Message: fmt.Sprintf("%q is no URL of HTTP", s.endpoint), Fix: "write http://HOST:PORT/PATH"})
	}
	for property, value := range map[string]time.Duration{"connectTimeout": s.connectTimeout, "requestTimeout": s.requestTimeout} {
		if value <= 0 {
			all = append(all, flume.Problem{Property: property, Message: property + " is 0: nothing could be sent", Fix: "write a number of ms"})
		}
	}
	for _, r := range []*statusRule{&s.backoff, &s.rollback, &s.good} {
		all = append(all, r.check()...)
	}
	for status := 200; status < 300; status++ {
		if !s.rollback.of(status) {
			return all
		}
	}
	return append(all, flume.Problem{Property: "defaultRollback",
		Message: "every answer sends the event again, those of success too: one event is delivered for ever",
		Fix:     "add rollback.2XX = false, and backoff.2XX = false"})
}

// Guarantee tells what the sink promises.
func (s *HTTP) Guarantee() string {
	return "at least once: an event is gone from its channel when the server has answered with a status that does not roll back; it comes twice when the answer is lost"
}

// Open prepares the client; the first event connects.
func (s *HTTP) Open(env flume.Env) error {
	s.env, s.counts, s.dropped = env, counts.New(env), env.Counter("EventGivenUpCount")
	if s.env.Logf == nil {
		s.env.Logf = func(string, ...any) {}
	}
	dialer := &net.Dialer{Timeout: s.connectTimeout}
	s.client = &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{MaxIdleConnsPerHost: 1, DisableCompression: true, TLSHandshakeTimeout: s.connectTimeout,
			ResponseHeaderTimeout: s.requestTimeout, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true,
			DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				conn, err := dialer.DialContext(ctx, network, address)
				if err != nil {
					s.counts.ConnectFailed.Add(1)
					return nil, err
				}
				s.counts.Created.Add(1)
				return &countedConn{Conn: conn, closed: s.counts.Closed}, nil
			}},
	}
	return nil
}

// countedConn counts its end.
type countedConn struct {
	net.Conn
	closed *atomic.Int64
	done   atomic.Bool
}

func (c *countedConn) Close() error {
	if c.done.CompareAndSwap(false, true) {
		c.closed.Add(1)
	}
	return c.Conn.Close()
}

// Close ends the connection.
func (s *HTTP) Close() error {
	if s.client != nil {
		s.client.CloseIdleConnections()
	}
	return nil
}

// hurry is how often an event is sent again at once where its status says so.
const hurry = 10

// Write posts the events one after the other.
func (s *HTTP) Write(ctx context.Context, batch []flume.Event) error {
	for i := range batch {
		if len(batch[i].Body) == 0 {
			continue // Flume sends no empty body
		}
		s.counts.Attempt(1, 1)
		for try := 1; ; try++ {
			err, again := s.deliver(ctx, &batch[i])
			if err == nil {
				break
			}
			if !again || try == hurry || ctx.Err() != nil {
				return err
			}
		}
	}
	return nil
}

// deliver posts one event. After an error it comes again, at once where again is
// true.
func (s *HTTP) deliver(ctx context.Context, e *flume.Event) (err error, again bool) {
	if d := time.Until(s.until); s.pauses > 0 && d > 0 {
		if err := pauseFor(ctx, d); err != nil {
			return err, false
		}
	}
	status, err := s.post(ctx, e.Body)
	if err != nil {
		s.pauses = 0 // the runner pauses
		s.counts.Failed.Add(1)
		return err, false
	}
	rollback, backoff := s.rollback.of(status), s.backoff.of(status)
	if s.good.of(status) {
		s.counts.Delivered.Add(1)
	}
	if rollback {
		s.pauses = 0
		return fmt.Errorf("%s answered %d %s", s.endpoint, status, http.StatusText(status)), !backoff
	}
	if s.pauses++; !backoff {
		s.pauses = 0
	}
	s.until = time.Now().Add(min(time.Duration(s.pauses)*backoffStep, backoffMost))
	if status >= 300 {
		if n := s.dropped.Add(1); n&(n-1) == 0 {
			s.env.Logf("%s answered %d %s: the event is given up, as rollback.%[2]d = false says (%d so far)", s.endpoint, status, http.StatusText(status), n)
		}
	}
	return nil, false
}

// post sends a body and returns the status of the answer.
func (s *HTTP) post(ctx context.Context, body []byte) (int, error) {
	// Connecting, sending and answering: a server that stops reading must not
	// hold the sink.
	ctx, cancel := context.WithTimeout(ctx, s.connectTimeout+2*s.requestTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.endpoint, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", s.contentType)
	req.Header.Set("Accept", s.accept)
	resp, err := s.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	// The connection is used again when the answer has been read; it does not
	// matter whether it can be.
	_, _ = io.CopyN(io.Discard, resp.Body, 1<<20)
	return resp.StatusCode, nil
}

// pauseFor waits for d or for the end of ctx.
func pauseFor(ctx context.Context, d time.Duration) error {
	if !flume.Pause(ctx, d) {
		return ctx.Err()
	}
	return nil
}
