package kafka

import (
	"reflect"
	"strings"
	"testing"

	"github.com/logpipe/logpipe/pkg/flume"
)

// TestJavaSecurity holds what the settings of Java's clients mean, and what is
// said of those that cannot be.
func TestJavaSecurity(t *testing.T) {
	const scram = `sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required username="ann" password="geheim;\"=x";`
	for _, c := range []struct {
		settings []string
		want     Security
		problem  string
	}{
		{nil, Security{}, ""},
		{[]string{"security.protocol=SSL"}, Security{TLS: true}, ""},
		{[]string{"security.protocol=ssl", "ssl.truststore.location=/t.jks", "ssl.truststore.password=geheim", "ssl.keystore.location=/k.p12",
			"ssl.keystore.password=geheim2", "ssl.keystore.type=PKCS12", "ssl.endpoint.identification.algorithm="},
			Security{TLS: true, CA: "/t.jks", CAPassword: "geheim", Cert: "/k.p12", KeyPassword: "geheim2", AnyServerName: true}, ""},
		{[]string{"security.protocol=SASL_SSL", "sasl.mechanism=SCRAM-SHA-512", scram},
			Security{TLS: true, Mechanism: ScramSHA512, User: "ann", Password: `geheim;"=x`}, ""},
		{[]string{"security.protocol=SASL_PLAINTEXT", "sasl.mechanism=PLAIN", `sasl.jaas.config=shaded.PlainLoginModule required username=ann password='p w' serviceName=x;`},
			Security{Mechanism: Plain, User: "ann", Password: "p w"}, ""},
		{[]string{"security.protocol=SASL_SSL", "sasl.mechanism=OAUTHBEARER", "sasl.oauthbearer.token.endpoint.url=file:///run/token"},
			Security{TLS: true, Mechanism: OAuthBearer, TokenFile: "/run/token"}, ""},
		{[]string{"security.protocol=SSL", "ssl.keystore.type=PEM", "ssl.keystore.location=/k.pem", "ssl.keystore.password=unused", "ssl.key.password=geheim"},
			Security{TLS: true, Cert: "/k.pem", KeyPassword: "geheim", AnyServerName: false}, ""},
		{[]string{"security.protocol=PLAINTEXT", "ssl.truststore.location=/t.jks", scram}, Security{}, ""}, // as in Java, nothing is used
		{[]string{"security.protocol=SASL_SSL"}, Security{}, "Kerberos"},
		{[]string{"security.protocol=SASL_SSL", "sasl.mechanism=PLAIN"}, Security{}, "no sasl.jaas.config"},
		{[]string{"security.protocol=SASL_SSL", "sasl.mechanism=PLAIN", scram}, Security{}, "is not the one of PLAIN"},
		{[]string{"security.protocol=SASL_SSL", "sasl.mechanism=OAUTHBEARER", "sasl.oauthbearer.token.endpoint.url=https://h"}, Security{}, "no file with a token"},
		{[]string{"security.protocol=SASL_SSL", "sasl.mechanism=PLAIN", "sasl.jaas.config=x.PlainLoginModule required username=ann;"}, Security{}, "password is missing"},
	} {
		var j JavaSecurity
		p := &flume.Properties{}
		j.Describe(p, "kafka.consumer.")
		for _, s := range c.settings {
			name, value, _ := strings.Cut(s, "=")
			q, _ := p.Lookup("kafka.consumer." + name)
			if q == nil {
				t.Fatalf("no property %s", name)
			}
			if err := q.Assign("kafka.consumer."+name, value); err != nil {
				t.Fatalf("%s: %v", s, err)
			}
			if strings.Contains(q.Value.String(), "geheim") && strings.Contains(name, "jaas") {
				t.Errorf("%s shows its password: %s", name, q.Value)
			}
		}
		problems := j.Check("kafka.consumer.")
		if c.problem != "" {
			if len(problems) != 1 || !strings.Contains(problems[0].Message, c.problem) || problems[0].Fix == "" || strings.Contains(problems[0].Message+problems[0].Fix, "geheim") {
				t.Errorf("%v: %v", c.settings, problems)
			}
			continue
		}
		if got := j.Security(); len(problems) > 0 || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%v: %#v, want %#v; %v", c.settings, got, c.want, problems)
		}
	}
}

// FuzzJaas reads anything as a login module; no error shows any of it.
func FuzzJaas(f *testing.F) {
	for _, text := range []string{`a.B required username="u" password="p";`, `a.B required`, `a.B required x="`, `a.B sometimes x=y;`, `a.B required xy;`, `a required x="1";y;`, ";", ""} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var j jaas
		err := j.Set(text + "geheim")
		if err != nil && strings.Contains(err.Error(), "geheim") {
			t.Errorf("%q: %v", text, err)
		}
		if err := j.Set(text); err == nil && strings.Contains(j.String(), "=") && !strings.Contains(j.module, "=") {
			t.Errorf("%q is shown as %s", text, &j)
		}
	})
}

// FuzzMechanisms reads anything as the list of a broker's mechanisms.
func FuzzMechanisms(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x02\x00\x05PLAIN\x00\x0bOAUTHBEARER"))
	f.Add([]byte("\xff\xff\xff\xff\x00\x05PLA"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < 4 {
			return
		}
		size := 0
		for _, m := range mechanismsIn(b) {
			size += len(m) + 2
		}
		if size > len(b)-4 {
			t.Errorf("%q holds %d bytes of mechanisms", b, size)
		}
	})
}
