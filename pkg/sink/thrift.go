package sink

import (
	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/flumerpc"
)

// Thrift sends events to a thrift source.
type Thrift struct {
	rpc
	protocol string
	kerberos bool
}

// NewThrift describes and makes a thrift sink.
func NewThrift(p *flume.Properties) Sink {
	s := &Thrift{}
	s.describe(p)
	p.Choice(&s.protocol, "protocol", "compact", []string{"compact", "binary"}, "what the source speaks")
	p.Bool(&s.kerberos, "kerberos", false, "show the source a Kerberos ticket")
	var unused string
	for _, name := range []string{"client-principal", "client-keytab", "server-principal"} {
		p.String(&unused, name, "", "for Kerberos").Without("Kerberos is not supported")
	}
	return s
}

// Check finds properties that do not fit together.
func (s *Thrift) Check() []flume.Problem {
	all := s.rpc.Check()
	if s.kerberos {
		all = append(all, flume.Problem{Property: "kerberos", Message: "Kerberos is not supported", Fix: "use ssl"})
	}
	return all
}

// Open reads the trust store.
func (s *Thrift) Open(env flume.Env) error {
	s.cfg.Protocol = flumerpc.ThriftCompact
	if s.protocol == "binary" {
		s.cfg.Protocol = flumerpc.ThriftBinary
	}
	return s.open(env)
}
