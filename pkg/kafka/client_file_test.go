package kafka

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// TestClientFile holds what files of other tools mean, and what is said of those
// that cannot be.
func TestClientFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "client.properties")
	const scram = `sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required \
   username="ann" password="geheim";` + "\n"
	for _, c := range []struct {
		name, text string
		before     Config
		want       Config
		says, hint string // of the error, or of the warning
	}{
		{"java", "# of ann\nsecurity.protocol = SASL_SSL\nsasl.mechanism:SCRAM-SHA-512\n" + scram + "ssl.truststore.location /t.jks\nssl.truststore.password=geheim\nclient.id=me\nbootstrap.servers=a:1,b:2\n", Config{},
			Config{Brokers: []string{"a:1", "b:2"}, ClientID: "me", Security: Security{TLS: true, CA: "/t.jks", CAPassword: "geheim", Mechanism: ScramSHA512, User: "ann", Password: "geheim"}}, "", ""},
		{"kcat", "metadata.broker.list=a:1\nsecurity.protocol=sasl_ssl\nsasl.mechanisms=PLAIN\nsasl.username=ann\nsasl.password=geheim\nssl.ca.location=/ca.pem\nssl.certificate.location=/c.pem\nssl.key.location=/k.pem\nssl.key.password=geheim2\n", Config{},
			Config{Brokers: []string{"a:1"}, Security: Security{TLS: true, CA: "/ca.pem", Cert: "/c.pem", Key: "/k.pem", KeyPassword: "geheim2", Mechanism: Plain, User: "ann", Password: "geheim"}}, "", ""},
		{"flags stand before it", "bootstrap.servers=a:1\nsecurity.protocol=SASL_SSL\nsasl.mechanism=PLAIN\nsasl.username=ann\nsasl.password=geheim\nssl.truststore.location=/t.jks\n",
			Config{Brokers: []string{"z:1"}, Security: Security{CA: "/mine", User: "eve", PasswordFile: "/p"}},
			Config{Brokers: []string{"z:1"}, Security: Security{TLS: true, CA: "/mine", Mechanism: Plain, User: "eve", PasswordFile: "/p"}}, "", ""},
		{"any name", "security.protocol=SSL\nssl.endpoint.identification.algorithm=none\nssl.enabled.protocols=TLSv1.2\nretries=3\n", Config{},
			Config{Security: Security{TLS: true, AnyServerName: true}}, "", ""},
		{"plaintext", "acks=all\nkey.serializer=x\n", Config{}, Config{}, "", ""},
		{"unknown", "secruity.protocol=SSL\nssl.trustore.location=/geheim\n", Config{}, Config{}, "not used: secruity.protocol (line 1), ssl.trustore.location (line 2)", ""},
		{"another file", "geheim\nGeheim.geheim=1\npassword=\"geheim\"\n", Config{}, Config{}, "not used: line 1, line 2, line 3", ""},
		{"kerberos", "security.protocol=SASL_PLAINTEXT\n", Config{}, Config{}, "Kerberos", "SCRAM-SHA-512"},
		{"no module", "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\nsasl.jaas.config=geheim;\n", Config{}, Config{}, ":3: sasl.jaas.config: ", "PlainLoginModule"},
		{"no protocol", "security.protocol=geheimnis\n", Config{}, Config{}, ":1: security.protocol: ", ""},
		{"no verification", "security.protocol=SSL\nenable.ssl.certificate.verification=false\n", Config{}, Config{}, ":2: ", "ssl.ca.location"},
		{"provided", "config.providers=file\n", Config{}, Config{}, ":1: config.providers", "into this file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			var told strings.Builder
			c.before.ClientFile, c.before.Logger = path, slog.New(slog.NewTextHandler(&told, nil))
			got, err := c.before.completed()
			if text := fmt.Sprint(told.String(), err, fault.HintOf(err)); !strings.Contains(text, c.says) || !strings.Contains(text, c.hint) || c.says == "" && (told.Len() > 0 || err != nil) ||
				strings.Contains(text, "geheim") && c.name != "no protocol" || err != nil && fault.CodeOf(err) != fault.Usage {
				t.Errorf("told %s", text)
			}
			if got.Logger = nil; err == nil && !reflect.DeepEqual(got, c.want) {
				t.Errorf("got  %#v\nwant %#v", got, c.want)
			}
		})
	}
	if _, err := (Config{ClientFile: "nowhere"}).completed(); fault.CodeOf(err) != fault.Usage {
		t.Error(err)
	}
}

// TestClientFileConnects uses such a file.
func TestClientFileConnects(t *testing.T) {
	a := logpipetest.NewAuthority(t)
	addr := secured(t, append(users(), kfake.TLS(a.Serving(a.Pair("server", "127.0.0.1"), tls.NoClientCert)))...)
	file := a.Write("client.properties", []byte("security.protocol=SASL_SSL\nsasl.mechanism=SCRAM-SHA-256\nssl.truststore.type=PEM\nssl.truststore.location="+a.Path("ca.pem")+
		"\nsasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required username=\"bob\" password=\"secret-b\";\nbootstrap.servers="+addr+"\n"))
	cfg := Config{ClientFile: file}
	produce(t, cfg, "t", 0, 3)
	if got := values(readAll(t, consumer(t, cfg, ConsumerConfig{Topics: []string{"t"}, From: Beginning, ExitAtEnd: true}))); len(got) != 3 {
		t.Error(got)
	}
	if got, _, err := diagnosed(t, cfg, DiagnoseConfig{}); err != nil || !strings.HasPrefix(got, "(dns) tcp tls api sasl metadata") {
		t.Error(got, err)
	}
}

func TestProperties(t *testing.T) {
	for text, want := range map[string]string{
		"a=1\nb = 2 \n c:3\r\nd 4\re":  "a=1 b=2 c=3 d=4 e=",
		"# a=1\n ! b=2\n\nc=\\\n  3\n": "c=3",
		`a\ b=c\=d\\`:                  `a b=c=d\`,
		`a=x\ty\u00e4\ud83d\ude00\q`:   "a=x\tyä😀q",
		"\ufeffa=1":                    "a=1",
		"a=\xe4":                       "a=ä",
		"a=b\\":                        "a=b",
		"a==b":                         "a==b",
	} {
		var got []string
		for _, p := range properties([]byte(text)) {
			got = append(got, p.name+"="+p.value)
		}
		if joined := strings.Join(got, " "); joined != want {
			t.Errorf("%q: %q, want %q", text, joined, want)
		}
	}
}

// FuzzProperties reads any file without a panic; no name or value is longer than
// the file.
func FuzzProperties(f *testing.F) {
	for _, text := range []string{"a=1\nb:2\\\n3", `\u00`, `a\`, "a=\\ud83d", "\xff=\xfe", "#\\\na"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, p := range properties(data) {
			if len(p.name)+len(p.value) > 2*len(data) || p.line < 1 {
				t.Errorf("%+v in %q", p, data)
			}
		}
	})
}
