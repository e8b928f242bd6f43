package logpipetest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Authority signs certificates for a test, and writes them into files.
type Authority struct {
	t    testing.TB
	dir  string
	Cert *x509.Certificate // its own
	key  *ecdsa.PrivateKey
}

// NewAuthority makes one; its own certificate is in ca.pem.
func NewAuthority(t testing.TB) *Authority {
	t.Helper()
	a := &Authority{t: t, dir: t.TempDir()}
	a.Cert, a.key = a.sign("test authority", nil, true)
	a.Write("ca.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.Cert.Raw}))
	return a
}

func (a *Authority) must(err error) {
	a.t.Helper()
	if err != nil {
		a.t.Fatal(err)
	}
}

func (a *Authority) sign(name string, hosts []string, isCA bool) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	a.must(err)
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	a.must(err)
	c := &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: isCA, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			c.IPAddresses = append(c.IPAddresses, ip)
		} else {
			c.DNSNames = append(c.DNSNames, h)
		}
	}
	parent, signer := c, key
	if a.key != nil {
		parent, signer = a.Cert, a.key
	}
	raw, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	a.must(err)
	cert, err := x509.ParseCertificate(raw)
	a.must(err)
	return cert, key
}

// Write writes a file that only its owner reads, and returns its path.
func (a *Authority) Write(name string, text []byte) string {
	a.t.Helper()
	path := filepath.Join(a.dir, name)
	a.must(os.WriteFile(path, text, 0o600))
	return path
}

// Pair makes a certificate for hosts and writes it with its key as NAME.pem
// and NAME.key.
func (a *Authority) Pair(name string, hosts ...string) tls.Certificate {
	a.t.Helper()
	cert, key := a.sign(name, hosts, false)
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	a.must(err)
	a.Write(name+".pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}))
	a.Write(name+".key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}))
	return tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key, Leaf: cert}
}

// Path is the path of a file by its name.
func (a *Authority) Path(name string) string { return filepath.Join(a.dir, name) }

// Serving is a server's side of TLS.
func (a *Authority) Serving(c tls.Certificate, clients tls.ClientAuthType) *tls.Config {
	pool := x509.NewCertPool()
	pool.AddCert(a.Cert)
	return &tls.Config{Certificates: []tls.Certificate{c}, ClientCAs: pool, ClientAuth: clients}
}
