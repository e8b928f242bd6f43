package kafka

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"

	"github.com/IBM/sarama"
	"github.com/logpipe/logpipe/pkg/fault"
)

// handshake speaks TLS over a connection where it is to be spoken.
func (a *access) handshake(ctx context.Context, conn net.Conn, addr string) (net.Conn, *contactError) {
	if a == nil || a.tls == nil {
		return conn, nil
	}
	config := a.tls.Clone()
	if config.ServerName == "" {
		config.ServerName, _, _ = net.SplitHostPort(addr)
	}
	c := tls.Client(conn, config)
	if err := c.HandshakeContext(ctx); err != nil {
		return nil, a.tlsFailure(addr, err)
	}
	return c, nil
}

// tlsFailure says why TLS has failed.
func (a *access) tlsFailure(addr string, err error) *contactError {
	f := &contactError{addr: addr, final: true, err: err}
	var notTLS tls.RecordHeaderError
	var unknown x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	var broken *net.OpError
	switch {
	case errors.As(err, &notTLS):
		f.cause, f.hint = "the port does not speak TLS", "leave --tls out, or name the TLS port with -b HOST:PORT"
	case errors.As(err, &unknown):
		f.obscure = true
		f.cause, f.hint = "its certificate is signed by nobody who is trusted", "--tls-ca FILE names the certificate of who has signed it"
		if a.CA != "" {
			f.cause = fmt.Sprintf("its certificate is signed by nobody who stands in %s", a.CA)
		}
	case errors.As(err, &host):
		f.obscure = true
		f.cause, f.hint = host.Error(), "-b names the broker as its certificate does, or --tls-name says which name that is"
	case errors.As(err, &invalid):
		f.obscure = true
		f.cause, f.hint = "its certificate does not count: "+invalid.Error(), "its owner has to renew it"
	case isTimeout(err):
		f.cause, f.hint, f.final = "does not speak TLS: no answer in time", "leave --tls out, or name the TLS port with -b HOST:PORT", false
	case a.ownCertificate(f, err):
	case errors.Is(err, io.EOF) || errors.As(err, &broken) && (broken.Op == "read" || broken.Op == "write"):
		f.cause, f.hint = "closes the connection where TLS begins: the port does not speak TLS", "leave --tls out, or name the TLS port with -b HOST:PORT"
	default:
		f.cause, f.hint = "TLS: "+strings.TrimPrefix(err.Error(), "tls: "), "--tls-ca, --tls-cert and --tls-key name the certificates"
	}
	return f
}

// ownCertificate words the server's refusal of our certificate.
func (a *access) ownCertificate(f *contactError, err error) bool {
	text := err.Error()
	if !strings.Contains(text, "remote error: tls:") {
		return false
	}
	_, alert, _ := strings.Cut(text, "remote error: tls: ")
	f.final = true
	if a.Cert == "" && a.CertText == "" && (strings.Contains(alert, "certificate required") || strings.Contains(alert, "bad certificate") ||
		strings.Contains(alert, "handshake failure")) {
		f.cause, f.hint = "wants a certificate of ours", "--tls-cert and --tls-key name one"
		return true
	}
	f.cause, f.hint = "ends TLS: "+alert, "--tls-cert and --tls-key name our certificate, which it has to trust"
	return true
}

// answerFailure judges a server that did not answer; over TLS a refusal of our
// certificate may come only now.
func (a *access) answerFailure(addr string, head []byte, err error) *contactError {
	if a != nil && a.tls != nil && err != nil {
		f := &contactError{addr: addr}
		if a.ownCertificate(f, err) {
			return f
		}
	}
	return answerFailure(addr, head, err)
}

// Requests by which a server tells whether it wants to know who we are.
const (
	keyMetadata         = 3
	keySaslHandshake    = 17
	keySaslAuthenticate = 36
)

// greet finds out whether the server wants to know who we are, and how. Without a
// mechanism it is asked for its brokers: a port for users closes the connection
// at that. dial opens another connection for the question which mechanisms it
// has.
func (a *access) greet(c net.Conn, addr string, dial func() (net.Conn, error)) *contactError {
	if a != nil && a.Mechanism != "" {
		_, failure := a.shake(c, addr)
		return failure
	}
	// Version 4 may say: no topics, and make none.
	b := append(request(keyMetadata, 4, 5), 0, 0, 0, 0, 0)
	if body, _, err := ask(c, b); err == nil || body != nil || isTimeout(err) {
		return nil
	}
	again, err := dial()
	if err != nil {
		return nil
	}
	defer again.Close()
	code, offered, ok := handshakeFor(again, "")
	if !ok || code != sarama.ErrUnsupportedSASLMechanism {
		return nil
	}
	return &contactError{addr: addr, final: true, cause: "wants to know who we are (SASL)",
		hint: "--sasl takes the mechanism" + oneOf(offered)}
}

