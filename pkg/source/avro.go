package source

import (
	"context"
	"net"
	"strings"

	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/flumerpc"
)

// Avro listens for events that avro sinks and other clients of Flume's SDK send.
type Avro struct {
	rpc
	compression string
	filter      bool
	filterText  string
}

// NewAvro describes and makes an avro source.
func NewAvro(p *flume.Properties) Source {
	s := &Avro{rpc: rpc{server: &flumerpc.Server{Protocol: flumerpc.Avro}}}
	s.describe(p)
	p.Choice(&s.compression, "compression-type", "none", []string{"none", "deflate"}, "how senders compress; theirs must be the same")
	p.Bool(&s.filter, "ipFilter", false, "let only those connect that ipFilterRules allow")
	p.String(&s.filterText, "ipFilterRules", "", "allow or deny, ip or name, and a pattern, as in allow:ip:127.*,deny:ip:*; the first that fits counts")
	return s
}

// Check finds rules that cannot be read.
func (s *Avro) Check() []flume.Problem {
	all := s.rpc.Check()
	if !s.filter {
		return all
	}
	if strings.TrimSpace(s.filterText) == "" {
		return append(all, flume.Problem{Property: "ipFilter", Message: "ipFilter is on and there are no ipFilterRules",
			Fix: "add ipFilterRules, such as allow:ip:10.*,deny:ip:*"})
	}
	if _, err := parseRules(s.filterText); err != nil {
		all = append(all, flume.Problem{Property: "ipFilterRules", Message: err.Error(), Fix: "write rules such as allow:ip:10.*,deny:ip:*"})
	}
	return all
}

// Open listens.
func (s *Avro) Open(env flume.Env) error {
	s.server.Deflate = s.compression == "deflate"
	if s.filter {
		rules, err := parseRules(s.filterText)
		if err != nil {
			return err
		}
		s.server.Admit = rules.admit
	}
	return s.rpc.Open(env)
}

// Run serves senders until ctx ends.
func (s *Avro) Run(ctx context.Context, out *Output) error { return s.run(ctx, out) }

// Addr is the address that Open listens on.
func (s *Avro) Addr() net.Addr { return s.listener.Addr() }
