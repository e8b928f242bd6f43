package keystore

import (
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/logpipe/logpipe/pkg/fault"
)

// TestEncryptedKeys reads keys as openssl encrypts them.
func TestEncryptedKeys(t *testing.T) {
	certificate := store(filepath.Join("encrypted", "cert.pem"))
	for _, name := range []string{"aes256", "aes128", "3des", "traditional"} {
		key := store(filepath.Join("encrypted", name+".key"))
		if _, err := Pair(certificate, key, password); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := Pair(certificate, key, "geheim"); !errors.Is(err, ErrPassword) || fault.CodeOf(err) != fault.Usage || strings.Contains(err.Error(), "geheim") {
			t.Errorf("%s with another password: %v", name, err)
		}
		if _, err := Pair(certificate, key, ""); err == nil || !strings.Contains(err.Error(), "encrypted") || !strings.Contains(fault.HintOf(err), "--tls-password-file") {
			t.Errorf("%s without a password: %v", name, err)
		}
	}
	for name, says := range map[string]string{"scrypt": "(scrypt)", "pbes1": "(1.2.840.113549.1."} {
		_, err := Pair(certificate, store(filepath.Join("encrypted", name+".key")), password)
		if err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(fault.HintOf(err), "openssl pkcs8") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzDecryptPKCS8 decrypts what may be a key, with few rounds.
func FuzzDecryptPKCS8(f *testing.F) {
	for _, name := range []string{"aes256", "3des", "scrypt", "pbes1"} {
		text, err := os.ReadFile(store(filepath.Join("encrypted", name+".key")))
		if err != nil {
			f.Fatal(err)
		}
		block, _ := pem.Decode(text)
		f.Add(block.Bytes)
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		if _, err := decryptPKCS8(der, "x", 3000); err == nil {
			t.Error("a key opens with a wrong password")
		}
	})
}
