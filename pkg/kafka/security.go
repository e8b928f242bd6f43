package kafka

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/IBM/sarama"
	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/keystore"
)

// The mechanisms of SASL, in Kafka's names.
const (
	Plain       = "PLAIN"
	ScramSHA256 = "SCRAM-SHA-256"
	ScramSHA512 = "SCRAM-SHA-512"
	OAuthBearer = "OAUTHBEARER"
)

// Mechanisms lists those that are spoken here.
func Mechanisms() []string { return []string{Plain, ScramSHA256, ScramSHA512, OAuthBearer} }

// Secret is a text that no message shows.
type Secret string

// String does not show it.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "(hidden)"
}

// GoString does not show it.
func (s Secret) GoString() string { return `"` + s.String() + `"` }

// MarshalText does not show it.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Security says how brokers are spoken to. The zero value is plaintext without a
// user.
type Security struct {
	TLS         bool
	CA          string // file with the certificates to trust, PEM or a key store; "" = the system's
	CAText      Secret // the same in PEM, instead of the file
	CAPassword  Secret // of the store
	Cert, Key   string // files with our certificate and its key, in PEM; or a key store in Cert
	CertText    Secret // certificates in PEM, instead of the files
	KeyText     Secret
	KeyPassword Secret // of the store, or of an encrypted key

	KeyPasswordFile string // file with the password of both stores, instead of the two
	ServerName      string // that the certificate has to bear; "" = the broker's host
	AnyServerName   bool   // do not look at the name in the certificate

	Mechanism    string // of SASL; "" = none
	User         string
	Password     Secret
	PasswordFile string // file with it
	TokenFile    string // of OAUTHBEARER, read anew for each connection
}

// access is a Security made ready for connections.
type access struct {
	Security
	tls *tls.Config // nil = plaintext
}

// open reads the files that hold secrets and certificates.
func (s Security) open() (*access, error) {
	var err error
	if s.PasswordFile != "" {
		if s.Password, err = ReadSecret(s.PasswordFile); err != nil {
			return nil, err
		}
	}
	if s.KeyPasswordFile != "" {
		if s.KeyPassword, err = ReadSecret(s.KeyPasswordFile); err != nil {
			return nil, err
		}
		s.CAPassword = s.KeyPassword
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	a := &access{Security: s}
	if !s.TLS {
		return a, nil
	}
	a.tls = &tls.Config{ServerName: s.ServerName, MinVersion: tls.VersionTLS12}
	trusted, err := s.trusted()
	if err != nil {
		return nil, err
	}
	if trusted != nil {
		a.tls.RootCAs = x509.NewCertPool()
		for _, c := range trusted {
			a.tls.RootCAs.AddCert(c)
		}
	}
	if s.AnyServerName {
		a.anyName(trusted)
	}
	if a.tls.Certificates, err = s.own(); err != nil {
		return nil, err
	}
	return a, nil
}

// own reads our certificate and its key, where we have one.
func (s Security) own() ([]tls.Certificate, error) {
	switch {
	case s.CertText != "":
		pair, err := keystore.PairPEM([]byte(s.CertText), []byte(s.KeyText), string(s.KeyPassword))
		if err != nil {
			return nil, fault.Usagef("our certificate: %w", err)
		}
		return []tls.Certificate{pair}, nil
	case s.Cert != "":
		pair, err := keystore.Pair(s.Cert, s.Key, string(s.KeyPassword))
		if err != nil {
			return nil, err
		}
		return []tls.Certificate{pair}, nil
	}
	return nil, nil
}

func (s Security) trusted() ([]*x509.Certificate, error) {
	if s.CAText != "" {
		list, err := keystore.TrustedPEM([]byte(s.CAText))
		if err != nil {
			return nil, fault.Usagef("trusted certificates: %w", err)
		}
		return list, nil
	}
	if s.CA == "" {
		return nil, nil
	}
	return keystore.Trusted(s.CA, string(s.CAPassword))
}

// anyName verifies the chain of a server without its name.
func (a *access) anyName(trusted []*x509.Certificate) {
	roots := a.tls.RootCAs
	a.tls.InsecureSkipVerify = true // in favour of what follows
	a.tls.VerifyConnection = func(state tls.ConnectionState) error {
		if trusted != nil {
			return keystore.VerifyChain(state.PeerCertificates, trusted, a.CA)
		}
		o := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool()}
		for _, c := range state.PeerCertificates[1:] {
			o.Intermediates.AddCert(c)
		}
		_, err := state.PeerCertificates[0].Verify(o)
		return err
	}
}

