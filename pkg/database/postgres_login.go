package database

import (
	"context"
	"crypto/hmac"
	"crypto/md5"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgproto3"
)

// The longest messages that a server may send: before it is known to be one, and
// then, where a row may have a gigabyte.
const (
	loginBytes  = 64 << 10
	answerBytes = 1<<30 + 64<<10
)

func openPostgres(ctx context.Context, c Config, address string) (Conn, error) {
	raw, err := dial(ctx, PostgreSQL, address)
	if err != nil {
		return nil, err
	}
	p := &postgres{raw: raw, address: address, most: answerBytes, timeout: c.timeout(), statements: map[string]*pgStatement{}}
	end, err := p.begin(ctx)
	if err != nil {
		return nil, errors.Join(err, raw.Close())
	}
	defer end()
	if err := p.login(ctx, c); err != nil {
		p.raw.Close()
		if cause := context.Cause(ctx); cause != nil && Lost(err) {
			err = lost(PostgreSQL, address, cause)
		}
		return nil, err
	}
	return p, nil
}

// dial opens a TCP connection; the text of its error names the address once.
func dial(ctx context.Context, kind Kind, address string) (net.Conn, error) {
	raw, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err == nil {
		return raw, nil
	}
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return nil, lost(kind, address, err)
}

// login secures the connection and tells the server who comes.
func (p *postgres) login(ctx context.Context, c Config) error {
	if err := p.secure(ctx, c); err != nil {
		return err
	}
	p.front = pgproto3.NewFrontend(p.raw, p.raw)
	p.front.SetMaxBodyLen(loginBytes)
	start := &pgproto3.StartupMessage{ProtocolVersion: pgproto3.ProtocolVersion30, Parameters: map[string]string{
		"user": c.User, "database": c.Database, "application_name": "logpipe", "client_encoding": "UTF8"}}
	if c.Schema != "" {
		start.Parameters["search_path"] = c.Schema
	}
	if c.Isolation != "" {
		start.Parameters["default_transaction_isolation"] = strings.ToLower(c.Isolation)
	}
	p.front.Send(start)
	if err := p.flush(); err != nil {
		return err
	}
	proof := &scram{password: c.Password}
	for {
		message, err := p.front.Receive()
		if err != nil {
			return p.fail(err)
		}
		switch m := message.(type) {
		case *pgproto3.ReadyForQuery:
			p.front.SetMaxBodyLen(p.most)
			return nil
		case *pgproto3.ErrorResponse:
			return p.refused(m)
		default:
			if err := p.authenticate(m, c, proof); err != nil {
				return fmt.Errorf("log in to PostgreSQL at %s as %s: %w", p.address, c.User, err)
			}
		}
	}
}

// refused tells a server that starts, ends or has too many clients, which one
// may try again, from one that does not want this client.
func (p *postgres) refused(m *pgproto3.ErrorResponse) error {
	err := pgError(m)
	if strings.HasPrefix(m.Code, "57P0") || strings.HasPrefix(m.Code, "53") {
		return lost(PostgreSQL, p.address, err)
	}
	return fmt.Errorf("PostgreSQL at %s: %w", p.address, err)
}

// secure asks for TLS as the settings want it.
func (p *postgres) secure(ctx context.Context, c Config) error {
	if c.TLS == Plain {
		return nil
	}
	request := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, 8), 80877103)
	var answer [1]byte
	if _, err := p.raw.Write(request); err != nil {
		return p.fail(err)
	}
	if _, err := io.ReadFull(p.raw, answer[:]); err != nil {
		return p.fail(err)
	}
	switch {
	case answer[0] == 'S':
		config, err := c.tls(p.address)
		if err != nil {
			return err
		}
		conn := tls.Client(p.raw, config)
		if err := conn.HandshakeContext(ctx); err != nil {
			return fmt.Errorf("TLS with PostgreSQL at %s: %w", p.address, err)
		}
		p.raw = conn
		return nil
	case c.TLS == Prefer && answer[0] == 'N':
		return nil
	}
	return fmt.Errorf("PostgreSQL at %s does not offer TLS, which the settings ask for", p.address)
}

