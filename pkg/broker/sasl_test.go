package broker

import (
	"crypto/tls"
	"encoding/binary"
	"errors"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl"
	kplain "github.com/twmb/franz-go/pkg/sasl/plain"
	kscram "github.com/twmb/franz-go/pkg/sasl/scram"
)

var testUsers = Users{"ann": `a,=":b`, "bob,=": "other"}

// mechanismOf is the client's side of a mechanism.
func mechanismOf(name, user, password string) sasl.Mechanism {
	switch name {
	case Plain:
		return kplain.Auth{User: user, Pass: password}.AsMechanism()
	case ScramSHA256:
		return kscram.Auth{User: user, Pass: password}.AsSha256Mechanism()
	}
	return kscram.Auth{User: user, Pass: password}.AsSha512Mechanism()
}

func ping(t *testing.T, addr string, opts ...kgo.Opt) error {
	t.Helper()
	cl := client(t, addr, append(opts, kgo.RequestRetries(0))...)
	_, err := kmsg.NewPtrListGroupsRequest().RequestWith(t.Context(), cl)
	return err
}

// TestLogin holds who is let in and what the others are told, by each mechanism.
func TestLogin(t *testing.T) {
	for _, m := range Mechanisms() {
		t.Run(m, func(t *testing.T) {
			b := start(t, Config{Login: &Login{Mechanisms: []string{m}, Users: testUsers}})
			for user, password := range testUsers {
				if err := ping(t, b.Addr()[0], kgo.SASL(mechanismOf(m, user, string(password)))); err != nil {
					t.Errorf("%s: %v", user, err)
				}
			}
			for user, password := range map[string]string{"ann": "other", "bob,=": "", "nobody": "x", "": "x"} {
				err := ping(t, b.Addr()[0], kgo.SASL(mechanismOf(m, user, password)))
				if !errors.Is(err, kerr.SaslAuthenticationFailed) || !strings.Contains(err.Error(), "wrong user name or password") {
					if user != "" && password != "" { // which clients do not send
						t.Errorf("%s with a wrong password: %v", user, err)
					}
				}
				if err == nil {
					t.Errorf("%s is let in", user)
				}
			}
			for _, other := range Mechanisms() {
				err := ping(t, b.Addr()[0], kgo.SASL(mechanismOf(other, "ann", string(testUsers["ann"]))))
				if refused := err != nil; refused != (other != m) {
					t.Errorf("%s: %v", other, err)
				}
			}
			if err := ping(t, b.Addr()[0]); err == nil {
				t.Error("without a login")
			}
		})
	}
}

// TestLoginFirst holds that nothing but a login is answered before one, also not
// by the controller.
func TestLoginFirst(t *testing.T) {
	b := start(t, Config{Login: &Login{Mechanisms: Mechanisms(), Users: testUsers}})
	create := kmsg.NewPtrCreateTopicsRequest()
	create.Topics = []kmsg.CreateTopicsRequestTopic{{Topic: "made", NumPartitions: 1, ReplicationFactor: 1}}
	name := "asked-for"
	meta := kmsg.NewPtrMetadataRequest()
	meta.AllowAutoTopicCreation = true
	meta.Topics = []kmsg.MetadataRequestTopic{{Topic: &name}}
	long := kmsg.NewPtrSASLAuthenticateRequest()
	long.SASLAuthBytes = make([]byte, maxLogin+1)
	for what, req := range map[string]kmsg.Request{"create": create, "metadata": meta, "groups": kmsg.NewPtrListGroupsRequest(), "a long token": long} {
		c, err := net.Dial("tcp", b.Addr()[0])
		if err != nil {
			t.Fatal(err)
		}
		c.SetDeadline(time.Now().Add(time.Minute))
		c.Write(request(req, 2)) // the broker may close before it has read all
		if n, err := c.Read(make([]byte, 1)); n > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: an answer (%d bytes, %v) before the login", what, n, err)
		}
		c.Close()
	}
	topics, err := b.inside.topics()
	if err != nil || len(topics) > 0 {
		t.Errorf("topics were made: %v %v", topics, err)
	}
}

