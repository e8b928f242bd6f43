package logpipetest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// SQLServer is a database server that runs for a test.
type SQLServer struct {
	Address        string // host:port
	URL            string // of Java's JDBC, without a user
	User, Password string
	Database       string
	CA             string // a file in PEM, where the server speaks TLS

	name, ready string
	command     func() (*exec.Cmd, error)
	server      *server
}

// What the servers of tests know their clients by; no plain ASCII.
const (
	sqlUser     = "flume"
	sqlPassword = "pässwort '\\ 1"
	sqlDatabase = "events"
)

// StartPostgres starts PostgreSQL, which ends with the test. It skips the test
// outside of the real suite, and where PostgreSQL is not installed. Passwords go
// by SCRAM-SHA-256.
func StartPostgres(t testing.TB) *SQLServer {
	t.Helper()
	Real(t)
	bin := installed("postgres", "/usr/lib/postgresql/*/bin")
	if bin == "" {
		t.Skip("no postgres here (Debian: package postgresql)")
	}
	dir, port := sqlFolder(t)
	data := filepath.Join(dir, "data")
	pw := filepath.Join(dir, "password")
	if err := os.WriteFile(pw, []byte(sqlPassword+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	run := func(name string, args ...string) (*exec.Cmd, error) {
		cmd := exec.Command(filepath.Join(filepath.Dir(bin), name), args...)
		return cmd, withoutRoot(cmd, "postgres", dir)
	}
	initialise(t, run, "initdb", "-D", data, "-U", sqlUser, "-A", "scram-sha-256", "--pwfile="+pw, "-E", "UTF8", "--locale=C", "--no-sync")
	s := &SQLServer{Address: loopback(port), URL: "jdbc:postgresql://" + loopback(port) + "/postgres",
		User: sqlUser, Password: sqlPassword, Database: "postgres", name: "PostgreSQL", ready: "ready to accept connections"}
	s.command = func() (*exec.Cmd, error) {
		return run("postgres", "-D", data, "-p", strconv.Itoa(port), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=")
	}
	s.begin(t)
	return s
}

// StartMariaDB is StartPostgres for MariaDB.
func StartMariaDB(t testing.TB) *SQLServer {
	t.Helper()
	Real(t)
	bin := installed("mariadbd", "/usr/sbin")
	install := installed("mariadb-install-db", "/usr/bin")
	if bin == "" || install == "" {
		t.Skip("no mariadbd with mariadb-install-db here (Debian: package mariadb-server)")
	}
	dir, port := sqlFolder(t)
	data := filepath.Join(dir, "data")
	script := sqlScript(t, dir)
	run := func(path string, args ...string) (*exec.Cmd, error) {
		cmd := exec.Command(path, append([]string{"--no-defaults", "--datadir=" + data}, args...)...)
		return cmd, withoutRoot(cmd, "mysql", dir)
	}
	initialise(t, run, install, "--auth-root-authentication-method=normal", "--skip-test-db")
	s := &SQLServer{Address: loopback(port), URL: "jdbc:mariadb://" + loopback(port) + "/" + sqlDatabase,
		User: sqlUser, Password: sqlPassword, Database: sqlDatabase, name: "MariaDB", ready: "ready for connections"}
	s.command = func() (*exec.Cmd, error) {
		return run(bin, "--bind-address=127.0.0.1", "--port="+strconv.Itoa(port), "--socket="+filepath.Join(dir, "s.sock"),
			"--pid-file="+filepath.Join(dir, "pid"), "--skip-name-resolve", "--character-set-server=utf8mb4", "--init-file="+script)
	}
	s.begin(t)
	return s
}

// sqlScript writes what a MariaDB or a MySQL runs when it starts.
func sqlScript(t testing.TB, dir string) string {
	t.Helper()
	script := filepath.Join(dir, "init.sql")
	quoted := strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(sqlPassword)
	text := fmt.Sprintf("CREATE DATABASE IF NOT EXISTS %[1]s;\nCREATE USER IF NOT EXISTS %[2]s@'127.0.0.1' IDENTIFIED BY '%[3]s';\nGRANT ALL ON %[1]s.* TO %[2]s@'127.0.0.1';\n"+
		"GRANT RELOAD ON *.* TO %[2]s@'127.0.0.1';\n", sqlDatabase, sqlUser, quoted)
	if err := os.WriteFile(script, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return script
}

// installed is the path of a program, in the PATH or in folders beside it.
func installed(name, folders string) string {
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	all, err := filepath.Glob(filepath.Join(folders, name))
	if err != nil || len(all) == 0 {
		return ""
	}
	return all[len(all)-1]
}

// sqlFolder is a folder and a port for a server. The folder of the test itself is
// closed to other users.
func sqlFolder(t testing.TB) (dir string, port int) {
	ports, err := freePorts(t, 1)
	if err == nil {
		dir, err = os.MkdirTemp("", "logpipe-sql-*")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir, ports[0]
}

// initialise runs what makes a server's files.
func initialise(t testing.TB, run func(string, ...string) (*exec.Cmd, error), name string, args ...string) {
	t.Helper()
	cmd, err := run(name, args...)
	if err != nil {
		t.Skipf("%s runs not as root, and there is no other user for it: %v", name, err)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

// begin starts the server for the first time.
func (s *SQLServer) begin(t testing.TB) {
	t.Cleanup(func() {
		s.Kill(t)
		if t.Failed() {
			t.Logf("the last lines of %s:\n%s", s.name, s.server.log.tail())
		}
	})
	s.Start(t)
}

// Start starts the server again, after Kill, and returns when it is ready.
func (s *SQLServer) Start(t testing.TB) {
	t.Helper()
	cmd, err := s.command()
	if err != nil {
		t.Fatal(err)
	}
	if s.server, err = startServer(s.name, s.ready, cmd); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeoutCause(context.Background(), startLimit, errors.New("the time is over"))
	defer cancel()
	if err := s.server.wait(ctx); err != nil {
		t.Fatal(err)
	}
}

// Kill ends the server at once, without a farewell.
func (s *SQLServer) Kill(t testing.TB) {
	t.Helper()
	if s.server == nil {
		return
	}
	if err := s.server.kill(); err != nil {
		t.Errorf("end %s: %v", s.name, err)
	}
}