// check finds what contradicts itself or is missing.
func (s Security) check() error {
	switch {
	case !s.TLS && (s.CA != "" || s.Cert != "" || s.ServerName != ""):
		return fault.Hint(fault.Usagef("files for TLS are given, and TLS is off"), "--tls switches it on")
	case s.Key != "" && s.Cert == "":
		return fault.Hint(fault.Usagef("a key is given, and no certificate"), "--tls-cert names its file")
	case s.Mechanism == "" && (s.User != "" || s.Password != "" || s.TokenFile != ""):
		return fault.Hint(fault.Usagef("a user or a secret is given, and no mechanism"), "--sasl takes one of %s", strings.ToLower(strings.Join(Mechanisms(), ", ")))
	case s.Mechanism == "":
	case s.Mechanism == OAuthBearer:
		if s.TokenFile == "" {
			return fault.Hint(fault.Usagef("%s needs a token", s.Mechanism), "--sasl-token-file names the file that holds it")
		}
	case s.User == "":
		return fault.Hint(fault.Usagef("%s needs a user", s.Mechanism), "--sasl-user names it")
	case s.Password == "":
		return fault.Hint(fault.Usagef("%s needs a password", s.Mechanism), "--sasl-password-file names the file that holds it")
	}
	return nil
}

// apply makes the library's connections so.
func (a *access) apply(c *sarama.Config) {
	if a.tls != nil {
		c.Net.TLS.Enable, c.Net.TLS.Config = true, a.tls
	}
	if a.Mechanism == "" {
		return
	}
	c.Net.SASL.Enable = true
	c.Net.SASL.Mechanism = sarama.SASLMechanism(a.Mechanism)
	c.Net.SASL.User, c.Net.SASL.Password = a.User, string(a.Password)
	switch a.Mechanism {
	case ScramSHA256, ScramSHA512:
		c.Net.SASL.SCRAMClientGeneratorFunc = func() sarama.SCRAMClient { return newScram(a.Mechanism) }
	case OAuthBearer:
		c.Net.SASL.TokenProvider = tokenFile(a.TokenFile)
	}
}

// tokenFile is a file with a token for OAUTHBEARER. Somebody renews it.
type tokenFile string

// Token reads the file.
func (f tokenFile) Token() (*sarama.AccessToken, error) {
	text, err := ReadSecret(string(f))
	if err != nil {
		return nil, err
	}
	return &sarama.AccessToken{Token: string(text)}, nil
}

// ReadSecret reads a secret from a file, without the end of its line.
func ReadSecret(path string) (Secret, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", fault.With(fault.Usage, err)
	}
	text := strings.TrimRight(string(data), "\r\n")
	if text == "" {
		return "", fault.Usagef("%s is empty: want a secret", path)
	}
	return Secret(text), nil
}

// refusedUser words a refusal of who we say to be.
func (s Security) refusedUser(err error) error {
	who := fmt.Sprintf("user %q", s.User)
	hint := "--sasl-user and --sasl-password-file say who, --sasl by which mechanism"
	if s.Mechanism == OAuthBearer {
		who, hint = "the token of "+s.TokenFile, "is it for this cluster, and not too old?"
	}
	text := fmt.Sprintf("refuses %s (%s)", who, s.Mechanism)
	if detail := cmp.Or(serverMessage(err), trim(err)); !errors.Is(err, sarama.ErrSASLAuthenticationFailed) || serverMessage(err) != "" {
		text += ": " + detail
	}
	return fault.Hint(topicError{text, err}, "%s", hint)
}

// refusesUser tells whether an error is such a refusal.
func refusesUser(err error) bool {
	return errors.Is(err, sarama.ErrSASLAuthenticationFailed) || err != nil && strings.HasPrefix(err.Error(), "SCRAM: ")
}
