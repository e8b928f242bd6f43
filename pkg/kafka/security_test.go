package kafka

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/logpipe/logpipe/pkg/broker"
	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// stores writes a certificate with its key as NAME.p12, and the authority's own
// as trust.p12.
func stores(t *testing.T, a *logpipetest.Authority, name string, pair tls.Certificate) {
	t.Helper()
	store, err := pkcs12.Modern.Encode(pair.PrivateKey, pair.Leaf, []*x509.Certificate{a.Cert}, "changeit")
	if err != nil {
		t.Fatal(err)
	}
	a.Write(name+".p12", store)
	if store, err = pkcs12.Modern.EncodeTrustStore([]*x509.Certificate{a.Cert}, "changeit"); err != nil {
		t.Fatal(err)
	}
	a.Write("trust.p12", store)
}

// secured starts a broker and returns its address.
func secured(t *testing.T, opts ...kfake.Opt) string {
	t.Helper()
	c, err := kfake.NewCluster(append(opts, kfake.NumBrokers(1), kfake.SeedTopics(1, "t"))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c.ListenAddrs()[0]
}

func users() []kfake.Opt {
	return []kfake.Opt{kfake.EnableSASL(), kfake.Superuser(Plain, "ann", "secret-a"),
		kfake.Superuser(ScramSHA256, "bob", "secret-b"), kfake.Superuser(ScramSHA512, "eve=,x", "secret-e")}
}

// TestSecurity sends and reads records in every way of speaking.
func TestSecurity(t *testing.T) {
	a := logpipetest.NewAuthority(t)
	server := a.Serving(a.Pair("server", "127.0.0.1"), tls.NoClientCert)
	mutual := a.Serving(a.Pair("server", "127.0.0.1"), tls.RequireAndVerifyClientCert)
	named := a.Serving(a.Pair("named", "kafka.example"), tls.NoClientCert)
	stores(t, a, "client", a.Pair("client"))
	password := a.Write("password", []byte("secret-b\n"))
	store := a.Write("changeit", []byte("changeit\n"))
	ca := a.Path("ca.pem")
	for _, c := range []struct {
		name   string
		server []kfake.Opt
		s      Security
	}{
		{"TLS", []kfake.Opt{kfake.TLS(server)}, Security{TLS: true, CA: ca}},
		{"a store", []kfake.Opt{kfake.TLS(server)}, Security{TLS: true, CA: a.Path("trust.p12"), KeyPasswordFile: store}},
		{"another name", []kfake.Opt{kfake.TLS(named)}, Security{TLS: true, CA: ca, ServerName: "kafka.example"}},
		{"any name", []kfake.Opt{kfake.TLS(named)}, Security{TLS: true, CA: ca, AnyServerName: true}},
		{"mutual", []kfake.Opt{kfake.TLS(mutual)}, Security{TLS: true, CA: ca, Cert: a.Path("client.pem"), Key: a.Path("client.key")}},
		{"mutual with a store", []kfake.Opt{kfake.TLS(mutual)}, Security{TLS: true, CA: ca, Cert: a.Path("client.p12"), KeyPassword: "changeit"}},
		{"PLAIN", users(), Security{Mechanism: Plain, User: "ann", Password: "secret-a"}},
		{"SCRAM-SHA-256", users(), Security{Mechanism: ScramSHA256, User: "bob", PasswordFile: password}},
		{"SCRAM-SHA-512", users(), Security{Mechanism: ScramSHA512, User: "eve=,x", Password: "secret-e"}},
		{"SCRAM over TLS", append(users(), kfake.TLS(server)), Security{TLS: true, CA: ca, Mechanism: ScramSHA256, User: "bob", Password: "secret-b"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := Config{Brokers: []string{secured(t, c.server...)}, Security: c.s}
			produce(t, cfg, "t", 0, 3)
			for _, group := range []string{"", "g"} {
				got := values(readAll(t, consumer(t, cfg, ConsumerConfig{Topics: []string{"t"}, Group: group, From: Beginning, ExitAtEnd: true})))
				if !slices.Equal(got, numbered(0, 3)) {
					t.Errorf("group %q reads %v", group, got)
				}
			}
			if list, err := admin(t, cfg).ListGroups(soon(t)); err != nil || len(list) != 1 {
				t.Errorf("groups %v, %v", list, err)
			}
		})
	}
}

// TestSecurityMistakes holds what is said, within a second, of what does not fit;
// no secret is in it.
func TestSecurityMistakes(t *testing.T) {
	a := logpipetest.NewAuthority(t)
	plain, _ := cluster(t, broker.Config{})
	plainPort := plain.Brokers[0]
	tlsPort := secured(t, kfake.TLS(a.Serving(a.Pair("server", "127.0.0.1"), tls.NoClientCert)))
	namedPort := secured(t, kfake.TLS(a.Serving(a.Pair("named", "kafka.example"), tls.NoClientCert)))
	mutualPort := secured(t, kfake.TLS(a.Serving(a.Pair("mutual", "127.0.0.1"), tls.RequireAndVerifyClientCert)))
	userPort := secured(t, users()...)
	stores(t, a, "server", a.Pair("server"))
	ca, other := a.Path("ca.pem"), logpipetest.NewAuthority(t)
	other.Pair("client")
	for _, c := range []struct {
		name, addr string
		s          Security
		code       fault.Code
		says, hint string
	}{
		{"plain to TLS", tlsPort, Security{}, fault.Unreachable, "expects TLS", "--tls"},
		{"TLS to plain", plainPort, Security{TLS: true, CA: ca}, fault.Unreachable, "does not speak TLS", "leave --tls out"},
		{"unknown authority", tlsPort, Security{TLS: true}, fault.Unreachable, "signed by nobody who is trusted", "--tls-ca FILE"},
		{"another authority", tlsPort, Security{TLS: true, CA: other.Path("ca.pem")}, fault.Unreachable, "signed by nobody who stands in", "--tls-ca FILE"},
		{"another name", namedPort, Security{TLS: true, CA: ca}, fault.Unreachable, "certificate", "--tls-name"},
		{"no certificate of ours", mutualPort, Security{TLS: true, CA: ca}, fault.Unreachable, "wants a certificate of ours", "--tls-cert"},
		{"a foreign certificate of ours", mutualPort, Security{TLS: true, CA: ca, Cert: other.Path("client.pem"), Key: other.Path("client.key")},
			fault.Unreachable, "ends TLS", "--tls-cert"},
		{"no user", userPort, Security{}, fault.Unreachable, "wants to know who we are", "plain, scram-sha-256"},
		{"a user where none are", plainPort, Security{Mechanism: OAuthBearer, TokenFile: ca}, fault.Unreachable, "knows no users", "leave --sasl out"},
		{"wrong password", userPort, Security{Mechanism: Plain, User: "ann", Password: "geheim"}, fault.Failed, `refuses user "ann" (PLAIN)`, "--sasl-user"},
		{"wrong password", userPort, Security{Mechanism: ScramSHA256, User: "bob", Password: "geheim"}, fault.Failed, `refuses user "bob" (SCRAM-SHA-256)`, "--sasl-user"},
		{"unknown user", userPort, Security{Mechanism: ScramSHA512, User: "nobody", Password: "geheim"}, fault.Failed, `refuses user "nobody"`, "--sasl-user"},
		{"missing file", tlsPort, Security{TLS: true, CA: "nowhere.pem"}, fault.Usage, "nowhere.pem: no such file", ""},
		{"no certificate in it", tlsPort, Security{TLS: true, CA: a.Path("server.key")}, fault.Usage, "holds no certificate", ""},
		{"wrong store password", tlsPort, Security{TLS: true, CA: a.Path("trust.p12"), CAPassword: "geheim"}, fault.Usage, "trust.p12", "keytool -list"},
		{"key without certificate", tlsPort, Security{TLS: true, Key: a.Path("client.key")}, fault.Usage, "no certificate", "--tls-cert"},
		{"files without TLS", tlsPort, Security{CA: ca}, fault.Usage, "TLS is off", "--tls"},
		{"user without mechanism", userPort, Security{User: "ann"}, fault.Usage, "no mechanism", "--sasl takes"},
		{"no password", userPort, Security{Mechanism: Plain, User: "ann"}, fault.Usage, "needs a password", "--sasl-password-file"},
		{"no token", userPort, Security{Mechanism: OAuthBearer}, fault.Usage, "needs a token", "--sasl-token-file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var err error
			logpipetest.Prompt(t, time.Second, func() {
				var b *Admin
				if b, err = NewAdmin(soon(t), Config{Brokers: []string{c.addr}, Security: c.s}); err == nil {
					b.Close()
					t.Fatal("no error")
				}
			})
			if fault.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.says) || !strings.Contains(fault.HintOf(err), c.hint) {
				t.Errorf("code %d: %v\nhint: %s", fault.CodeOf(err), err, fault.HintOf(err))
			}
			for _, text := range []string{err.Error(), fault.HintOf(err), fmt.Sprintf("%v %+v %#v", c.s, c.s, c.s)} {
				if strings.Contains(text, "geheim") {
					t.Errorf("a secret is shown: %s", text)
				}
			}
		})
	}
}

