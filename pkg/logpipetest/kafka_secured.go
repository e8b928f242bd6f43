package logpipetest

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"
)

// SecuredKafka is a node of Apache Kafka with a second port, which wants TLS and a
// user, and a third, which wants TLS and a certificate; that of client may do all.
// The users are ann, who may do all, and bob, who may do nothing; both by
// PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512, and by tokens without a signature.
type SecuredKafka struct {
	*Kafka
	Authority *Authority
	Secured   string // address of the second port
	Mutual    string // and of the third
	Password  string // of both users
}

// StartSecuredKafka starts one. It ends with the test.
func StartSecuredKafka(t testing.TB) *SecuredKafka {
	t.Helper()
	s := &SecuredKafka{Authority: NewAuthority(t), Password: "geheim-1"}
	ports, err := freePorts(t, 2)
	if err != nil {
		t.Fatal(err)
	}
	s.Secured, s.Mutual = loopback(ports[0]), loopback(ports[1])
	pair := s.Authority.Pair("server", "127.0.0.1")
	like := Kafka{more: func(n *kafkaNode) string { return s.properties(t, n, pair) }}
	for _, user := range []string{"ann", "bob"} {
		for _, mechanism := range []string{"SCRAM-SHA-256", "SCRAM-SHA-512"} {
			like.format = append(like.format, "--add-scram", fmt.Sprintf("%s=[name=%s,password=%s]", mechanism, user, s.Password))
		}
	}
	s.Kafka = startKafka(t, 1, like)
	return s
}

func (s *SecuredKafka) properties(t testing.TB, n *kafkaNode, pair tls.Certificate) string {
	t.Helper()
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	line := func(kind string, raw []byte) string {
		return strings.ReplaceAll(string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: raw})), "\n", "\\n")
	}
	const in = "listener.name.secured."
	return fmt.Sprintf(`listeners=PLAINTEXT://%[1]s,SECURED://%[2]s,MUTUAL://%[9]s,CONTROLLER://%[3]s
advertised.listeners=PLAINTEXT://%[1]s,SECURED://%[2]s,MUTUAL://%[9]s
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SECURED:SASL_SSL,MUTUAL:SSL,CONTROLLER:PLAINTEXT
listener.name.mutual.ssl.client.auth=required
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS;User:ann;User:CN=client
ssl.keystore.type=PEM
ssl.truststore.type=PEM
ssl.keystore.certificate.chain=%[4]s
ssl.keystore.key=%[5]s
ssl.truststore.certificates=%[6]s
sasl.enabled.mechanisms=OAUTHBEARER,PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
%[7]splain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_ann="%[8]s" user_bob="%[8]s";
%[7]soauthbearer.sasl.jaas.config=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="ann";
%[7]sscram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
%[7]sscram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
`, loopback(n.broker), s.Secured, loopback(n.controller), line("CERTIFICATE", pair.Certificate[0]), line("PRIVATE KEY", key),
		line("CERTIFICATE", s.Authority.Cert.Raw), in, s.Password, s.Mutual)
}
