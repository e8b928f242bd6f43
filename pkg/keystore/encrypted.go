package keystore

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"hash"

	"github.com/logpipe/logpipe/pkg/fault"
)

// Encrypted keys are PKCS#8 (RFC 5958) with PBES2 (RFC 8018), as openssl has
// written them for years, and its older own form, which a header of the PEM block
// tells.

// mostRounds is the largest number of rounds of a password's hash: a second or two.
// openssl takes 2048 of them, careful people some 100,000.
const mostRounds = 5_000_000

// errEncrypted is a key that cannot be read without its password.
var errEncrypted = fault.Hint(errors.New("the private key is encrypted"),
	"--tls-password-file names the file with its password (ssl.key.password in settings of Java)")

// decrypted returns a text in PEM whose private keys are encrypted no more.
func decrypted(text []byte, password string, most int) ([]byte, error) {
	var plain []byte
	changed := false
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		legacy := block.Headers["DEK-Info"] != ""
		switch {
		case !legacy && block.Type != "ENCRYPTED PRIVATE KEY":
		case password == "":
			return nil, errEncrypted
		default:
			var err error
			if block, err = decryptBlock(block, legacy, password, most); err != nil {
				return nil, err
			}
			changed = true
		}
		plain = append(plain, pem.EncodeToMemory(block)...)
	}
	if !changed {
		return text, nil
	}
	return plain, nil
}

func decryptBlock(block *pem.Block, legacy bool, password string, most int) (*pem.Block, error) {
	if !legacy {
		key, err := decryptPKCS8(block.Bytes, password, most)
		return &pem.Block{Type: "PRIVATE KEY", Bytes: key}, err
	}
	//lint:ignore SA1019 the form is weak, and the keys that people have are in it
	key, err := x509.DecryptPEMBlock(block, []byte(password))
	if errors.Is(err, x509.IncorrectPasswordError) {
		err = ErrPassword
	}
	return &pem.Block{Type: block.Type, Bytes: key}, err
}

// The structures of RFC 5958 and RFC 8018.
type (
	encryptedKey struct {
		Algorithm pkix.AlgorithmIdentifier
		Data      []byte
	}
	pbes2 struct {
		KDF, Cipher pkix.AlgorithmIdentifier
	}
	pbkdf2Parameters struct {
		Salt   []byte
		Rounds int
		Length int                      `asn1:"optional"`
		Hash   pkix.AlgorithmIdentifier `asn1:"optional"`
	}
)

// Names of algorithms.
const (
	oidPBES2  = "1.2.840.113549.1.5.13"
	oidPBKDF2 = "1.2.840.113549.1.5.12"
	oidScrypt = "1.3.6.1.4.1.11591.4.11"
	oidSHA1   = "1.2.840.113549.2.7"
	oidSHA256 = "1.2.840.113549.2.9"
	oidSHA384 = "1.2.840.113549.2.10"
	oidSHA512 = "1.2.840.113549.2.11"
	oid3DES   = "1.2.840.113549.3.7"
	oidAES128 = "2.16.840.1.101.3.4.1.2"
	oidAES192 = "2.16.840.1.101.3.4.1.22"
	oidAES256 = "2.16.840.1.101.3.4.1.42"
)

// decryptPKCS8 returns the PKCS#8 of a private key that is encrypted.
func decryptPKCS8(der []byte, password string, most int) ([]byte, error) {
	var outer encryptedKey
	var scheme pbes2
	var iv []byte
	if err := unmarshal(der, &outer); err != nil {
		return nil, err
	}
	if name := outer.Algorithm.Algorithm.String(); name != oidPBES2 {
		return nil, unknownCipher(name)
	}
	if err := unmarshal(outer.Algorithm.Parameters.FullBytes, &scheme); err != nil {
		return nil, err
	}
	length, newCipher := cipherOf(scheme.Cipher.Algorithm.String())
	if newCipher == nil {
		return nil, unknownCipher(scheme.Cipher.Algorithm.String())
	}
	if err := unmarshal(scheme.Cipher.Parameters.FullBytes, &iv); err != nil {
		return nil, err
	}
	key, err := keyFrom(scheme.KDF, password, length, most)
	if err != nil {
		return nil, err
	}
	block, err := newCipher(key)
	if err != nil {
		return nil, err
	}
	size := block.BlockSize()
	if len(iv) != size || len(outer.Data) == 0 || len(outer.Data)%size != 0 {
		return nil, errors.New("the encrypted private key is damaged")
	}
	plain := make([]byte, len(outer.Data))
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(plain, outer.Data)
	return unpad(plain, size)
}

// keyFrom makes the key of the cipher of a password.
func keyFrom(kdf pkix.AlgorithmIdentifier, password string, length, most int) ([]byte, error) {
	if name := kdf.Algorithm.String(); name != oidPBKDF2 {
		return nil, unknownCipher(name)
	}
	var p pbkdf2Parameters
	if err := unmarshal(kdf.Parameters.FullBytes, &p); err != nil {
		return nil, err
	}
	if p.Rounds < 1 || p.Rounds > most {
		return nil, fmt.Errorf("the private key is encrypted with %d rounds: at most %d are read", p.Rounds, most)
	}
	var newHash func() hash.Hash
	switch name := p.Hash.Algorithm.String(); name {
	case "", oidSHA1:
		newHash = sha1.New
	case oidSHA256:
		newHash = sha256.New
	case oidSHA384:
		newHash = sha512.New384
	case oidSHA512:
		newHash = sha512.New
	default:
		return nil, unknownCipher(name)
	}
	return pbkdf2.Key(newHash, password, p.Salt, p.Rounds, length)
}

// cipherOf returns the length of a cipher's key, and the cipher; nil = it is unknown.
func cipherOf(name string) (length int, newCipher func([]byte) (cipher.Block, error)) {
	switch name {
	case oid3DES:
		return 24, des.NewTripleDESCipher
	case oidAES128:
		return 16, aes.NewCipher
	case oidAES192:
		return 24, aes.NewCipher
	case oidAES256:
		return 32, aes.NewCipher
	}
	return 0, nil
}

func unknownCipher(name string) error {
	if name == oidScrypt {
		name = "scrypt"
	}
	return fault.Hint(fmt.Errorf("the private key is encrypted in a way that is not read here (%s)", name),
		"openssl pkcs8 -topk8 -v2 aes-256-cbc -in KEY -out NEW writes one that is")
}

func unmarshal(der []byte, v any) error {
	if rest, err := asn1.Unmarshal(der, v); err != nil || len(rest) > 0 {
		return errors.New("the encrypted private key is damaged")
	}
	return nil
}

// unpad takes the padding off, which a wrong password does not leave right.
func unpad(plain []byte, size int) ([]byte, error) {
	n := int(plain[len(plain)-1])
	if n < 1 || n > size {
		return nil, ErrPassword
	}
	for _, b := range plain[len(plain)-n:] {
		if int(b) != n {
			return nil, ErrPassword
		}
	}
	plain = plain[:len(plain)-n]
	// A wrong password passes once in 256 times.
	if _, err := x509.ParsePKCS8PrivateKey(plain); err != nil {
		return nil, ErrPassword
	}
	return plain, nil
}
