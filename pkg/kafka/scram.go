package kafka

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"strconv"
	"strings"
)

// scram is a client of SCRAM (RFC 5802; RFC 7677 for SHA-256) for one
// authentication. It checks that the server knows the password too.
type scram struct {
	hash     func() hash.Hash
	nonce    string // the client's; "" = a random one
	password string
	first    string // client-first-message-bare
	auth     string // what both have signed
	salted   []byte
	step     int
}

func newScram(mechanism string) *scram {
	if mechanism == ScramSHA512 {
		return &scram{hash: sha512.New}
	}
	return &scram{hash: sha256.New}
}

// maxIterations is above what any broker asks for; more would only cost time.
const maxIterations = 1 << 20

// Begin starts an authentication.
func (s *scram) Begin(user, password, _ string) error {
	if s.nonce == "" {
		s.nonce = rand.Text()
	}
	s.password, s.step = password, 0
	s.first = "n=" + strings.NewReplacer("=", "=3D", ",", "=2C").Replace(user) + ",r=" + s.nonce
	return nil
}

// Step answers the server; its first challenge is empty.
func (s *scram) Step(challenge string) (string, error) {
	s.step++
	switch s.step {
	case 1:
		return "n,," + s.first, nil
	case 2:
		return s.prove(challenge)
	case 3:
		return "", s.verify(challenge)
	}
	return "", errors.New("SCRAM: the server goes on after the end")
}

// Done tells whether the server has proved itself.
func (s *scram) Done() bool { return s.step >= 3 }

// prove answers the server-first-message with the proof of the password.
func (s *scram) prove(challenge string) (string, error) {
	nonce, salt, iterations, err := s.parseFirst(challenge)
	if err != nil {
		return "", err
	}
	if s.salted, err = pbkdf2.Key(s.hash, s.password, salt, iterations, s.hash().Size()); err != nil {
		return "", fmt.Errorf("SCRAM: %w", err)
	}
	key := s.mac(s.salted, "Client Key")
	stored := s.hash()
	stored.Write(key)
	final := "c=biws,r=" + nonce // biws: "n,,"
	s.auth = s.first + "," + challenge + "," + final
	proof := make([]byte, len(key))
	subtle.XORBytes(proof, key, s.mac(stored.Sum(nil), s.auth))
	return final + ",p=" + base64.StdEncoding.EncodeToString(proof), nil
}

func (s *scram) parseFirst(challenge string) (nonce string, salt []byte, iterations int, err error) {
	for part := range strings.SplitSeq(challenge, ",") {
		name, value, _ := strings.Cut(part, "=")
		switch name {
		case "r":
			nonce = value
		case "s":
			salt, err = base64.StdEncoding.DecodeString(value)
		case "i":
			iterations, err = strconv.Atoi(value)
		case "m":
			err = errors.New("an extension is demanded")
		case "e":
			err = errors.New(value)
		}
		if err != nil {
			return "", nil, 0, fmt.Errorf("SCRAM: the server's challenge: %w", err)
		}
	}
	if !strings.HasPrefix(nonce, s.nonce) || len(nonce) == len(s.nonce) || len(salt) == 0 || iterations < 1 || iterations > maxIterations {
		return "", nil, 0, errors.New("SCRAM: the server's challenge is malformed")
	}
	return nonce, salt, iterations, nil
}

// verify checks the server-final-message.
func (s *scram) verify(challenge string) error {
	if text, ok := strings.CutPrefix(challenge, "e="); ok {
		return fmt.Errorf("SCRAM: %s", text)
	}
	text, _, _ := strings.Cut(strings.TrimPrefix(challenge, "v="), ",")
	signature, err := base64.StdEncoding.DecodeString(text)
	if err != nil || !strings.HasPrefix(challenge, "v=") || !hmac.Equal(signature, s.mac(s.mac(s.salted, "Server Key"), s.auth)) {
		return errors.New("SCRAM: the server does not know the password: it may be another one than it seems")
	}
	return nil
}

func (s *scram) mac(key []byte, text string) []byte {
	m := hmac.New(s.hash, key)
	m.Write([]byte(text))
	return m.Sum(nil)
}
