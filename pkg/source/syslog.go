package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/keystore"
)

// syslogSettings are the properties that all syslog sources share.
type syslogSettings struct {
	host       string
	keep       syslogKeep
	ipHeader   string
	nameHeader string
	format     [4]string // as formatProperties

	env      flume.Env
	counters counters
	told     atomic.Int64 // when bad messages were last told of
	bad      atomic.Int64 // since then
}

func (s *syslogSettings) describe(p *flume.Properties) {
	p.Add("keepFields", &s.keep, "fields that stay in the body: none, all, or some of priority version timestamp hostname")
	p.String(&s.ipHeader, "clientIPHeader", "", "a header for the client's address")
	p.String(&s.nameHeader, "clientHostnameHeader", "", "a header for the client's name")
}

func (s *syslogSettings) open(env flume.Env) { s.env, s.counters = env, newCounters(env) }

// client returns the headers that tell of a client.
func (s *syslogSettings) client(from netip.Addr) flume.Headers {
	var h flume.Headers
	from = from.Unmap()
	if s.ipHeader != "" {
		h.Set(s.ipHeader, from.String())
	}
	if s.nameHeader != "" {
		h.Set(s.nameHeader, hostNameOf(from))
	}
	return h
}

// hostNameOf asks for the name of an address; one that has none is its own.
func hostNameOf(from netip.Addr) string {
	ctx, cancel := context.WithTimeout(context.Background(), lookupTimeout)
	defer cancel()
	names, err := net.DefaultResolver.LookupAddr(ctx, from.String())
	if err != nil || len(names) == 0 {
		return from.String()
	}
	return strings.TrimSuffix(names[0], ".")
}

// complain counts a message that is none, and tells of them now and then.
func (s *syslogSettings) complain(from string, line []byte) {
	s.counters.readFail.Add(1)
	n := s.bad.Add(1)
	now, last := time.Now().Unix(), s.told.Load()
	if now-last < 10 || !s.told.CompareAndSwap(last, now) {
		return
	}
	s.bad.Add(-n)
	s.env.Logf("%s from %s no syslog, passed on with %s=%s, such as %.60q", plural(int(n), "message"), from, syslogStatus, syslogInvalid, line)
}

// SyslogTCP listens for syslog messages, one a line.
type SyslogTCP struct {
	syslogSettings
	ports      []int
	portText   string
	many       bool
	size       int
	batch      int
	portHeader string
	charset    string
	charsets   map[string]string
	tls        keystore.Server

	server tcpServer
}

const syslogSize = 2500

// NewSyslogTCP describes and makes a syslogtcp source.
func NewSyslogTCP(p *flume.Properties) Source {
	s := &SyslogTCP{ports: make([]int, 1), batch: 1000}
	p.Host(&s.host, "host", "the address to listen on").Require()
	p.Port(&s.ports[0], "port", "the port to listen on; 0 = any free one").Require()
	p.Int(&s.size, "eventSize", syslogSize, 10, "longest message; a longer one becomes several").In("bytes")
	s.describe(p)
	s.describeFormats(p)
	s.tls.Describe(p)
	return s
}

// NewMultiportSyslogTCP describes and makes a multiport_syslogtcp source.
func NewMultiportSyslogTCP(p *flume.Properties) Source {
	s := &SyslogTCP{many: true}
	p.Host(&s.host, "host", "the address to listen on; all of this machine if it is empty")
	p.String(&s.portText, "ports", "", "the ports to listen on, with blanks").Require()
	p.Int(&s.size, "eventSize", syslogSize, 10, "longest message; a longer one becomes several").In("bytes")
	s.describe(p)
	p.Int(&s.batch, "batchSize", 100, 1, "most events in one transaction").In("events")
	p.String(&s.portHeader, "portHeader", "", "a header for the port that a message came to")
	p.String(&s.charset, "charset.default", "UTF-8", "how messages are written; others are marked as invalid")
	p.Family(&s.charsets, "charset.port.", "how messages to this port are written")
	var unused int
	p.Int(&unused, "readBufferBytes", 1024, 1, "of a connection").In("bytes").Formerly("readBufferSize").Without("buffers grow as they are needed")
	p.Int(&unused, "numProcessors", 0, 0, "processors to use").Without("all are used")
	s.tls.Describe(p)
	return s
}

// Batch is the batchSize of a multiport_syslogtcp source.
func (s *SyslogTCP) Batch() (string, int) {
	if !s.many {
		return "", 0
	}
	return "batchSize", s.batch
}

// Guarantee tells what the source promises.
func (s *SyslogTCP) Guarantee() string {
	return "at most once: the protocol has no answers: what a client has sent and the agent has not read is lost with a kill of either; a full channel makes clients wait"
}

