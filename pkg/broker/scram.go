package broker

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
	"strings"
)

// scramIterations is how often the password is hashed; Kafka's default.
const scramIterations = 4096

// errScram is a message that is not one of SCRAM.
var errScram = errors.New("not a message of SCRAM")

// scram is the server's side of one login by SCRAM (RFC 5802), after the
// client's first message. There is no channel binding, as Kafka has none.
type scram struct {
	hash   func() hash.Hash
	salted []byte // password
	header string // of the client's first message, the part that is not signed
	bare   string // its signed part
	nonce  string // the client's and ours
	first  []byte // our first message
}

// newScram takes the client's first message: n,,n=USER,r=NONCE.
func newScram(mechanism string, users Users, message []byte) (*scram, error) {
	s := &scram{hash: sha256.New}
	if mechanism == ScramSHA512 {
		s.hash = sha512.New
	}
	parts := strings.SplitN(string(message), ",", 3)
	if len(parts) != 3 || parts[0] != "n" && parts[0] != "y" {
		return nil, errScram
	}
	s.header, s.bare = parts[0]+","+parts[1]+",", parts[2]
	fields := strings.Split(s.bare, ",")
	if len(fields) < 2 {
		return nil, errScram
	}
	name, ok := strings.CutPrefix(fields[0], "n=")
	nonce, ok2 := strings.CutPrefix(fields[1], "r=")
	if !ok || !ok2 || nonce == "" {
		return nil, errScram
	}
	user := unescapeScram(name)
	if whom, ok := strings.CutPrefix(parts[1], "a="); ok && unescapeScram(whom) != user {
		return nil, errLogin
	}
	password, ok := users[user]
	if !ok {
		return nil, errLogin
	}
	salt := make([]byte, 16)
	rand.Read(salt) // never fails
	var err error
	if s.salted, err = pbkdf2.Key(s.hash, string(password), salt, scramIterations, s.hash().Size()); err != nil {
		return nil, fmt.Errorf("hash the password: %w", err)
	}
	s.nonce = nonce + rand.Text()
	s.first = fmt.Appendf(nil, "r=%s,s=%s,i=%d", s.nonce, base64.StdEncoding.EncodeToString(salt), scramIterations)
	return s, nil
}

// finish takes the client's last message, c=BINDING,r=NONCE,p=PROOF, and gives
// ours, which proves that we know the password too.
func (s *scram) finish(message []byte) ([]byte, error) {
	text := string(message)
	at := strings.LastIndex(text, ",p=")
	if at < 0 {
		return nil, errScram
	}
	signed := text[:at]
	fields := strings.Split(signed, ",")
	if len(fields) < 2 || fields[0] != "c="+base64.StdEncoding.EncodeToString([]byte(s.header)) {
		return nil, errScram
	}
	// librdkafka sends its own nonce twice. Kafka looks at the end alone.
	if nonce, ok := strings.CutPrefix(fields[1], "r="); !ok || !strings.HasSuffix(nonce, s.nonce) {
		return nil, errScram
	}
	proof, err := base64.StdEncoding.DecodeString(text[at+len(",p="):])
	if err != nil {
		return nil, errScram
	}
	all := s.bare + "," + string(s.first) + "," + signed
	clientKey := s.mac(s.salted, "Client Key")
	stored := s.hash()
	stored.Write(clientKey)
	want := make([]byte, len(clientKey))
	subtle.XORBytes(want, clientKey, s.mac(stored.Sum(nil), all))
	if subtle.ConstantTimeCompare(want, proof) != 1 {
		return nil, errLogin
	}
	signature := s.mac(s.mac(s.salted, "Server Key"), all)
	return []byte("v=" + base64.StdEncoding.EncodeToString(signature)), nil
}

func (s *scram) mac(key []byte, text string) []byte {
	m := hmac.New(s.hash, key)
	m.Write([]byte(text))
	return m.Sum(nil)
}

func unescapeScram(name string) string {
	return strings.NewReplacer("=2C", ",", "=3D", "=").Replace(name)
}
