//go:build unix

package main

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// TestBrokerLogin holds that our clients, and kcat where it is there, practise
// SASL and TLS on a broker of ours, and that no password is printed.
func TestBrokerLogin(t *testing.T) {
	const secret = `geheim,="x:y`
	a := logpipetest.NewAuthority(t)
	a.Pair("server", "127.0.0.1")
	a.Pair("client")
	users := a.Write("users", []byte("# who may log in\nann:"+secret+"\nbob:other\n"))
	password := a.Write("password", []byte(secret+"\n"))
	tls := []string{"--tls-cert", a.Path("server.pem"), "--tls-key", a.Path("server.key"), "--tls-client-ca", a.Path("ca.pem")}
	ours := []string{"--tls", "--tls-ca", a.Path("ca.pem"), "--tls-cert", a.Path("client.pem"), "--tls-key", a.Path("client.key")}
	theirs := []string{"-X", "ssl.ca.location=" + a.Path("ca.pem"), "-X", "ssl.certificate.location=" + a.Path("client.pem"), "-X", "ssl.key.location=" + a.Path("client.key")}
	temp := t.TempDir() // that of a subtest has a long name, which is one of a socket too
	var printed strings.Builder
	run := func(addr, in string, name string, args ...string) result {
		cmd := start(t, name, args...)
		cmd.Env = append(cmd.Env, "LOGPIPE_BROKERS="+addr)
		got := finish(t, cmd, in)
		fmt.Fprintln(&printed, got.out, got.err)
		return got
	}
	for _, secured := range []bool{false, true} {
		for _, m := range []struct{ flag, client, kafka string }{
			{"plain", "plain", "PLAIN"}, {"scram-256", "scram-sha-256", "SCRAM-SHA-256"}, {"scram-sha-512", "scram-sha-512", "SCRAM-SHA-512"},
		} {
			t.Run(fmt.Sprintf("%s, TLS %v", m.flag, secured), func(t *testing.T) {
				flags, way, security, kcatWay := []string{"--sasl", m.flag, "--users", users}, []string(nil), "SASL_PLAINTEXT", []string(nil)
				if secured {
					flags, way, security, kcatWay = append(flags, tls...), ours, "SASL_SSL", theirs
				}
				addr, _ := brokerProcess(t, temp, flags...)
				way = slices.Concat(way, []string{"-v", "--sasl", m.client, "--sasl-password-file", password, "--sasl-user"})
				if got := run(addr, "1\n2\n", "logpipe", slices.Concat([]string{"produce", "t"}, way, []string{"ann"})...); got.code != 0 {
					t.Errorf("produce: exit code %d\n%s", got.code, got.err)
				}
				if got := run(addr, "", "logpipe", slices.Concat([]string{"consume", "t", "-o", "beginning", "-e"}, way, []string{"ann"})...); got.out != "1\n2\n" {
					t.Errorf("consume: %q, exit code %d\n%s", got.out, got.code, got.err)
				}
				if got := run(addr, "", "logpipe", slices.Concat([]string{"broker", "test"}, way, []string{"ann"})...); got.code != 0 {
					t.Errorf("broker test: exit code %d\n%s%s", got.code, got.out, got.err)
				}
				got := run(addr, "", "logpipe", slices.Concat([]string{"topic", "list"}, way, []string{"bob"})...)
				if got.code == 0 || !strings.Contains(got.err, `refuses user "bob" (`+m.kafka+`)`) {
					t.Errorf("bob with the password of another: exit code %d\n%s", got.code, got.err)
				}
				if kcat, err := exec.LookPath("kcat"); err == nil {
					who := []string{"-b", addr, "-X", "security.protocol=" + security, "-X", "sasl.mechanisms=" + m.kafka, "-X", "sasl.username=ann", "-X", "sasl.password=" + secret}
					if got := run(addr, "", kcat, slices.Concat(who, kcatWay, []string{"-C", "-t", "t", "-e", "-q", "-o", "beginning"})...); got.out != "1\n2\n" {
						t.Errorf("kcat: %q\n%s", got.out, got.err)
					}
				} else {
					t.Log("no kcat here")
				}
			})
		}
	}
	for _, c := range []struct{ args, want string }{
		{"--sasl plain", "--sasl needs --users"},
		{"--users " + users, "--users needs --sasl"},
		{"--sasl gssapi --users " + users, `--sasl: want one of plain, scram-sha-256, scram-sha-512, not "gssapi"`},
		{"--sasl plain --users " + a.Write("no-users", []byte("geheim\n")), "line 1: want NAME:PASSWORD"}, // not what stands there
		{"--sasl plain --users nowhere", "--users: open nowhere: no such file"},
		{"--tls-key " + a.Path("server.key"), "need --tls-cert"},
		{"--tls-cert " + users, "--tls-cert: "},
	} {
		got := run("", "", "logpipe", append([]string{"broker", "--listen", "127.0.0.1:0"}, strings.Fields(c.args)...)...)
		if got.code != 2 || !strings.Contains(got.err, c.want) {
			t.Errorf("%s: exit code %d, %s\nwant %s", c.args, got.code, got.err, c.want)
		}
	}
	if strings.Contains(printed.String(), "geheim") {
		t.Error("a password was printed")
	}
}
