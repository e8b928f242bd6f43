package source

import (
	"context"
	"net"

	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/flumerpc"
)

// Thrift listens for events that thrift sinks and other clients of Flume's SDK
// send.
type Thrift struct {
	rpc
	protocol string
	kerberos bool
}

// NewThrift describes and makes a thrift source.
func NewThrift(p *flume.Properties) Source {
	s := &Thrift{rpc: rpc{server: new(flumerpc.Server)}}
	s.describe(p)
	p.Choice(&s.protocol, "protocol", "compact", []string{"compact", "binary"}, "what senders speak")
	p.Bool(&s.kerberos, "kerberos", false, "ask senders for a Kerberos ticket")
	var unused string
	p.String(&unused, "agent-principal", "", "name for Kerberos").Without("Kerberos is not supported")
	p.String(&unused, "agent-keytab", "", "key file for Kerberos").Without("Kerberos is not supported")
	return s
}

// Check refuses what would let in those who should not come.
func (s *Thrift) Check() []flume.Problem {
	all := s.rpc.Check()
	if s.kerberos {
		all = append(all, flume.Problem{Property: "kerberos", Message: "Kerberos is not supported", Fix: "use ssl"})
	}
	return all
}

// Open listens.
func (s *Thrift) Open(env flume.Env) error {
	s.server.Protocol = flumerpc.ThriftCompact
	if s.protocol == "binary" {
		s.server.Protocol = flumerpc.ThriftBinary
	}
	return s.rpc.Open(env)
}

// Run serves senders until ctx ends.
func (s *Thrift) Run(ctx context.Context, out *Output) error { return s.run(ctx, out) }

// Addr is the address that Open listens on.
func (s *Thrift) Addr() net.Addr { return s.listener.Addr() }
