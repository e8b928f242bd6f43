package database

import (
	"crypto/tls"
	"encoding/pem"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
)

// TestSecurity logs in to a server with TLS, whose certificate is for 127.0.0.1
// alone, and to one without.
func TestSecurity(t *testing.T) {
	web := httptest.NewTLSServer(nil) // for its certificate
	defer web.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: web.Certificate().Raw})
	if err := os.WriteFile(ca, text, 0o666); err != nil {
		t.Fatal(err)
	}
	plain, secure := serveLogin(t, nil), serveLogin(t, web.TLS)
	localhost := strings.Replace(secure, "127.0.0.1", "localhost", 1)
	tests := []struct {
		name, address, ca string
		mode              Security
		want              string // encrypted, plain, or a part of the error
	}{
		{"plain", secure, "", Plain, "plain"},
		{"prefer", secure, "", Prefer, "encrypted"},
		{"prefer, and there is none", plain, "", Prefer, "plain"},
		{"encrypted", localhost, "", Encrypted, "encrypted"},
		{"encrypted, and there is none", plain, "", Encrypted, "does not offer TLS"},
		{"a certificate that nobody knows", secure, "", VerifyCA, "certificate signed by unknown authority"},
		{"a certificate that is trusted", localhost, ca, VerifyCA, "encrypted"},
		{"of another name", localhost, ca, Verified, "certificate is valid for"},
		{"of its own name", secure, ca, Verified, "encrypted"},
		{"no certificate in the file", secure, os.Args[0], Verified, "holds no certificate in PEM"},
	}
	for _, test := range tests {
		c, err := Open(t.Context(), Config{Kind: PostgreSQL, Addresses: []string{test.address}, Database: "d", User: "u", TLS: test.mode, CA: test.ca})
		if err != nil {
			if !strings.Contains(err.Error(), test.want) || Lost(err) {
				t.Errorf("%s: %v, want %s", test.name, err, test.want)
			}
			continue
		}
		got := "plain"
		if _, encrypted := c.(*postgres).raw.(*tls.Conn); encrypted {
			got = "encrypted"
		}
		if got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}

// serveLogin lets everybody in; it returns its address.
func serveLogin(t *testing.T, config *tls.Config) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go letIn(conn, config)
		}
	}()
	return l.Addr().String()
}

func letIn(conn net.Conn, config *tls.Config) {
	defer conn.Close()
	back := pgproto3.NewBackend(conn, conn)
	for {
		start, err := back.ReceiveStartupMessage()
		if err != nil {
			return
		}
		if _, asks := start.(*pgproto3.SSLRequest); !asks {
			break
		}
		if config == nil {
			conn.Write([]byte("N"))
			continue
		}
		conn.Write([]byte("S"))
		conn = tls.Server(conn, config)
		back = pgproto3.NewBackend(conn, conn)
	}
	back.Send(&pgproto3.AuthenticationOk{})
	back.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	if back.Flush() == nil {
		io.Copy(io.Discard, conn)
	}
}
