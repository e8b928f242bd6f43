package source

import (
	"bytes"
	"context"
	"net"
	"net/netip"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
)

// SyslogUDP listens for syslog messages, one a datagram.
type SyslogUDP struct {
	syslogSettings
	port   int
	server udpServer
}

// NewSyslogUDP describes and makes a syslogudp source.
func NewSyslogUDP(p *flume.Properties) Source {
	s := &SyslogUDP{}
	p.Host(&s.host, "host", "the address to listen on; all of this machine if it is empty")
	p.Port(&s.port, "port", "the port to listen on; 0 = any free one").Require()
	s.describe(p)
	s.describeFormats(p)
	return s
}

// Guarantee tells what the source promises.
func (s *SyslogUDP) Guarantee() string { return udpGuarantee }

// Check finds what is wrong with a format.
func (s *SyslogUDP) Check() []flume.Problem { return checkFormat(s.formats()) }

// Open listens.
func (s *SyslogUDP) Open(env flume.Env) error {
	s.open(env)
	return s.server.open(env, s.host, s.port)
}

// Addr is the address that Open listens on.
func (s *SyslogUDP) Addr() net.Addr { return s.server.conn.LocalAddr() }

// Holds is the port.
func (s *SyslogUDP) Holds() []flume.Holding { return []flume.Holding{flume.HoldPort("udp", s.port)} }

// Left is closed when the source has been told to end and the port is free.
func (s *SyslogUDP) Left() <-chan struct{} { return s.server.leaves() }

// Close closes the port.
func (s *SyslogUDP) Close() error { return s.server.close() }

// Run receives until ctx ends.
func (s *SyslogUDP) Run(ctx context.Context, out *Output) error {
	custom, err := newSyslogFormat(s.formats(), s.env.Logf)
	if err != nil {
		return err
	}
	parser := &syslogParser{keep: s.keep, custom: custom}
	names := map[netip.Addr]flume.Headers{}
	return s.server.run(ctx, out, &s.counters, func(events []flume.Event, datagram []byte, from netip.AddrPort) []flume.Event {
		add, known := names[from.Addr()]
		if !known {
			if len(names) > 10_000 {
				clear(names)
			}
			add = s.client(from.Addr())
			names[from.Addr()] = add
		}
		now := time.Now()
		for line := range bytes.SplitSeq(datagram, []byte{'\n'}) {
			if len(line) == 0 {
				continue
			}
			e, bad := parser.event(line, false, now)
			if bad {
				s.complain(from.String(), line)
			}
			for _, h := range add {
				e.Headers.Set(h.Key, h.Value)
			}
			events = append(events, e)
		}
		return events
	})
}
