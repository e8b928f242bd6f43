// Package keystore gives components TLS by the properties that Flume gives them:
// ssl, keystore, truststore and the lists of protocols and cipher suites. Key
// stores are the files that Java's keytool writes, JKS and PKCS12; which of the
// two a file is stands in its first bytes, as for Java since version 9.
package keystore

import (
	"bytes"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	jks "github.com/pavlo-v-chernykh/keystore-go/v4"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/logpipe/logpipe/pkg/fault"
)

// The first four bytes of a JKS file, and of one of its relative JCEKS.
const (
	magicJKS   = 0xFEEDFEED
	magicJCEKS = 0xCECECECE
)

// ReadKey returns the key of a key store with its chain of certificates, its own
// one first. The password is that of the store and of the key.
func ReadKey(path, password string) (tls.Certificate, error) {
	key, _, err := read(path, password)
	if err == nil && key.PrivateKey == nil {
		err = fmt.Errorf("key store %s holds no private key", path)
	}
	return key, err
}

// ReadTrusted returns the certificates that a trust store makes trusted: as in
// Java all that stand in it alone, and the first of each key's chain.
func ReadTrusted(path, password string) ([]*x509.Certificate, error) {
	key, trusted, err := read(path, password)
	if err != nil {
		return nil, err
	}
	if key.Leaf != nil {
		trusted = append(trusted, key.Leaf)
	}
	if len(trusted) == 0 {
		return nil, fmt.Errorf("trust store %s holds no certificate", path)
	}
	return trusted, nil
}

func read(path, password string) (key tls.Certificate, trusted []*x509.Certificate, err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return key, nil, fmt.Errorf("read key store: %w", err)
	}
	key, trusted, err = decode(data, password)
	if err != nil {
		err = fault.Hint(fmt.Errorf("read key store %s: %w", path, err),
			"`keytool -list -keystore %s` shows what it holds and whether the password fits", path)
	}
	return key, trusted, err
}

func decode(data []byte, password string) (tls.Certificate, []*x509.Certificate, error) {
	if len(data) < 4 {
		return tls.Certificate{}, nil, errors.New("it is no key store")
	}
	switch magic := binary.BigEndian.Uint32(data); {
	case magic == magicJKS:
		return decodeJKS(data, password)
	case magic == magicJCEKS:
		return tls.Certificate{}, nil, errors.New("it is a JCEKS store: `keytool -importkeystore` makes a PKCS12 of it")
	case data[0] != 0x30: // PKCS12 is a DER sequence
		return tls.Certificate{}, nil, errors.New("it is neither a JKS nor a PKCS12 store")
	}
	return decodePKCS12(data, password)
}

func decodePKCS12(data []byte, password string) (tls.Certificate, []*x509.Certificate, error) {
	key, first, others, err := pkcs12.DecodeChain(data, password)
	if err != nil {
		// A trust store has no key.
		if trusted, trustErr := pkcs12.DecodeTrustStore(data, password); trustErr == nil {
			return tls.Certificate{}, trusted, nil
		}
		if errors.Is(err, pkcs12.ErrIncorrectPassword) {
			err = ErrPassword
		}
		return tls.Certificate{}, nil, err
	}
	certificate, err := pair(key, append([]*x509.Certificate{first}, others...))
	return certificate, nil, err
}

func decodeJKS(data []byte, password string) (key tls.Certificate, trusted []*x509.Certificate, err error) {
	// The library makes room for as many bytes as a length says.
	if err := checkJKS(data); err != nil {
		return key, nil, err
	}
	store := jks.New(jks.WithOrderedAliases())
	if err := store.Load(bytes.NewReader(data), []byte(password)); err != nil {
		if badDigest(err) {
			err = ErrPassword
		}
		return key, nil, err
	}
	for _, alias := range store.Aliases() {
		if store.IsTrustedCertificateEntry(alias) {
			entry, err := store.GetTrustedCertificateEntry(alias)
			if err != nil {
				return key, nil, err
			}
			certificate, err := x509.ParseCertificate(entry.Certificate.Content)
			if err != nil {
				return key, nil, fmt.Errorf("entry %s: %w", alias, err)
			}
			trusted = append(trusted, certificate)
			continue
		}
		if key.PrivateKey != nil || !store.IsPrivateKeyEntry(alias) {
			continue // as Java, the first key serves
		}
		if key, err = keyOf(store, alias, password); err != nil {
			return key, nil, fmt.Errorf("entry %s: %w", alias, err)
		}
	}
	return key, trusted, nil
}

// badDigest reports whether a JKS file, or a key in it, does not fit its password:
// the library has no error of its own for that.
func badDigest(err error) bool { return strings.Contains(err.Error(), "got invalid digest") }

func keyOf(store jks.KeyStore, alias, password string) (tls.Certificate, error) {
	entry, err := store.GetPrivateKeyEntry(alias, []byte(password))
	if err != nil && badDigest(err) {
		err = errors.New("the password of the key is not that of the store; give it the same: keytool -keypasswd")
	}
	if err != nil {
		return tls.Certificate{}, err
	}
	key, err := x509.ParsePKCS8PrivateKey(entry.PrivateKey)
	if err != nil {
		return tls.Certificate{}, err
	}
	var chain []*x509.Certificate
	for _, c := range entry.CertificateChain {
		certificate, err := x509.ParseCertificate(c.Content)
		if err != nil {
			return tls.Certificate{}, err
		}
		chain = append(chain, certificate)
	}
	return pair(key, chain)
}

// pair puts the certificate that belongs to the key in front of the others.
func pair(key any, chain []*x509.Certificate) (tls.Certificate, error) {
	signer, ok := key.(crypto.Signer)
	if !ok {
		return tls.Certificate{}, fmt.Errorf("a key of type %T cannot serve TLS", key)
	}
	public, ok := signer.Public().(interface{ Equal(crypto.PublicKey) bool })
	at := -1
	if ok {
		at = slices.IndexFunc(chain, func(c *x509.Certificate) bool { return public.Equal(c.PublicKey) })
	}
	if at < 0 {
		return tls.Certificate{}, errors.New("no certificate belongs to the private key")
	}
	chain[0], chain[at] = chain[at], chain[0]
	certificate := tls.Certificate{PrivateKey: key, Leaf: chain[0]}
	for _, c := range chain {
		certificate.Certificate = append(certificate.Certificate, c.Raw)
	}
	return certificate, nil
}

// checkJKS walks over the entries of a JKS file, so that no length in it says
// more than there is.
func checkJKS(data []byte) error {
	w := walker{rest: data}
	w.number() // the magic
	version := w.number()
	for range w.number() {
		kind := w.number()
		w.skip(w.short())
		w.skip(8) // the time
		certificates := uint32(1)
		if kind == 1 { // a private key
			w.skip(w.number())
			certificates = w.number()
		}
		for range certificates {
			if version == 2 {
				w.skip(w.short())
			}
			w.skip(w.number())
			if w.ended {
				break
			}
		}
		if w.ended || kind != 1 && kind != 2 {
			return errors.New("it is damaged")
		}
	}
	return nil
}

type walker struct {
	rest  []byte
	ended bool
}

func (w *walker) skip(n uint32) []byte {
	if uint64(n) > uint64(len(w.rest)) {
		w.rest, w.ended = nil, true
		return nil
	}
	skipped := w.rest[:n]
	w.rest = w.rest[n:]
	return skipped
}

func (w *walker) number() uint32 {
	if b := w.skip(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (w *walker) short() uint32 {
	if b := w.skip(2); b != nil {
		return uint32(binary.BigEndian.Uint16(b))
	}
	return 0
}
