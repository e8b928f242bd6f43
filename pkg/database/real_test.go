package database

import (
	"errors"
	"strings"
	"testing"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/logpipetest"
)

func configOf(t *testing.T, s *logpipetest.SQLServer, parameters string) Config {
	t.Helper()
	u, err := ParseURL(s.URL+parameters, map[string]string{"user": s.User, "password": s.Password})
	if err != nil {
		t.Fatal(err)
	}
	return u.Config
}

func TestRealPostgres(t *testing.T) { testServer(t, logpipetest.StartPostgres(t), "bytea") }
func TestRealMariaDB(t *testing.T)  { testServer(t, logpipetest.StartMariaDB(t), "longblob") }

func testServer(t *testing.T, s *logpipetest.SQLServer, blob string) {
	config := configOf(t, s, "")
	config.Isolation = "SERIALIZABLE"
	c, err := Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	checkConn(t, c, blob)

	wrong := config
	wrong.Password = "wrong"
	var told *ServerError
	if _, err := Open(t.Context(), wrong); err == nil || Lost(err) || !errors.As(err, &told) || !strings.Contains(err.Error(), s.Address) {
		t.Errorf("a wrong password: %v", err)
	}
	encrypted := configOf(t, s, "?sslmode=require")
	if _, err := Open(t.Context(), encrypted); err == nil || !strings.Contains(err.Error(), "TLS") {
		t.Errorf("TLS, which the server does not have: %v", err)
	}

	s.Kill(t)
	if _, err := c.Exec(t.Context(), "DELETE FROM v"); !Lost(err) || fault.CodeOf(err) != fault.Unreachable || !strings.Contains(err.Error(), s.Address) {
		t.Errorf("a server that is gone: %v", err)
	}
	if _, err := c.Exec(t.Context(), "DELETE FROM v"); !Lost(err) {
		t.Errorf("and again: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if _, err := Open(t.Context(), config); !Lost(err) || !strings.Contains(err.Error(), s.Address) {
		t.Errorf("a server that is gone: %v", err)
	}
	s.Start(t)
	config.Addresses = append([]string{"127.0.0.1:1"}, config.Addresses...)
	if c, err = Open(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}
