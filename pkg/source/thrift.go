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
	settings flumerpc.ThriftSettings
}

// NewThrift describes and makes a thrift source.
func NewThrift(p *flume.Properties) Source {
	s := &Thrift{rpc: rpc{server: new(flumerpc.Server)}}
	s.describe(p)
	s.settings.Describe(p, "agent-principal", "agent-keytab")
	return s
}

// Check refuses what would let in those who should not come.
func (s *Thrift) Check() []flume.Problem {
	return append(s.rpc.Check(), s.settings.Check()...)
}

// Open listens.
func (s *Thrift) Open(env flume.Env) error {
	s.server.Protocol = s.settings.Protocol()
	return s.rpc.Open(env)
}

// Run serves senders until ctx ends.
func (s *Thrift) Run(ctx context.Context, out *Output) error { return s.run(ctx, out) }

// Addr is the address that Open listens on.
func (s *Thrift) Addr() net.Addr { return s.listener.Addr() }