// Check finds what is wrong with ports, charsets and formats.
func (s *SyslogTCP) Check() []flume.Problem {
	all := append(s.tls.Check(), checkFormat(s.formats())...)
	if !s.many {
		return all
	}
	s.ports = nil
	for word := range strings.FieldsSeq(s.portText) {
		n, err := strconv.ParseUint(word, 10, 16)
		if err != nil {
			all = append(all, flume.Problem{Property: "ports", Message: fmt.Sprintf("%q is no port", word), Fix: "write numbers up to 65535, with blanks"})
			continue
		}
		s.ports = append(s.ports, int(n))
	}
	for port, name := range s.charsets {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			all = append(all, flume.Problem{Property: "charset.port." + port, Message: fmt.Sprintf("%q is no port", port), Fix: "write charset.port.PORT = UTF-8"})
		}
		if _, err := newCharset(name); err != nil {
			all = append(all, flume.Problem{Property: "charset.port." + port, Message: err.Error(), Fix: "write a name such as UTF-8 or ISO-8859-1"})
		}
	}
	if _, err := newCharset(s.charset); s.many && err != nil {
		all = append(all, flume.Problem{Property: "charset.default", Message: err.Error(), Fix: "write a name such as UTF-8 or ISO-8859-1"})
	}
	return all
}

// Survey reads the key store.
func (s *SyslogTCP) Survey() []flume.Problem { return s.tls.Survey() }

// Open listens.
func (s *SyslogTCP) Open(env flume.Env) error {
	s.open(env)
	if problems := s.Check(); len(problems) > 0 {
		return fault.Usagef("%s: %s", problems[0].Property, problems[0].Message)
	}
	config, err := s.tls.Config()
	if err != nil {
		return err
	}
	s.server = tcpServer{env: env, tls: config}
	property := "port"
	if s.many {
		property = "ports"
	}
	for _, port := range s.ports {
		if err := s.server.listen(s.host, port, property); err != nil {
			return errors.Join(err, s.server.close())
		}
	}
	return nil
}

// Addrs are the addresses that Open listens on.
func (s *SyslogTCP) Addrs() []net.Addr {
	var all []net.Addr
	for _, l := range s.server.listeners {
		all = append(all, l.Addr())
	}
	return all
}

// Holds are the ports.
func (s *SyslogTCP) Holds() (all []flume.Holding) {
	for _, port := range s.ports {
		all = append(all, flume.HoldPort("tcp", port))
	}
	return all
}

// Close closes the ports.
func (s *SyslogTCP) Close() error { return s.server.close() }

// Run serves clients until ctx ends.
func (s *SyslogTCP) Run(ctx context.Context, out *Output) error {
	return s.server.run(ctx, func(conn net.Conn) { s.serve(conn, out) })
}

// parser makes the parser for a port.
func (s *SyslogTCP) parser(port int) (*syslogParser, error) {
	p := &syslogParser{keep: s.keep, many: s.many}
	var err error
	if !s.many {
		p.custom, err = newSyslogFormat(s.formats(), s.env.Logf)
		return p, err
	}
	name := s.charset
	if own, ok := s.charsets[strconv.Itoa(port)]; ok {
		name = own
	}
	p.check, err = newCharset(name)
	return p, err
}

// serve reads messages until the client or the agent ends it.
func (s *SyslogTCP) serve(conn net.Conn, out *Output) {
	local, _ := netip.ParseAddrPort(conn.LocalAddr().String())
	remote, _ := netip.ParseAddrPort(conn.RemoteAddr().String())
	parser, err := s.parser(int(local.Port()))
	if err != nil {
		s.env.Logf("%v", err) // checked before
		return
	}
	add := s.client(remote.Addr())
	if s.portHeader != "" {
		add.Set(s.portHeader, strconv.Itoa(int(local.Port())))
	}
	lines := syslogLines{max: s.size}
	size := min(s.batch, out.MaxBatch())
	for {
		readErr := lines.read(conn)
		list := lines.next()
		if readErr != nil {
			rest := lines.rest()
			switch {
			case len(rest) == 0:
			case errors.Is(readErr, io.EOF): // the end of the connection ends the message
				list = append(list, syslogLine{rest, false})
			case errors.Is(readErr, os.ErrDeadlineExceeded), errors.Is(readErr, net.ErrClosed):
				s.env.Logf("%s: %d bytes of an unfinished message dropped", remote, len(rest))
			default:
				s.env.Logf("%s: %v: %d bytes of an unfinished message dropped", remote, readErr, len(rest))
			}
		}
		if err := s.put(parser, list, add, remote.String(), size, out); err != nil {
			out.tellRefused(conn.RemoteAddr(), err)
			return
		}
		if readErr != nil {
			return
		}
	}
}

// put makes events of lines and stores them.
func (s *syslogSettings) put(parser *syslogParser, list []syslogLine, add flume.Headers, from string, size int, out *Output) error {
	now := time.Now()
	for len(list) > 0 {
		n := min(size, len(list))
		events := make([]flume.Event, 0, n)
		for _, line := range list[:n] {
			e, bad := parser.event(line.text, line.cut, now)
			if bad {
				s.complain(from, line.text)
			}
			for _, h := range add {
				e.Headers.Set(h.Key, h.Value)
			}
			events = append(events, e)
		}
		if err := s.counters.put(out, events); err != nil {
			return err
		}
		list = list[n:]
	}
	return nil
}
