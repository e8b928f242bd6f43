package logpipetest

import (
	"context"
	_ "embed" // of the script that fetches MySQL
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

//go:embed mysql.sh
var fetchMySQL string

// StartMySQL is StartPostgres for Oracle's MySQL, from version 8 on: passwords go
// by caching_sha2_password, and there is TLS. Where the mysqld of this machine is
// not MySQL's, and this is a Debian, its packages are taken without being installed.
func StartMySQL(t testing.TB) *SQLServer {
	t.Helper()
	Real(t)
	bin := installed("mysqld", "/usr/sbin")
	version, err := exec.Command(bin, "--version").CombinedOutput()
	if err != nil || strings.Contains(string(version), "MariaDB") {
		bin = mysqlProgram(t)
	}
	dir, port := sqlFolder(t)
	data, script := filepath.Join(dir, "data"), sqlScript(t, dir)
	run := func(name string, args ...string) (*exec.Cmd, error) {
		return exec.Command(name, append([]string{"--no-defaults", "--datadir=" + data, "--user=root"}, args...)...), nil
	}
	initialise(t, run, bin, "--initialize-insecure")
	s := &SQLServer{Address: loopback(port), URL: "jdbc:mysql://" + loopback(port) + "/" + sqlDatabase, CA: filepath.Join(data, "ca.pem"),
		User: sqlUser, Password: sqlPassword, Database: sqlDatabase, name: "MySQL", ready: "ready for connections"}
	s.command = func() (*exec.Cmd, error) {
		return run(bin, "--bind-address=127.0.0.1", "--port="+strconv.Itoa(port), "--socket="+filepath.Join(dir, "s.sock"),
			"--pid-file="+filepath.Join(dir, "pid"), "--skip-name-resolve", "--mysqlx=OFF", "--secure-file-priv=",
			"--max-allowed-packet=16M", "--init-file="+script)
	}
	s.begin(t)
	return s
}

// mysqlProgram fetches MySQL where that was not done before.
func mysqlProgram(t testing.TB) string {
	t.Helper()
	for _, tool := range []string{"bash", "apt-get", "dpkg-deb"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("no mysqld of MySQL here, and no %s to fetch it with", tool)
		}
	}
	cache, err := cacheDir()
	if err == nil {
		err = os.MkdirAll(cache, 0o777)
	}
	if err != nil {
		t.Skip(err)
	}
	folder := filepath.Join(cache, "mysql")
	unlock, err := lockFile(folder + ".lock")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, "bash", "-c", fetchMySQL, "mysql.sh", folder).CombinedOutput()
	if unlockErr := unlock(); unlockErr != nil {
		t.Error(unlockErr)
	}
	if err != nil {
		t.Skipf("MySQL cannot be had here: %v\n%s", err, out)
	}
	return filepath.Join(folder, "mysqld")
}