// TestRealSecurity speaks TLS and SASL with Apache Kafka: every mechanism, the
// users that it refuses, and one who may not.
func TestRealSecurity(t *testing.T) {
	real := logpipetest.StartSecuredKafka(t)
	create(t, Config{Brokers: real.Brokers()}, "t", 2)
	ca := real.Authority.Path("ca.pem")
	way := func(mechanism, user, password string) Config {
		return Config{Brokers: []string{real.Secured}, Security: Security{TLS: true, CA: ca, Mechanism: mechanism, User: user, Password: Secret(password)}}
	}
	token := real.Authority.Write("token", []byte(unsecured("ann", time.Now().Add(time.Hour))))
	old := real.Authority.Write("old", []byte(unsecured("ann", time.Now().Add(-time.Hour))))
	bearer := way(OAuthBearer, "", "")
	bearer.Security.TokenFile = token
	expired := bearer
	expired.Security.TokenFile = old
	produce(t, bearer, "t", 0, 3)
	sent := 3
	for _, mechanism := range []string{Plain, ScramSHA256, ScramSHA512} {
		cfg := way(mechanism, "ann", real.Password)
		produce(t, cfg, "t", sent, sent+3)
		sent += 3
		for _, group := range []string{"", "g" + mechanism} {
			if got := values(readAll(t, consumer(t, cfg, ConsumerConfig{Topics: []string{"t"}, Group: group, From: Beginning, ExitAtEnd: true}))); len(got) != sent {
				t.Errorf("%s, group %q reads %v", mechanism, group, got)
			}
		}
		if list, err := admin(t, cfg).ListTopics(soon(t), false); err != nil || !slices.Equal(list, []string{"t"}) {
			t.Errorf("topics %v, %v", list, err)
		}
	}
	trust := real.Authority.Path("ca.pem")
	for _, c := range []struct {
		cfg        Config
		code       fault.Code
		says, hint string
	}{
		{way(Plain, "ann", "wrong"), fault.Failed, `refuses user "ann" (PLAIN)`, "--sasl-user"},
		{way(ScramSHA512, "ann", "wrong"), fault.Failed, `refuses user "ann" (SCRAM-SHA-512)`, "--sasl-user"},
		{expired, fault.Failed, "refuses the token of " + old, "not too old"},
		{way(OAuthBearer, "", ""), fault.Usage, "needs a token", "--sasl-token-file"},
		{Config{Brokers: []string{real.Secured}, Security: Security{TLS: true, CA: trust}}, fault.Unreachable, "wants to know who we are",
			"oauthbearer, plain, scram-sha-256, scram-sha-512"},
		{Config{Brokers: []string{real.Secured}}, fault.Unreachable, "TLS", "--tls"},
		{Config{Brokers: real.Brokers(), Security: Security{TLS: true, CA: trust}}, fault.Unreachable, "does not speak TLS", "leave --tls out"},
		{Config{Brokers: real.Brokers(), Security: Security{Mechanism: Plain, User: "ann", Password: "x"}}, fault.Unreachable, "knows no users", "leave --sasl out"},
	} {
		var err error
		logpipetest.Prompt(t, time.Second, func() {
			var a *Admin
			if a, err = NewAdmin(soon(t), c.cfg); err == nil {
				a.Close()
			}
		})
		if err == nil || fault.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.says) || !strings.Contains(fault.HintOf(err), c.hint) {
			t.Errorf("code %d: %v\nhint: %s", fault.CodeOf(err), err, fault.HintOf(err))
		}
	}
	unauthorised(t, way(ScramSHA256, "bob", real.Password))
}