// shake asks for our mechanism and says who we are. The server answers with those
// mechanisms that it has.
func (a *access) shake(c net.Conn, addr string) (offered []string, failure *contactError) {
	f := &contactError{addr: addr, final: true}
	code, offered, ok := handshakeFor(c, a.Mechanism)
	switch {
	case ok && code == sarama.ErrUnsupportedSASLMechanism:
		f.cause, f.hint = "does not have the mechanism "+a.Mechanism, "--sasl takes another one"+oneOf(offered)
	case ok && code == sarama.ErrIllegalSASLState:
		f.cause, f.hint = "the port knows no users (SASL)", "leave --sasl out, or name the port for it with -b HOST:PORT"
	case ok && code == sarama.ErrNoError:
		if err := a.authenticate(c); err != nil {
			refused := a.refusedUser(err)
			f.cause, f.hint, f.refused = refused.Error(), fault.HintOf(refused), true
			return offered, f
		}
		return offered, nil
	default:
		return nil, nil
	}
	return offered, f
}

// authenticate says who we are, as the library does later: it takes a broker that
// closes the connection at a wrong password for one that is away.
func (a *access) authenticate(c net.Conn) error {
	switch a.Mechanism {
	case Plain:
		_, err := authenticateStep(c, "\x00"+a.User+"\x00"+string(a.Password))
		return err
	case ScramSHA256, ScramSHA512:
		s, challenge := newScram(a.Mechanism), ""
		if err := s.Begin(a.User, string(a.Password), ""); err != nil {
			return err
		}
		for {
			answer, err := s.Step(challenge)
			if err != nil || s.Done() {
				return err
			}
			if challenge, err = authenticateStep(c, answer); err != nil {
				return err
			}
		}
	}
	token, err := tokenFile(a.TokenFile).Token()
	if err != nil {
		return err
	}
	answer, err := authenticateStep(c, "n,,\x01auth=Bearer "+token.Token+"\x01\x01")
	if err == nil && answer != "" { // RFC 7628: a refusal, as JSON
		return errors.New(answer)
	}
	return err
}

// authenticateStep sends one message of a mechanism (SaslAuthenticate, version 0)
// and returns the broker's.
func authenticateStep(c net.Conn, message string) (string, error) {
	b := request(keySaslAuthenticate, 0, 4+len(message))
	b = binary.BigEndian.AppendUint32(b, uint32(len(message)))
	body, _, err := ask(c, append(b, message...))
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "", errors.New("it closes the connection")
	}
	if err != nil {
		return "", err
	}
	if len(body) < 4 {
		return "", errors.New("its answer is malformed")
	}
	code, n := sarama.KError(binary.BigEndian.Uint16(body)), int(int16(binary.BigEndian.Uint16(body[2:])))
	rest, text := body[4:], ""
	if n > 0 && n <= len(rest) {
		text, rest = string(rest[:n]), rest[n:]
	}
	if code != sarama.ErrNoError {
		return "", errors.New(cmp.Or(text, code.Error()))
	}
	if len(rest) < 4 || uint64(binary.BigEndian.Uint32(rest)) > uint64(len(rest)-4) {
		return "", errors.New("its answer is malformed")
	}
	return string(rest[4 : 4+binary.BigEndian.Uint32(rest)]), nil
}

func oneOf(mechanisms []string) string {
	if len(mechanisms) == 0 {
		return ""
	}
	return ", here one of " + strings.ToLower(strings.Join(mechanisms, ", "))
}

// handshakeFor asks for a mechanism.
func handshakeFor(c net.Conn, mechanism string) (code sarama.KError, offered []string, ok bool) {
	b := request(keySaslHandshake, 1, 2+len(mechanism))
	b = binary.BigEndian.AppendUint16(b, uint16(len(mechanism)))
	body, _, err := ask(c, append(b, mechanism...))
	if err != nil || len(body) < 6 {
		return 0, nil, false
	}
	return sarama.KError(binary.BigEndian.Uint16(body)), mechanismsIn(body[2:]), true
}

// mechanismsIn reads an array of strings.
func mechanismsIn(b []byte) []string {
	var list []string
	n := binary.BigEndian.Uint32(b)
	for b = b[4:]; n > 0 && len(b) >= 2; n-- {
		length := int(binary.BigEndian.Uint16(b))
		if b = b[2:]; length > len(b) {
			break
		}
		list = append(list, string(b[:length]))
		b = b[length:]
	}
	slices.Sort(list)
	return list
}