// authenticate answers one of the server's questions.
func (p *postgres) authenticate(message pgproto3.BackendMessage, c Config, proof *scram) error {
	var answer pgproto3.FrontendMessage
	var err error
	switch m := message.(type) {
	case *pgproto3.AuthenticationCleartextPassword:
		answer = &pgproto3.PasswordMessage{Password: c.Password}
	case *pgproto3.AuthenticationMD5Password:
		inner := md5.Sum([]byte(c.Password + c.User))
		outer := md5.Sum(append([]byte(hex.EncodeToString(inner[:])), m.Salt[:]...))
		answer = &pgproto3.PasswordMessage{Password: "md5" + hex.EncodeToString(outer[:])}
	case *pgproto3.AuthenticationSASL:
		answer, err = proof.first(m.AuthMechanisms)
	case *pgproto3.AuthenticationSASLContinue:
		answer, err = proof.second(m.Data)
	case *pgproto3.AuthenticationSASLFinal:
		return proof.verify(m.Data)
	case *pgproto3.AuthenticationOk, *pgproto3.ParameterStatus, *pgproto3.BackendKeyData, *pgproto3.NoticeResponse:
		return nil
	default:
		return fmt.Errorf("the server asks for %T, which logpipe does not have: use scram-sha-256 or md5 in pg_hba.conf", message)
	}
	if err != nil {
		return err
	}
	p.front.Send(answer)
	return p.flush()
}

// scram is a login by SCRAM-SHA-256 (RFC 5802, RFC 7677).
type scram struct {
	password string
	nonce    string
	bare     string // the first message without its header
	key      []byte // ServerKey
	all      []byte // AuthMessage
}

const scramName = "SCRAM-SHA-256"

// scramMost bounds the work that a server may ask for.
const scramMost = 1_000_000

func (s *scram) first(mechanisms []string) (pgproto3.FrontendMessage, error) {
	for _, m := range mechanisms {
		if m != scramName {
			continue
		}
		var random [18]byte
		if _, err := rand.Read(random[:]); err != nil {
			return nil, err
		}
		s.nonce = base64.StdEncoding.EncodeToString(random[:])
		s.bare = "n=,r=" + s.nonce
		return &pgproto3.SASLInitialResponse{AuthMechanism: scramName, Data: []byte("n,," + s.bare)}, nil
	}
	return nil, fmt.Errorf("the server offers %s, and logpipe has %s", strings.Join(mechanisms, ", "), scramName)
}

func (s *scram) second(data []byte) (pgproto3.FrontendMessage, error) {
	fields := scramFields(data)
	salt, err := base64.StdEncoding.DecodeString(fields['s'])
	rounds, roundsErr := strconv.Atoi(fields['i'])
	if err != nil || roundsErr != nil || rounds < 1 || rounds > scramMost || !strings.HasPrefix(fields['r'], s.nonce) {
		return nil, errors.New("the server's challenge makes no sense")
	}
	salted, err := pbkdf2.Key(sha256.New, s.password, salt, rounds, sha256.Size)
	if err != nil {
		return nil, err
	}
	const header = "c=biws" // n,,
	last := header + ",r=" + fields['r']
	s.all = []byte(s.bare + "," + string(data) + "," + last)
	client := sum(salted, []byte("Client Key"))
	stored := sha256.Sum256(client)
	proof := sum(stored[:], s.all)
	for i := range proof {
		proof[i] ^= client[i]
	}
	s.key = sum(salted, []byte("Server Key"))
	return &pgproto3.SASLResponse{Data: []byte(last + ",p=" + base64.StdEncoding.EncodeToString(proof))}, nil
}

// verify holds that the server knows the password too.
func (s *scram) verify(data []byte) error {
	got, err := base64.StdEncoding.DecodeString(scramFields(data)['v'])
	if err != nil || s.key == nil || !hmac.Equal(got, sum(s.key, s.all)) {
		return errors.New("the server does not know the password itself")
	}
	return nil
}

func sum(key, text []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(text)
	return h.Sum(nil)
}

// scramFields are the attributes of a message by their letters.
func scramFields(data []byte) map[byte]string {
	fields := map[byte]string{}
	for text := range strings.SplitSeq(string(data), ",") {
		if len(text) > 1 && text[1] == '=' {
			fields[text[0]] = text[2:]
		}
	}
	return fields
}
