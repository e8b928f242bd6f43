package keystore

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/flume"
)

// The stores in testdata were made by keytool: server.* hold a key of CN
// flume.example without other names, trust.* its certificate.
func store(name string) string { return filepath.Join("..", "..", "testdata", "keystore", name) }

const password = "changeit"

type described interface {
	Describe(*flume.Properties)
	Check() []flume.Problem
}

func configure(t *testing.T, d described, settings ...string) {
	t.Helper()
	p := flume.Properties{System: map[string]string{"javax.net.ssl.keyStorePassword": password}}
	d.Describe(&p)
	for _, setting := range settings {
		name, value, _ := strings.Cut(setting, "=")
		q, _ := p.Lookup(name)
		if q == nil {
			t.Fatalf("no property %s", name)
		}
		if err := q.Assign(name, value); err != nil {
			t.Fatal(err)
		}
	}
}

// handshake lets both ends meet and returns their errors and what they agreed.
func handshake(t *testing.T, server, client *tls.Config) (s, c error, state tls.ConnectionState) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	b, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	a, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	ended := make(chan error, 1)
	go func() {
		conn := tls.Server(a, server)
		err := conn.Handshake()
		if err == nil {
			_, err = conn.Write([]byte("x"))
		}
		a.Close()
		ended <- err
	}()
	conn := tls.Client(b, client)
	c = conn.Handshake()
	if c == nil {
		_, c = io.ReadFull(conn, make([]byte, 1))
	}
	b.Close()
	return <-ended, c, conn.ConnectionState()
}

func ends(t *testing.T, server, client []string) (*tls.Config, *tls.Config) {
	t.Helper()
	var s Server
	configure(t, &s, append([]string{"ssl=true"}, server...)...)
	var c Client
	configure(t, &c, append([]string{"ssl=true"}, client...)...)
	if p := append(s.Check(), c.Check()...); len(p) > 0 {
		t.Fatal(p)
	}
	sc, err := s.Config()
	if err != nil {
		t.Fatal(err)
	}
	cc, err := c.Config("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	return sc, cc
}

func TestHandshake(t *testing.T) {
	const suite12 = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"
	jks, trust := "keystore="+store("server.jks"), []string{"truststore=" + store("trust.jks"), "truststore-password=" + password}
	tests := []struct {
		name           string
		server, client []string
		version        uint16
		err            string // of one of the ends; "" = they meet
	}{
		{"jks", []string{jks}, trust, tls.VersionTLS13, ""},
		{"pkcs12", []string{"keystore=" + store("server.pkcs12")},
			[]string{"truststore=" + store("trust.pkcs12"), "truststore-password=" + password}, tls.VersionTLS13, ""},
		{"key store as trust store", []string{jks}, []string{"truststore=" + store("server.jks"), "truststore-password=" + password}, tls.VersionTLS13, ""},
		{"trust all", []string{jks}, []string{"trust-all-certs=true"}, tls.VersionTLS13, ""},
		{"unknown to the system", []string{jks}, nil, 0, "certificate"},
		{"1.3 excluded", []string{jks, "exclude-protocols=SSLv3 TLSv1.3"}, trust, tls.VersionTLS12, ""},
		{"1.2 alone at the client", []string{jks}, append(trust, "include-protocols=TLSv1.2"), tls.VersionTLS12, ""},
		{"nothing in common", []string{jks, "include-protocols=TLSv1.3"}, append(trust, "include-protocols=TLSv1.2"), 0, "protocol version"},
		{"a suite of 1.2", []string{jks, "include-cipher-suites=" + suite12}, trust, tls.VersionTLS12, ""},
		{"that suite excluded", []string{jks, "include-cipher-suites=" + suite12}, append(trust, "exclude-cipher-suites="+suite12, "exclude-protocols=TLSv1.3"), 0, "handshake failure"},
		{"a suite of 1.3 excluded", []string{jks, "exclude-cipher-suites=TLS_AES_128_GCM_SHA256 TLS_AES_256_GCM_SHA384 TLS_CHACHA20_POLY1305_SHA256"}, trust, tls.VersionTLS12, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			server, client := ends(t, test.server, test.client)
			s, c, state := handshake(t, server, client)
			err := errors.Join(s, c)
			switch {
			case test.err == "" && (err != nil || state.Version != test.version):
				t.Fatalf("%s: %v", tls.VersionName(state.Version), err)
			case test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)):
				t.Fatalf("error %v, want %q", err, test.err)
			}
		})
	}
}

