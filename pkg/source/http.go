package source

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/keystore"
)

// httpMost bounds what a request may hold.
const httpMost = 256 << 20

// HTTP takes events by HTTP POST (or GET, as in Flume). It answers 200 when the
// channels have all events of a request, 400 to one that cannot be read, and
// 503 when one of the channels is full for its keep-alive; no channel has anything
// of the request then.
type HTTP struct {
	bind      string
	port      int
	handler   string
	mandatory string
	maxBlob   int
	tls       keystore.Server

	env      flume.Env
	counters counters
	faults   faults
	listener net.Listener
	read     func(*http.Request) ([]flume.Event, error)
}

// The handlers and what they are called.
const (
	jsonHandler      = "org.apache.flume.source.http.JSONHandler"
	blobHandler      = "org.apache.flume.source.http.BLOBHandler"
	morphlineHandler = "org.apache.flume.sink.solr.morphline.BlobHandler"
)

// NewHTTP describes and makes an http source.
func NewHTTP(p *flume.Properties) Source {
	s := &HTTP{}
	p.Host(&s.bind, "bind", "the address to listen on").Default = "0.0.0.0"
	s.bind = "0.0.0.0"
	p.Port(&s.port, "port", "the port to listen on; 0 = any free one").Require()
	p.String(&s.handler, "handler", jsonHandler, "how requests are read: "+jsonHandler+", "+blobHandler+" or "+morphlineHandler)
	p.String(&s.mandatory, "handler.mandatoryParameters", "", "of BLOBHandler: parameters that a request has to have, with commas")
	p.Int(&s.maxBlob, "handler.maxBlobLength", 100_000_000, 1, "of BlobHandler: longest body").In("bytes")
	s.tls.Describe(p)
	for name, old := range map[string]string{"ssl": "enableSSL", "exclude-protocols": "excludeProtocols", "keystore-password": "keystorePassword"} {
		if q, _ := p.Lookup(name); q != nil {
			q.Formerly(old)
		}
	}
	var unused map[string]string
	for _, family := range []string{"QueuedThreadPool.", "HttpConfiguration.", "SslContextFactory.", "ServerConnector."} {
		p.Family(&unused, family, "a setting of the server that Flume uses").Without("there is no Jetty here")
	}
	return s
}

// Guarantee tells what the source promises.
func (s *HTTP) Guarantee() string {
	return "at least once: 200 means that the channels have all events of a request; a request without an answer may be stored"
}

// Check finds mistakes in the names of the handler and of TLS.
func (s *HTTP) Check() []flume.Problem {
	all := s.tls.Check()
	if !slices.Contains([]string{jsonHandler, blobHandler, morphlineHandler}, strings.TrimSuffix(s.handler, "$Builder")) {
		all = append(all, flume.Problem{Property: "handler", Message: fmt.Sprintf("unknown handler %q", s.handler),
			Fix: "write " + jsonHandler + ", " + blobHandler + " or " + morphlineHandler})
	}
	return all
}

// Survey reads the key store.
func (s *HTTP) Survey() []flume.Problem { return s.tls.Survey() }

// Open listens.
func (s *HTTP) Open(env flume.Env) error {
	s.env, s.counters = env, newCounters(env)
	s.faults = faults{logf: env.Logf}
	switch strings.TrimSuffix(s.handler, "$Builder") {
	case jsonHandler:
		s.read = readJSONEvents
	case blobHandler:
		s.read = func(r *http.Request) ([]flume.Event, error) { return s.readBlob(r, httpMost) }
	case morphlineHandler:
		s.read = func(r *http.Request) ([]flume.Event, error) { return s.readBlob(r, s.maxBlob) }
	default:
		return fault.Usagef("unknown handler %q", s.handler)
	}
	config, err := s.tls.Config()
	if err != nil {
		return err
	}
	if s.listener, err = listenTCP(s.bind, s.port, "port"); err != nil {
		return err
	}
	env.Logf("listens on %s", s.listener.Addr())
	if config != nil {
		s.listener = tls.NewListener(s.listener, config)
	}
	return nil
}

