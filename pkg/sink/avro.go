package sink

import (
	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/flumerpc"
)

// Avro sends events to an avro source.
type Avro struct {
	rpc
	compression string
}

// NewAvro describes and makes an avro sink.
func NewAvro(p *flume.Properties) Sink {
	s := &Avro{}
	s.describe(p)
	p.Choice(&s.compression, "compression-type", "none", []string{"none", "deflate"}, "how to compress; the source's must be the same")
	p.Int(&s.cfg.Level, "compression-level", 6, 0, "0 = not at all, 9 = most")
	var unused int
	p.Int(&unused, "maxIoWorkers", 0, 0, "threads of Flume's client").Without("each connection has its own")
	return s
}

// Check finds properties that do not fit together.
func (s *Avro) Check() []flume.Problem {
	all := s.rpc.Check()
	if s.cfg.Level > 9 {
		all = append(all, flume.Problem{Property: "compression-level", Message: "there is no compression-level above 9", Fix: "write 0 to 9"})
	}
	return all
}

// Open reads the trust store.
func (s *Avro) Open(env flume.Env) error {
	s.cfg.Protocol, s.cfg.Deflate = flumerpc.Avro, s.compression == "deflate"
	return s.open(env)
}
