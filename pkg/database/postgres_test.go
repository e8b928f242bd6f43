package database

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

// scripted is a server that sends what it has and reads all.
type scripted struct {
	net.Conn
	answers io.Reader
}

func (s *scripted) Read(p []byte) (int, error)       { return s.answers.Read(p) }
func (s *scripted) Write(p []byte) (int, error)      { return len(p), nil }
func (s *scripted) Close() error                     { return nil }
func (s *scripted) SetDeadline(time.Time) error      { return nil }
func (s *scripted) SetReadDeadline(time.Time) error  { return nil }
func (s *scripted) SetWriteDeadline(time.Time) error { return nil }

func encoded(t testing.TB, messages ...pgproto3.BackendMessage) []byte {
	var b []byte
	for _, m := range messages {
		var err error
		if b, err = m.Encode(b); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// FuzzPostgres lets a server answer anything to a login, an insert and a query.
func FuzzPostgres(f *testing.F) {
	ready := &pgproto3.ReadyForQuery{TxStatus: 'I'}
	described := []pgproto3.BackendMessage{&pgproto3.ParseComplete{}, &pgproto3.ParameterDescription{ParameterOIDs: []uint32{pgInt8}},
		&pgproto3.RowDescription{Fields: []pgproto3.FieldDescription{{Name: []byte("id"), DataTypeOID: pgInt8}}}, ready}
	f.Add(encoded(f, append(append([]pgproto3.BackendMessage{&pgproto3.AuthenticationOk{}, ready}, described...),
		&pgproto3.BindComplete{}, &pgproto3.DataRow{Values: [][]byte{{0, 0, 0, 0, 0, 0, 0, 7}}}, &pgproto3.CommandComplete{CommandTag: []byte("SELECT 1")}, ready)...))
	f.Add(encoded(f, &pgproto3.AuthenticationSASL{AuthMechanisms: []string{"SCRAM-SHA-256"}}, &pgproto3.AuthenticationSASLContinue{Data: []byte("r=x,s=AA==,i=1")}))
	f.Add(encoded(f, &pgproto3.AuthenticationMD5Password{Salt: [4]byte{1, 2, 3, 4}}, &pgproto3.ErrorResponse{Severity: "FATAL", Code: "28P01"}))
	f.Fuzz(func(t *testing.T, answers []byte) {
		p := &postgres{raw: &scripted{answers: strings.NewReader(string(answers))}, address: "a:1", most: loginBytes, timeout: time.Second,
			statements: map[string]*pgStatement{}}
		if err := p.login(t.Context(), Config{User: "u", Password: "p", TLS: Plain}); err != nil {
			return
		}
		rows := 0
		err := p.Query(t.Context(), func(v []any) error { rows++; return nil }, "SELECT id FROM t WHERE id = ?", int64(7))
		if err == nil && p.broken != nil {
			t.Error("a broken connection without an error")
		}
		if err := p.Insert(t.Context(), "t", []string{"id"}, 3, func(i int, to []any) { to[0] = int64(i) }); err == nil && p.broken != nil {
			t.Error("a broken connection without an error")
		}
	})
}

// TestScram is the exchange of RFC 7677, section 3.
func TestScram(t *testing.T) {
	s := &scram{password: "pencil", nonce: "rOprNGfwEbeRWgbNEkqO", bare: "n=user,r=rOprNGfwEbeRWgbNEkqO"}
	message, err := s.second([]byte("r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"))
	if err != nil {
		t.Fatal(err)
	}
	const want = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
	if got := string(message.(*pgproto3.SASLResponse).Data); got != want {
		t.Errorf("%s, want\n%s", got, want)
	}
	if err := s.verify([]byte("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")); err != nil {
		t.Error(err)
	}
	if err := s.verify([]byte("v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")); err == nil {
		t.Error("a server that does not know the password")
	}
	for _, bad := range []string{"", "r=other,s=AA==,i=1", "r=rOprNGfwEbeRWgbNEkqO,s=AA==,i=0", "r=rOprNGfwEbeRWgbNEkqO,s=AA==,i=999999999", "r=rOprNGfwEbeRWgbNEkqO,s=?,i=1"} {
		if _, err := s.second([]byte(bad)); err == nil {
			t.Errorf("challenge %q", bad)
		}
	}
}

func TestNumbered(t *testing.T) {
	if got := numbered(`SELECT '?', "a?" WHERE x = ? AND y = ?`); got != `SELECT '?', "a?" WHERE x = $1 AND y = $2` {
		t.Error(got)
	}
}