// unsecured is a token without a signature, which Kafka takes where nobody has
// configured otherwise.
func unsecured(user string, until time.Time) string {
	part := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	return part(`{"alg":"none"}`) + "." + part(fmt.Sprintf(`{"sub":%q,"iat":%d,"exp":%d}`, user, until.Add(-2*time.Hour).Unix(), until.Unix())) + "."
}

// unauthorised holds what is said to one who may nothing.
func unauthorised(t *testing.T, cfg Config) {
	t.Helper()
	a := admin(t, cfg)
	_, described := a.DescribeTopics(soon(t), "t")
	_, consumed := NewConsumer(soon(t), cfg, ConsumerConfig{Topics: []string{"t"}})
	var grouped error
	logpipetest.Prompt(t, time.Second, func() { _, grouped = a.DescribeGroups(soon(t), "gPLAIN") })
	for what, err := range map[string]error{"describe": described, "consume": consumed, "group": grouped,
		"create": a.CreateTopic(soon(t), "new", 1, 1, nil), "delete": a.DeleteTopics(soon(t), "t"), "alter": a.AlterTopic(soon(t), "t", map[string]string{"retention.ms": "1"}, nil)} {
		if err == nil || fault.CodeOf(err) != fault.Failed || !strings.Contains(err.Error(), "not authorized") || fault.HintOf(err) == "" {
			t.Errorf("%s: code %d: %v\nhint: %s", what, fault.CodeOf(err), err, fault.HintOf(err))
		}
	}
}
