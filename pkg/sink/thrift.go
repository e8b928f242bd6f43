package sink

import (
	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/flumerpc"
)

// Thrift sends events to a thrift source.
type Thrift struct {
	rpc
	settings flumerpc.ThriftSettings
}

// NewThrift describes and makes a thrift sink.
func NewThrift(p *flume.Properties) Sink {
	s := &Thrift{}
	s.describe(p)
	s.settings.Describe(p, "client-principal", "client-keytab", "server-principal")
	return s
}

// Check finds properties that do not fit together.
func (s *Thrift) Check() []flume.Problem {
	return append(s.rpc.Check(), s.settings.Check()...)
}

// Open reads the trust store.
func (s *Thrift) Open(env flume.Env) error {
	s.cfg.Protocol = s.settings.Protocol()
	return s.open(env)
}
