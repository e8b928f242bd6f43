package keystore

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"

	"github.com/logpipe/logpipe/pkg/fault"
)

// Trusted returns the certificates of a file that is PEM or a key store, which of
// the two stands in it. PEM needs no password.
func Trusted(path, password string) ([]*x509.Certificate, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fault.With(fault.Usage, err)
	}
	if !isPEM(data) {
		list, err := ReadTrusted(path, password)
		return list, fault.With(fault.Usage, err)
	}
	list, err := TrustedPEM(data)
	if err != nil {
		return nil, fault.Usagef("%s: %w", path, err)
	}
	return list, nil
}

// TrustedPEM returns the certificates of a text in PEM.
func TrustedPEM(text []byte) ([]*x509.Certificate, error) {
	var list []*x509.Certificate
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	if len(list) == 0 {
		return nil, errors.New("it holds no certificate")
	}
	return list, nil
}

// Pair returns a private key with its certificates: of two files in PEM, of one
// that holds both (key is "" then), or of a key store. The password is that of the
// store, or of an encrypted key.
func Pair(certificate, key, password string) (tls.Certificate, error) {
	data, err := os.ReadFile(certificate)
	if err != nil {
		return tls.Certificate{}, fault.With(fault.Usage, err)
	}
	if !isPEM(data) {
		pair, err := ReadKey(certificate, password)
		return pair, fault.With(fault.Usage, err)
	}
	keyData := data
	if key != "" {
		if keyData, err = os.ReadFile(key); err != nil {
			return tls.Certificate{}, fault.With(fault.Usage, err)
		}
	}
	pair, err := PairPEM(data, keyData, password)
	if err != nil {
		if key != "" {
			certificate += " and " + key
		}
		return pair, fault.With(fault.Usage, fmt.Errorf("%s: %w", certificate, err))
	}
	return pair, nil
}

// PairPEM returns the private key of a text in PEM with the certificates of
// another. The password is that of an encrypted key.
func PairPEM(certificates, key []byte, password string) (tls.Certificate, error) {
	key, err := decrypted(key, password, mostRounds)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.X509KeyPair(certificates, key)
}

func isPEM(data []byte) bool { return bytes.Contains(data, []byte("-----BEGIN ")) }

// VerifyChain accepts a server's chain that leads to one of the trusted
// certificates, whatever the server's name is. name says where these are.
func VerifyChain(chain, trusted []*x509.Certificate, name string) error {
	return verify(chain, trusted, name)
}
