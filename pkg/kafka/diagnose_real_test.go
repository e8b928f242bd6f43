package kafka

import (
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/broker"
	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// TestRealDiagnose walks to Apache Kafka, in plaintext and with TLS and users.
func TestRealDiagnose(t *testing.T) {
	real := logpipetest.StartSecuredKafka(t)
	ca := real.Authority.Path("ca.pem")
	way := func(mechanism, user, password string) Config {
		return Config{Brokers: []string{real.Secured}, Security: Security{TLS: true, CA: ca, Mechanism: mechanism, User: user, Password: Secret(password)}}
	}
	create(t, Config{Brokers: real.Brokers()}, "t", 2)
	real.Authority.Pair("client")
	foreign := logpipetest.NewAuthority(t)
	foreign.Pair("client")
	mutual := func(a *logpipetest.Authority) Config {
		c := Config{Brokers: []string{real.Mutual}, Security: Security{TLS: true, CA: ca}}
		if a != nil {
			c.Security.Cert, c.Security.Key = a.Path("client.pem"), a.Path("client.key")
		}
		return c
	}
	const rest = " -metadata -advertised -topic -produce -consume"
	for _, c := range []struct {
		name       string
		cfg        Config
		topic      string
		want       string
		says, hint string
	}{
		{"plain", Config{Brokers: real.Brokers()}, "", "(dns) tcp (tls) api (sasl) metadata advertised topic produce consume delete", "", ""},
		{"scram", way(ScramSHA512, "ann", real.Password), "t", "(dns) tcp tls api sasl metadata advertised topic produce consume", "", ""},
		{"wrong password", way(ScramSHA256, "ann", "wrong"), "", "(dns) tcp tls api sasl!" + rest, `sasl: broker 127.0.0.1:`, "--sasl-user"},
		{"no mechanism", way("", "", ""), "", "(dns) tcp tls api sasl!" + rest, "wants to know who we are", "oauthbearer, plain, scram-sha-256, scram-sha-512"},
		{"no rule", way(Plain, "bob", real.Password), "", "(dns) tcp tls api sasl metadata advertised topic! -produce -consume", "not authorized", "--topic"},
		{"no rule for t", way(Plain, "bob", real.Password), "t", "(dns) tcp tls api sasl metadata advertised topic! -produce -consume", `topic "t": not authorized`, "access rule"},
		{"certificate", mutual(real.Authority), "", "(dns) tcp tls api (sasl) metadata advertised topic produce consume delete", "", ""},
		{"no certificate", mutual(nil), "", "(dns) tcp tls! -api -sasl" + rest, "wants a certificate of ours", "--tls-cert"},
		{"foreign certificate", mutual(foreign), "", "(dns) tcp tls! -api -sasl" + rest, "ends TLS", "--tls-cert"},
		{"plain to TLS", Config{Brokers: []string{real.Secured}}, "", "(dns) tcp (tls) api! -sasl" + rest, "expects TLS", "--tls"},
		{"TLS to plain", Config{Brokers: real.Brokers(), Security: Security{TLS: true, CA: ca}}, "", "(dns) tcp tls! -api -sasl" + rest, "does not speak TLS", "leave --tls out"},
	} {
		t.Run(c.name, func(t *testing.T) {
			begun := time.Now()
			got, steps, err := diagnosed(t, c.cfg, DiagnoseConfig{Topic: c.topic, Release: broker.Release})
			t.Logf("%v: %v", time.Since(begun), err)
			for _, name := range strings.Fields(got) {
				if s, ok := steps[name]; ok {
					t.Logf("%-10s %8s  %s", name, s.Time(), s.Saw)
				}
			}
			if got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(fault.HintOf(err), c.hint)) {
				t.Errorf("%v\nhint: %s", err, fault.HintOf(err))
			}
			if saw := steps["api"].Saw; steps["api"].Result == Passed && !strings.Contains(saw, "as Kafka 4.") {
				t.Errorf("api saw %q", saw)
			}
		})
	}
	t.Run("encrypted key", func(t *testing.T) {
		if _, err := exec.LookPath("openssl"); err != nil {
			t.Skip("openssl is not installed")
		}
		cfg, locked := mutual(real.Authority), real.Authority.Path("locked.key")
		out, err := exec.Command("openssl", "pkcs8", "-topk8", "-in", cfg.Security.Key, "-passout", "pass:geheim", "-out", locked).CombinedOutput()
		if err != nil {
			t.Fatalf("openssl: %v\n%s", err, out)
		}
		cfg.Security.Key, cfg.Security.KeyPasswordFile = locked, real.Authority.Write("geheim", []byte("geheim\n"))
		if got, _, err := diagnosed(t, cfg, DiagnoseConfig{}); err != nil || !strings.HasSuffix(got, "delete") {
			t.Errorf("%s: %v", got, err)
		}
	})
	t.Run("the file of Java's tools", func(t *testing.T) {
		file := real.Authority.Write("client.properties", []byte("security.protocol=SASL_SSL\nssl.truststore.type=PEM\nssl.truststore.location="+ca+
			"\nsasl.mechanism=SCRAM-SHA-256\nsasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required username=\"ann\" password=\""+real.Password+"\";\n"))
		java := logpipetest.NewKafkaTools(t).Run(t, "", "kafka-topics", "--list", "--bootstrap-server", real.Secured, "--command-config", file)
		cfg := Config{Brokers: []string{real.Secured}, ClientFile: file}
		if list, err := admin(t, cfg).ListTopics(soon(t), false); err != nil || strings.TrimSpace(java) != strings.Join(list, "\n") {
			t.Errorf("%v, %v; Java lists %q", list, err, java)
		}
		if got, _, err := diagnosed(t, cfg, DiagnoseConfig{}); err != nil || !strings.HasSuffix(got, "delete") {
			t.Errorf("%s: %v", got, err)
		}
	})
	if left, err := admin(t, Config{Brokers: real.Brokers()}).ListTopics(soon(t), false); err != nil || strings.Contains(strings.Join(left, " "), "logpipe-test") {
		t.Errorf("topics that are left: %v, %v", left, err)
	}
}
