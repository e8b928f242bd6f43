package flumerpc

import "github.com/logpipe/logpipe/pkg/flume"

// ThriftSettings are the properties that the thrift source and sink share.
type ThriftSettings struct {
	protocol string
	kerberos bool
	unused   string
}

// Describe describes the properties; unread are those for Kerberos.
func (s *ThriftSettings) Describe(p *flume.Properties, unread ...string) {
	p.Choice(&s.protocol, "protocol", "compact", []string{"compact", "binary"}, "what both ends speak")
	p.Bool(&s.kerberos, "kerberos", false, "both ends know each other by Kerberos tickets")
	for _, name := range unread {
		p.String(&s.unused, name, "", "for Kerberos").Without("Kerberos is not supported")
	}
}

// Check refuses what would let in those who should not come, or could not be
// shown.
func (s *ThriftSettings) Check() []flume.Problem {
	if !s.kerberos {
		return nil
	}
	return []flume.Problem{{Property: "kerberos", Message: "Kerberos is not supported", Fix: "use ssl"}}
}

// Protocol is what the properties say.
func (s *ThriftSettings) Protocol() Protocol {
	if s.protocol == "binary" {
		return ThriftBinary
	}
	return ThriftCompact
}
