package broker

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// The mechanisms of SASL that a broker takes, in Kafka's names.
const (
	Plain       = "PLAIN"
	ScramSHA256 = "SCRAM-SHA-256"
	ScramSHA512 = "SCRAM-SHA-512"
)

// Mechanisms lists them.
func Mechanisms() []string { return []string{Plain, ScramSHA256, ScramSHA512} }

// maxLogin is the most bytes that a request of somebody unknown may have.
const maxLogin = 64 << 10

// Login says who may connect. Whoever has logged in may do everything: the
// broker knows no ACLs.
type Login struct {
	Mechanisms []string // of Mechanisms(), one or more
	Users      Users
}

// check finds what a broker cannot start with.
func (l *Login) check() error {
	switch {
	case l == nil:
		return nil
	case len(l.Mechanisms) == 0:
		return fault.Usagef("SASL without a mechanism")
	case len(l.Users) == 0:
		return fault.Usagef("SASL without a user")
	}
	for _, m := range l.Mechanisms {
		if !slices.Contains(Mechanisms(), m) {
			return fault.Usagef("the broker does not know the SASL mechanism %s; it takes %s", m, strings.Join(Mechanisms(), ", "))
		}
	}
	return nil
}

// errLogin is a wrong name or password. It does not say which of the two.
var errLogin = errors.New("wrong user name or password")

// login is how far a connection has come in telling who it is. Kafka's protocol
// guide describes the requests (SaslHandshake, SaslAuthenticate) and the tokens
// without requests that follow a handshake of version 0.
type login struct {
	mechanism string // chosen by the handshake
	scram     *scram // between its two messages
	bare      bool   // tokens come without requests
	done      bool
}

// allows tells whether a request may come at this point.
func (l *login) allows(rules *Login, key int16, length int) error {
	switch {
	case rules == nil || l.done:
		return nil
	case length > maxLogin:
		return fmt.Errorf("request of %d bytes before the login", length)
	}
	switch key {
	case keyAPIVersions, keySASLHandshake, keySASLAuthenticate:
		return nil
	}
	return fmt.Errorf("request with key %d before the login", key)
}

// handshake chooses the mechanism. rest is what follows the key and version of
// the request.
func (l *login) handshake(rules *Login, version int16, rest []byte) (*kmsg.SASLHandshakeResponse, error) {
	r := behindHead(rest, false)
	mechanism := r.String()
	if !r.Ok() || version > 1 {
		return nil, errors.New("not a SASL handshake")
	}
	resp := kmsg.NewPtrSASLHandshakeResponse()
	if rules == nil || l.done || l.mechanism != "" {
		resp.ErrorCode = kerr.IllegalSaslState.Code
		return resp, nil
	}
	resp.SupportedMechanisms = rules.Mechanisms
	if !slices.Contains(rules.Mechanisms, mechanism) {
		resp.ErrorCode = kerr.UnsupportedSaslMechanism.Code
		return resp, nil
	}
	l.mechanism = mechanism
	l.bare = version == 0
	return resp, nil
}

// authenticate takes the next token. An answer with an error is the last one of
// its connection.
func (l *login) authenticate(rules *Login, version int16, rest []byte) (*kmsg.SASLAuthenticateResponse, error) {
	req := kmsg.NewPtrSASLAuthenticateRequest()
	req.SetVersion(version)
	r := behindHead(rest, req.IsFlexible())
	var token []byte
	if req.IsFlexible() {
		token = r.CompactBytes()
	} else {
		token = r.Bytes()
	}
	if !r.Ok() || version > req.MaxVersion() {
		return nil, errors.New("not a SASL token")
	}
	resp := kmsg.NewPtrSASLAuthenticateResponse()
	if rules == nil || l.done || l.mechanism == "" {
		resp.ErrorCode = kerr.IllegalSaslState.Code
		text := "no SASL handshake came before"
		resp.ErrorMessage = &text
		return resp, nil
	}
	answer, err := l.step(rules, token)
	if err != nil {
		resp.ErrorCode = kerr.SaslAuthenticationFailed.Code
		text := fmt.Sprintf("Authentication failed with SASL mechanism %s: %v", l.mechanism, err)
		resp.ErrorMessage = &text
		return resp, nil
	}
	resp.SASLAuthBytes = answer
	return resp, nil
}

// step takes a token and gives the one to answer with.
func (l *login) step(rules *Login, token []byte) ([]byte, error) {
	switch {
	case l.mechanism == Plain:
		if err := plain(rules.Users, token); err != nil {
			return nil, err
		}
		l.finish()
		return []byte{}, nil
	case l.scram == nil:
		var err error
		l.scram, err = newScram(l.mechanism, rules.Users, token)
		if err != nil {
			return nil, err
		}
		return l.scram.first, nil
	default:
		answer, err := l.scram.finish(token)
		if err != nil {
			return nil, err
		}
		l.finish()
		return answer, nil
	}
}

func (l *login) finish() { l.done, l.bare, l.scram = true, false, nil }

// plain judges the one token of PLAIN (RFC 4616): for whom, who, password.
func plain(users Users, token []byte) error {
	parts := strings.Split(string(token), "\x00")
	if len(parts) != 3 {
		return errors.New("not a token of PLAIN")
	}
	password, ok := users[parts[1]]
	same := subtle.ConstantTimeCompare([]byte(password), []byte(parts[2])) == 1
	if !ok || !same || parts[0] != "" && parts[0] != parts[1] {
		return errLogin
	}
	return nil
}
