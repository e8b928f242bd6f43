package catalog

import (
	"errors"
	"strings"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/kafka"
	"github.com/logpipe/logpipe/pkg/option"
)

// securityOptions declares how brokers are spoken to. Secrets are in files, or in
// the configuration file.
func (k *Kafka) securityOptions(s *option.Set) {
	c := &k.security
	s.Bool(&c.TLS, "tls", "speak TLS")
	s.String(&c.CA, "tls-ca", "", "trust the certificates in this `file`, PEM, JKS or PKCS12; without it those of the system")
	s.String(&c.Cert, "tls-cert", "", "show this certificate: a `file` in PEM, or a JKS or PKCS12 store with its key")
	s.String(&c.Key, "tls-key", "", "the `file` with its private key, in PEM")
	s.String(&c.KeyPasswordFile, "tls-password-file", "", "the `file` with the password of JKS and PKCS12 stores, or of an encrypted key")
	s.String(&c.ServerName, "tls-name", "", "the `name` in the brokers' certificates, where it is not their host's")
	var words []string
	for _, m := range kafka.Mechanisms() {
		words = append(words, strings.ToLower(m))
	}
	o := s.Add("sasl", &mechanism{&k.mechanism}, "say who we are, by this `mechanism`: "+strings.Join(words, ", "))
	o.Words = words
	s.String(&c.User, "sasl-user", "", "the `name` of the user")
	s.String(&c.PasswordFile, "sasl-password-file", "", "the `file` with the user's password")
	s.String(&c.TokenFile, "sasl-token-file", "", "the `file` with the token of oauthbearer, read anew for each connection")
	for _, o := range []*option.Option{
		s.Add("sasl-password", secret{&k.password}, "in the configuration file alone: what --sasl-password-file holds"),
		s.Add("tls-password", secret{&k.keyPassword}, "in the configuration file alone: what --tls-password-file holds"),
	} {
		o.Secret, o.Hidden = true, true
	}
}

// mechanism is the value of --sasl.
type mechanism struct{ p *string }

func (v *mechanism) Set(text string) error {
	for _, m := range kafka.Mechanisms() {
		if strings.EqualFold(m, text) {
			*v.p = strings.ToLower(m)
			return nil
		}
	}
	if word := strings.ToLower(text); word == "gssapi" || word == "kerberos" {
		return fault.Hint(errors.New("Kerberos (GSSAPI) is not spoken to Kafka"),
			"use one of %s, where the brokers have a listener for it", strings.ToLower(strings.Join(kafka.Mechanisms(), ", ")))
	}
	return errors.New("want one of " + strings.ToLower(strings.Join(kafka.Mechanisms(), ", ")))
}
func (v *mechanism) String() string { return *v.p }
func (v *mechanism) Type() string   { return "word" }

// secret is the value of a setting that is not shown.
type secret struct{ p *string }

func (v secret) Set(text string) error { *v.p = text; return nil }
func (v secret) String() string {
	if *v.p == "" {
		return ""
	}
	return "(hidden)"
}
func (v secret) Type() string { return "secret" }

// SecretOnLine refuses a secret on the command line, where others see it.
func SecretOnLine(o *option.Option) error {
	return fault.Hint(fault.Usagef("a secret on a command line is seen by others"),
		"--%s-file names a file that holds it; the configuration file may have it as %[1]s", o.Name)
}
