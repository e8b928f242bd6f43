package database

import (
	"errors"
	"fmt"
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
func TestRealMySQL(t *testing.T)    { testServer(t, logpipetest.StartMySQL(t), "longblob") }

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
	checkTLS(t, s)
	if config.Kind == MySQL {
		checkMySQL(t, config)
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

// checkTLS holds that an encrypted connection is one, or is refused where the
// server has no TLS.
func checkTLS(t *testing.T, s *logpipetest.SQLServer) {
	t.Helper()
	if s.CA == "" {
		if _, err := Open(t.Context(), configOf(t, s, "?sslmode=require")); err == nil || !strings.Contains(err.Error(), "TLS") {
			t.Errorf("TLS, which the server does not have: %v", err)
		}
		return
	}
	// With caching_sha2_password a server that does not know the password yet asks for
	// itself: it goes encrypted by the server's key, or in TLS.
	for _, mode := range []string{"disable", "prefer", "require", "verify-ca&sslrootcert=" + s.CA, "disable"} {
		for _, known := range []bool{false, true} {
			c, err := Open(t.Context(), configOf(t, s, "?sslmode="+mode))
			if err != nil {
				t.Fatalf("%s, known %t: %v", mode, known, err)
			}
			cipher := ""
			err = c.Query(t.Context(), func(v []any) error { cipher = fmt.Sprintf("%s", v[1]); return nil }, "SHOW SESSION STATUS LIKE 'Ssl_cipher'")
			if err != nil || (cipher == "") != (mode == "disable") {
				t.Errorf("%s: cipher %q, %v", mode, cipher, err)
			}
			if known {
				_, err = c.Exec(t.Context(), "FLUSH PRIVILEGES") // it forgets all passwords
			}
			if err := errors.Join(err, c.Close()); err != nil {
				t.Error(err)
			}
		}
	}
	if _, err := Open(t.Context(), configOf(t, s, "?sslmode=verify-full&sslrootcert="+s.CA)); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a certificate of another name: %v", err)
	}
}

// checkMySQL holds what a server of its kind may be set to.
func checkMySQL(t *testing.T, config Config) {
	t.Helper()
	c, err := Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{"DROP TABLE v", "SET SESSION sql_mode = 'ANSI,TRADITIONAL,NO_BACKSLASH_ESCAPES'"} {
		if _, err := c.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	checkConn(t, c, "longblob")
	checkIdle(t, config, c)
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// checkIdle holds that a connection that the server ends is lost, and not an error
// of the statement: MySQL 8 says first why it ends one.
func checkIdle(t *testing.T, config Config, watcher Conn) {
	t.Helper()
	for _, end := range []string{"SET SESSION wait_timeout = 1", "KILL ?"} {
		idle, err := Open(t.Context(), config)
		if err != nil {
			t.Fatal(err)
		}
		var id any
		if err := idle.Query(t.Context(), func(v []any) error { id = v[0]; return nil }, "SELECT CONNECTION_ID()"); err != nil {
			t.Fatal(err)
		}
		if end == "KILL ?" {
			_, err = watcher.Exec(t.Context(), end, id)
		} else {
			_, err = idle.Exec(t.Context(), end)
		}
		for left := 1; left > 0 && err == nil; {
			left = 0
			err = watcher.Query(t.Context(), func([]any) error { left++; return nil }, "SELECT id FROM information_schema.processlist WHERE id = ?", id)
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := idle.Exec(t.Context(), "DELETE FROM v"); !Lost(err) {
			t.Errorf("%s: %v", end, err)
		}
		if err := idle.Close(); err != nil {
			t.Error(err)
		}
	}
}
