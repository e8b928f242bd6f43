package keystore

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/flume"
)

// Server holds the TLS properties of a component that listens.
type Server struct {
	limits
	ssl            bool
	path, password string
}

// Describe describes the properties.
func (s *Server) Describe(p *flume.Properties) {
	p.Bool(&s.ssl, "ssl", false, "speak TLS")
	p.String(&s.path, "keystore", global(p, "javax.net.ssl.keyStore", "FLUME_SSL_KEYSTORE_PATH", ""), "the file with key and certificate")
	p.String(&s.password, "keystore-password", global(p, "javax.net.ssl.keyStorePassword", "FLUME_SSL_KEYSTORE_PASSWORD", ""), "its password")
	storeType(p, "keystore-type", "javax.net.ssl.keyStoreType", "FLUME_SSL_KEYSTORE_TYPE")
	s.describe(p)
}

// Check finds what is missing.
func (s *Server) Check() []flume.Problem {
	if !s.ssl {
		return nil
	}
	all := s.check()
	for _, needed := range []struct{ property, value string }{{"keystore", s.path}, {"keystore-password", s.password}} {
		if needed.value == "" {
			all = append(all, flume.Problem{Property: "ssl", Message: "ssl is on and there is no " + needed.property,
				Fix: "add " + needed.property + ", or set ssl to false"})
		}
	}
	return all
}

// Survey reads the key store.
func (s *Server) Survey() []flume.Problem {
	if !s.ssl || s.path == "" {
		return nil
	}
	return Survey("keystore", "keystore-password", s.path, func() error {
		_, err := ReadKey(s.path, s.password)
		return err
	})
}

// Config reads the key; nil where TLS is off.
func (s *Server) Config() (*tls.Config, error) {
	if !s.ssl {
		return nil, nil
	}
	key, err := ReadKey(s.path, s.password)
	if err != nil {
		return nil, flume.OfProperty(err, "keystore")
	}
	c := &tls.Config{Certificates: []tls.Certificate{key}}
	s.apply(c)
	return c, nil
}

// Client holds the TLS properties of a component that connects.
type Client struct {
	limits
	ssl            bool
	trustAll       bool
	path, password string
}

// Describe describes the properties.
func (c *Client) Describe(p *flume.Properties) {
	p.Bool(&c.ssl, "ssl", false, "speak TLS")
	p.Bool(&c.trustAll, "trust-all-certs", false, "accept any server; for tests alone")
	p.String(&c.path, "truststore", global(p, "javax.net.ssl.trustStore", "FLUME_SSL_TRUSTSTORE_PATH", ""),
		"the file with the certificates that are trusted; none = the system's")
	p.String(&c.password, "truststore-password", global(p, "javax.net.ssl.trustStorePassword", "FLUME_SSL_TRUSTSTORE_PASSWORD", ""), "its password")
	storeType(p, "truststore-type", "javax.net.ssl.trustStoreType", "FLUME_SSL_TRUSTSTORE_TYPE")
	c.describe(p)
}

// Check finds what is missing.
func (c *Client) Check() []flume.Problem {
	if !c.ssl {
		return nil
	}
	all := c.check()
	if c.path != "" && c.password == "" && !c.trustAll {
		all = append(all, flume.Problem{Property: "truststore", Message: "there is a truststore and no truststore-password",
			Fix: "add truststore-password"})
	}
	return all
}

// Survey reads the trust store.
func (c *Client) Survey() []flume.Problem {
	if !c.ssl || c.trustAll || c.path == "" {
		return nil
	}
	return Survey("truststore", "truststore-password", c.path, func() error {
		_, err := ReadTrusted(c.path, c.password)
		return err
	})
}

// Config reads the trust store; nil where TLS is off. Host is the name of the
// server. A trust store says exactly whom to trust, and as in Flume the server's
// name does not matter then; with the system's certificates it has to be right.
func (c *Client) Config(host string) (*tls.Config, error) {
	if !c.ssl {
		return nil, nil
	}
	t := &tls.Config{ServerName: host, ClientSessionCache: tls.NewLRUClientSessionCache(4)}
	switch {
	case c.trustAll:
		t.InsecureSkipVerify = true
	case c.path != "":
		trusted, err := ReadTrusted(c.path, c.password)
		if err != nil {
			return nil, flume.OfProperty(err, "truststore")
		}
		t.InsecureSkipVerify = true // in favour of the next line
		t.VerifyConnection = func(s tls.ConnectionState) error { return verify(s.PeerCertificates, trusted, c.path) }
	}
	c.apply(t)
	return t, nil
}

// verify accepts a chain that leads to one of the trusted certificates, and as
// Java a server that is one of them.
func verify(chain, trusted []*x509.Certificate, path string) error {
	if len(chain) == 0 {
		return errors.New("the server has shown no certificate")
	}
	o := x509.VerifyOptions{Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool()}
	for _, t := range trusted {
		if bytes.Equal(t.Raw, chain[0].Raw) {
			return nil
		}
		o.Roots.AddCert(t)
	}
	for _, i := range chain[1:] {
		o.Intermediates.AddCert(i)
	}
	if _, err := chain[0].Verify(o); err != nil {
		return fault.Hint(fmt.Errorf("the truststore %s does not lead to the server's certificate (%s): %w", path, chain[0].Subject, err),
			"import it: keytool -importcert -keystore %s -file SERVER.crt", path)
	}
	return nil
}