// Another certificate than the trusted one is refused.
func TestNotTrusted(t *testing.T) {
	server, client := ends(t, []string{"keystore=" + store("server.jks")},
		[]string{"truststore=" + store("trust.pkcs12"), "truststore-password=" + password})
	_, err, _ := handshake(t, server, client)
	if err == nil || !strings.Contains(err.Error(), "CN=flume.example") || fault.HintOf(err) == "" {
		t.Fatalf("error %v, hint %q", err, fault.HintOf(err))
	}
}

func TestCheck(t *testing.T) {
	problems := func(d described, settings ...string) string {
		configure(t, d, settings...)
		var all []string
		for _, p := range d.Check() {
			all = append(all, p.Property+": "+p.Message)
		}
		return strings.Join(all, "; ")
	}
	for _, test := range []struct {
		name, got, want string
	}{
		{"off", problems(new(Server), "exclude-protocols=nonsense"), ""},
		{"no keystore", problems(new(Server), "ssl=true"), "ssl: ssl is on and there is no keystore"},
		{"no protocol", problems(new(Server), "ssl=true", "keystore=x", "exclude-protocols=TLSv1.2,TLSv1.3"), "exclude-protocols: no protocol is left"},
		{"unknown names", problems(new(Server), "ssl=true", "keystore=x", "include-protocols=TLS1.2 TLSv1.3", "include-cipher-suites=AES"),
			`include-cipher-suites: no cipher suite is left that is known here; include-protocols: there is no protocol "TLS1.2"`},
		{"no password", problems(new(Client), "ssl=true", "truststore=x"), "truststore: there is a truststore and no truststore-password"},
	} {
		if test.got != test.want {
			t.Errorf("%s: %q, want %q", test.name, test.got, test.want)
		}
	}
}

func TestBadStores(t *testing.T) {
	dir := t.TempDir()
	jks, err := os.ReadFile(store("server.jks"))
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{
		"neither a JKS": []byte("-----BEGIN"), "no key store": {1}, "JCEKS": []byte("\xce\xce\xce\xce\x00"), "damaged": jks[:100], "digest": jks[:len(jks)-1],
	} {
		path := filepath.Join(dir, "f")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadKey(path, password); err == nil || !strings.Contains(err.Error(), name) && name != "digest" {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, f := range []string{"server.jks", "server.pkcs12"} {
		if _, err := ReadKey(store(f), "wrong"); err == nil || !strings.Contains(fault.HintOf(err), "keytool -list") {
			t.Errorf("%s: %v", f, err)
		}
	}
	if _, err := ReadKey(store("trust.jks"), password); err == nil || !strings.Contains(err.Error(), "no private key") {
		t.Error(err)
	}
	if _, err := ReadTrusted(filepath.Join(dir, "none"), password); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

// FuzzDecode reads any file without a panic and without more memory than the
// file has.
func FuzzDecode(f *testing.F) {
	for _, name := range []string{"server.jks", "server.pkcs12", "trust.jks", "trust.pkcs12"} {
		data, err := os.ReadFile(store(name))
		if err != nil {
			f.Fatal(err)
		}
		if name != "server.pkcs12" && name != "trust.pkcs12" { // they take a while to open
			f.Add(data)
		}
	}
	f.Add([]byte("\xfe\xed\xfe\xed\x00\x00\x00\x02\xff\xff\xff\xff\x00\x00\x00\x02\x00\x00"))
	f.Fuzz(func(_ *testing.T, data []byte) {
		if len(data) >= 4 && data[0] == 0x30 {
			return // the iterations that a PKCS12 file asks for are its owner's
		}
		decode(data, password)
	})
}