// Addr is the address that Open listens on.
func (s *HTTP) Addr() net.Addr { return s.listener.Addr() }

// Holds is the port.
func (s *HTTP) Holds() []flume.Holding { return []flume.Holding{flume.HoldPort("tcp", s.port)} }

// Close closes the port.
func (s *HTTP) Close() error {
	if s.listener == nil {
		return nil
	}
	if err := s.listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// Run serves requests until ctx ends; those that have arrived get their answer.
func (s *HTTP) Run(ctx context.Context, out *Output) error {
	server := &http.Server{
		Handler:           http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, out) }),
		ReadHeaderTimeout: 30 * time.Second,
		IdleTimeout:       time.Minute,
		ErrorLog:          log.New(httpComplaints{&s.faults}, "", 0),
	}
	stopped := newSignal()
	stop := context.AfterFunc(ctx, func() {
		defer stopped.set()
		grace, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		if server.Shutdown(grace) != nil {
			server.Close()
		}
	})
	err := server.Serve(s.listener)
	if stop() {
		return fmt.Errorf("serve: %w", err)
	}
	<-stopped.done
	return nil
}

// httpComplaints passes on what the server says of single connections.
type httpComplaints struct{ faults *faults }

func (c httpComplaints) Write(p []byte) (int, error) {
	c.faults.tell("%s", bytes.TrimSpace(p))
	return len(p), nil
}

// serve answers one request.
func (s *HTTP) serve(w http.ResponseWriter, r *http.Request, out *Output) {
	if r.Method != http.MethodPost && r.Method != http.MethodGet {
		http.Error(w, "POST a list of events", http.StatusMethodNotAllowed)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, httpMost)
	events, err := s.read(r)
	if err != nil {
		s.counters.readFail.Add(1)
		code := http.StatusInternalServerError
		var large *http.MaxBytesError
		var refused *badRequest
		switch {
		case errors.As(err, &large):
			code = http.StatusRequestEntityTooLarge
		case errors.As(err, &refused):
			code = http.StatusBadRequest
		}
		s.faults.tell("%s: request refused: %v", r.RemoteAddr, err)
		http.Error(w, err.Error(), code)
		return
	}
	s.counters.receivedBatches.Add(1)
	s.counters.received.Add(int64(len(events)))
	if len(events) > 0 {
		var stored int
		stored, err = out.Offer(events)
		s.counters.accepted.Add(int64(stored))
	}
	if err != nil {
		s.counters.writeFail.Add(1)
		if !errors.Is(err, flume.ErrFull) {
			s.faults.tell("%s: events are not stored: %s", r.RemoteAddr, fault.Line(err))
		}
		http.Error(w, "Error appending event to channel. Channel might be full. "+err.Error(), http.StatusServiceUnavailable)
		return
	}
	s.counters.acceptedBatches.Add(1)
	w.WriteHeader(http.StatusOK)
}

// badRequest is a mistake of the client.
type badRequest struct{ err error }

func (e *badRequest) Error() string { return "Bad request from client. " + e.err.Error() }
func (e *badRequest) Unwrap() error { return e.err }

// readBlob makes an event of the whole body; its headers are the parameters.
func (s *HTTP) readBlob(r *http.Request, most int) ([]flume.Event, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, int64(most)+1))
	if err != nil {
		return nil, err
	}
	if len(body) > most {
		return nil, &http.MaxBytesError{Limit: int64(most)}
	}
	e := flume.Event{Body: body}
	query := r.URL.Query()
	for _, key := range slices.Sorted(maps.Keys(query)) {
		e.Headers = append(e.Headers, flume.Header{Key: key, Value: query.Get(key)})
	}
	if strings.TrimSuffix(s.handler, "$Builder") == blobHandler {
		for name := range strings.SplitSeq(s.mandatory, ",") {
			if _, there := e.Headers.Get(name); !there && name != "" {
				return nil, fmt.Errorf("please specify %s parameter in the request", name)
			}
		}
	}
	return []flume.Event{e}, nil
}