// TestHandshake holds the errors of the protocol about logins, and the tokens
// without requests that follow the oldest handshake.
func TestHandshake(t *testing.T) {
	open := start(t, Config{})
	closed := start(t, Config{Login: &Login{Mechanisms: []string{Plain}, Users: testUsers}})
	shake := kmsg.NewPtrSASLHandshakeRequest()
	shake.Mechanism = Plain
	for version := range int16(2) {
		resp := askAt(t, open.Addr()[0], shake, version).(*kmsg.SASLHandshakeResponse)
		if resp.ErrorCode != kerr.IllegalSaslState.Code {
			t.Errorf("a broker without logins: %v", kerr.ErrorForCode(resp.ErrorCode))
		}
	}
	token := kmsg.NewPtrSASLAuthenticateRequest()
	token.SASLAuthBytes = []byte("\x00ann\x00" + string(testUsers["ann"]))
	for version := range int16(3) {
		if resp := askAt(t, closed.Addr()[0], token, version).(*kmsg.SASLAuthenticateResponse); resp.ErrorCode != kerr.IllegalSaslState.Code {
			t.Errorf("a token without a handshake: %v", kerr.ErrorForCode(resp.ErrorCode))
		}
	}
	shake.Mechanism = "GSSAPI"
	resp := askAt(t, closed.Addr()[0], shake, 1).(*kmsg.SASLHandshakeResponse)
	if resp.ErrorCode != kerr.UnsupportedSaslMechanism.Code || !slices.Equal(resp.SupportedMechanisms, []string{Plain}) {
		t.Errorf("GSSAPI: %v, %v", kerr.ErrorForCode(resp.ErrorCode), resp.SupportedMechanisms)
	}
	for _, good := range []bool{true, false} {
		c, err := net.Dial("tcp", closed.Addr()[0])
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		shake.Mechanism = Plain
		if resp := askOn(t, c, shake, 0).(*kmsg.SASLHandshakeResponse); resp.ErrorCode != 0 {
			t.Fatal(kerr.ErrorForCode(resp.ErrorCode))
		}
		bare := token.SASLAuthBytes
		if !good {
			bare = append(bare, 'x')
		}
		if _, err := c.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(bare))), bare...)); err != nil {
			t.Fatal(err)
		}
		if !good {
			if n, err := c.Read(make([]byte, 1)); n > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("an answer to a wrong token: %d %v", n, err)
			}
			continue
		}
		if frame := readFrame(t, c); len(frame) != 4 {
			t.Errorf("answer %q to a token, want an empty one", frame)
		}
		if resp := askOn(t, c, kmsg.NewPtrListGroupsRequest(), 2).(*kmsg.ListGroupsResponse); resp.ErrorCode != 0 {
			t.Error(kerr.ErrorForCode(resp.ErrorCode))
		}
	}
}

// TestLoginOfKcat lets kcat in by each mechanism: librdkafka wants a handshake of
// version 0 to be there, and sends its nonce twice.
func TestLoginOfKcat(t *testing.T) {
	kcat, err := exec.LookPath("kcat")
	if err != nil {
		t.Skip("no kcat here")
	}
	b := start(t, Config{Login: &Login{Mechanisms: Mechanisms(), Users: testUsers}})
	for _, m := range Mechanisms() {
		flags := []string{"-b", b.Addr()[0], "-X", "security.protocol=SASL_PLAINTEXT", "-X", "sasl.mechanisms=" + m, "-X", "sasl.username=ann", "-t", "t-" + m}
		run := func(in, password string, more ...string) (string, error) {
			cmd := exec.CommandContext(t.Context(), kcat, slices.Concat(flags, []string{"-X", "sasl.password=" + password}, more)...)
			cmd.Stdin = strings.NewReader(in)
			out, err := cmd.CombinedOutput()
			return string(out), err
		}
		if out, err := run("hello\n", string(testUsers["ann"]), "-P"); err != nil {
			t.Errorf("%s: %v\n%s", m, err, out)
		}
		if out, err := run("", string(testUsers["ann"]), "-C", "-e", "-q", "-o", "beginning"); err != nil || out != "hello\n" {
			t.Errorf("%s: %v\n%s", m, err, out)
		}
		if out, err := run("", "wrong", "-L", "-m", "1"); err == nil || !strings.Contains(out, "wrong user name or password") {
			t.Errorf("%s with a wrong password: %v\n%s", m, err, out)
		}
	}
}

// TestTLS holds that a broker speaks TLS, with a login too, and that nodes do so
// after they were stopped.
func TestTLS(t *testing.T) {
	server, trusted := selfSigned(t)
	b := start(t, Config{Nodes: 2, TLS: server, Login: &Login{Mechanisms: Mechanisms(), Users: testUsers}})
	way := []kgo.Opt{kgo.DialTLSConfig(trusted), kgo.SASL(mechanismOf(ScramSHA512, "ann", string(testUsers["ann"])))}
	for range 2 {
		for _, addr := range b.Addr() {
			if err := ping(t, addr, way...); err != nil {
				t.Error(err)
			}
		}
		if err := ping(t, b.Addr()[0], way[1]); err == nil {
			t.Error("plaintext is answered")
		}
		if err := ping(t, b.Addr()[0], kgo.DialTLSConfig(&tls.Config{}), way[1]); err == nil {
			t.Error("a certificate of nobody is trusted")
		}
		if _, err := b.StopNode(1); err != nil {
			t.Fatal(err)
		}
		if _, err := b.StartNode(1); err != nil {
			t.Fatal(err)
		}
	}
}

// TestLoginMistakes holds that a broker does not start without somebody to let in.
func TestLoginMistakes(t *testing.T) {
	for _, l := range []Login{{}, {Mechanisms: []string{Plain}}, {Users: testUsers}, {Mechanisms: []string{"OAUTHBEARER"}, Users: testUsers}} {
		if _, err := Start(t.Context(), Config{Listen: "127.0.0.1:0", Login: &l}); fault.CodeOf(err) != fault.Usage {
			t.Errorf("%v: %v", l, err)
		}
	}
}
