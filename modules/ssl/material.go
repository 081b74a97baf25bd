package ssl

import (
	"bytes"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/youmark/pkcs8"
	"software.sslmate.com/src/go-pkcs12"
)

// Reader reads the file at a location.
type Reader func(location string) ([]byte, error)

// Files reads files on disk; "file:" may stand before a path.
func Files(location string) ([]byte, error) {
	return os.ReadFile(strings.TrimPrefix(location, "file:"))
}

// Error is a store that cannot be used. It is a failure of the start with a report of its own.
type Error struct {
	Key     string // the setting that leads to the fault
	Problem string
	Advice  string
	Err     error
}

// Error returns the fault in one line.
func (e *Error) Error() string { return fmt.Sprintf("ssl: %s: %s", e.Key, e.Problem) }

// Unwrap returns what lies behind.
func (e *Error) Unwrap() error { return e.Err }

// Description is for the failure report.
func (e *Error) Description() string {
	return fmt.Sprintf("The TLS setting %s cannot be used: %s.", e.Key, strings.TrimSuffix(e.Problem, "."))
}

// Action is for the failure report.
func (e *Error) Action() string { return e.Advice }

// Keys is for the failure report.
func (e *Error) Keys() []string { return []string{e.Key} }

// material is what stores hold at one time. It is never changed.
type material struct {
	identity    *tls.Certificate // nil: none
	authorities *x509.CertPool   // nil: the system's
}

// setting is a value and the key it stands under.
type setting struct{ key, value string }

// pemStore and p12Store say where an identity or authorities are.
type (
	pemStore struct{ certificate, privateKey, password setting }
	p12Store struct{ location, kind, password setting }
)

// stores are the settings that a bundle is loaded from.
type stores struct {
	read     Reader
	pemKeys  pemStore
	p12Keys  p12Store
	pemTrust setting
	p12Trust p12Store
}

// load reads everything. now decides what is expired.
func (s stores) load(now time.Time) (*material, error) {
	m := &material{}
	var err error
	switch {
	case s.pemKeys.certificate.value != "":
		m.identity, err = s.pemIdentity()
	case s.p12Keys.location.value != "":
		m.identity, err = s.p12Identity()
	}
	if err != nil {
		return nil, err
	}
	if m.identity != nil {
		if err := s.current(m.identity.Leaf, now); err != nil {
			return nil, err
		}
	}
	switch {
	case s.pemTrust.value != "":
		m.authorities, err = s.pemAuthorities(s.pemTrust)
	case s.p12Trust.location.value != "":
		m.authorities, err = s.p12Authorities()
	}
	return m, err
}

// current reports a certificate whose time is over or has not come: every caller would refuse it.
func (s stores) current(leaf *x509.Certificate, now time.Time) error {
	at := s.pemKeys.certificate
	if at.value == "" {
		at = s.p12Keys.location
	}
	if now.After(leaf.NotAfter) {
		return &Error{Key: at.key, Problem: fmt.Sprintf("the certificate of %q expired at %s", leaf.Subject, leaf.NotAfter.UTC().Format(time.RFC3339)), Advice: "Replace the certificate by one that is valid now."}
	}
	if now.Before(leaf.NotBefore) {
		return &Error{Key: at.key, Problem: fmt.Sprintf("the certificate of %q is valid only from %s", leaf.Subject, leaf.NotBefore.UTC().Format(time.RFC3339)), Advice: "Check the clock of this machine, or replace the certificate."}
	}
	return nil
}

// text returns what a setting holds or names.
func (s stores) text(at setting) ([]byte, error) {
	if inline(at.value) {
		return []byte(at.value), nil
	}
	data, err := s.read(at.value)
	if err != nil {
		return nil, &Error{Key: at.key, Problem: err.Error(), Advice: fmt.Sprintf("Set %s to a file that can be read, or to the PEM text itself.", at.key), Err: err}
	}
	return data, nil
}

func inline(value string) bool { return strings.Contains(value, "-----BEGIN ") }

func (s stores) pemIdentity() (*tls.Certificate, error) {
	at := s.pemKeys
	if at.privateKey.value == "" {
		return nil, &Error{Key: at.privateKey.key, Problem: "is missing", Advice: fmt.Sprintf("Set %s to the private key of %s.", at.privateKey.key, at.certificate.key)}
	}
	chain, err := s.text(at.certificate)
	if err != nil {
		return nil, err
	}
	key, err := s.text(at.privateKey)
	if err != nil {
		return nil, err
	}
	key, err = decrypted(key, at)
	if err != nil {
		return nil, err
	}
	identity, err := tls.X509KeyPair(chain, key)
	if err != nil {
		return nil, &Error{
			Key: at.certificate.key, Problem: strings.TrimPrefix(err.Error(), "tls: "), Err: err,
			Advice: fmt.Sprintf("Let %s hold certificates in PEM form, its own first, and %s the private key of that one.", at.certificate.key, at.privateKey.key),
		}
	}
	return &identity, nil
}

// decrypted returns a PEM key without its encryption.
func decrypted(text []byte, at pemStore) ([]byte, error) {
	block, _ := pem.Decode(text)
	switch {
	case block == nil:
		return text, nil // what follows names the fault
	case block.Headers["DEK-Info"] != "":
		return nil, &Error{Key: at.privateKey.key, Problem: "the key is encrypted in the old way of OpenSSL, which protects little", Advice: "Convert it: openssl pkcs8 -topk8 -in key.pem -out key-pkcs8.pem"}
	case block.Type != "ENCRYPTED PRIVATE KEY":
		return text, nil
	case at.password.value == "":
		return nil, &Error{Key: at.password.key, Problem: "is missing, and the private key is encrypted", Advice: fmt.Sprintf("Set %s.", at.password.key)}
	}
	key, err := pkcs8.ParsePKCS8PrivateKey(block.Bytes, []byte(at.password.value))
	if err != nil {
		return nil, &Error{Key: at.password.key, Problem: "does not open the private key", Advice: fmt.Sprintf("Set %s to the password of %s.", at.password.key, at.privateKey.key), Err: err}
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, &Error{Key: at.privateKey.key, Problem: err.Error(), Advice: "Use an RSA, ECDSA or Ed25519 key.", Err: err}
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

func (s stores) pemAuthorities(at setting) (*x509.CertPool, error) {
	text, err := s.text(at)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, &Error{Key: at.key, Problem: "there is no certificate in PEM form", Advice: fmt.Sprintf("Let %s hold certificates between -----BEGIN CERTIFICATE----- and -----END CERTIFICATE-----.", at.key)}
	}
	return pool, nil
}

// jks begins every file in Java's own format, which keytool has not written by default since Java 9.
var jks = []byte{0xFE, 0xED, 0xFE, 0xED}

// file reads a PKCS12 file.
func (s stores) file(at p12Store) ([]byte, error) {
	data, err := s.read(at.location.value)
	if err != nil {
		return nil, &Error{Key: at.location.key, Problem: err.Error(), Advice: fmt.Sprintf("Set %s to a file that can be read.", at.location.key), Err: err}
	}
	if bytes.HasPrefix(data, jks) {
		return nil, &Error{Key: at.location.key, Problem: "the file is in Java's JKS format", Advice: "Convert it: keytool -importkeystore -srckeystore store.jks -destkeystore store.p12 -deststoretype PKCS12"}
	}
	if kind := at.kind.value; kind != "" && !strings.EqualFold(kind, "PKCS12") && !strings.EqualFold(kind, "JKS") && !strings.EqualFold(kind, "PEM") {
		return nil, &Error{Key: at.kind.key, Problem: fmt.Sprintf("%q is not PKCS12", kind), Advice: fmt.Sprintf("Set %s to PKCS12, or use PEM files.", at.kind.key)}
	}
	return data, nil
}

// p12Problem puts what the library says into the words of settings.
func p12Problem(at p12Store, err error) *Error {
	if errors.Is(err, pkcs12.ErrIncorrectPassword) || errors.Is(err, pkcs12.ErrDecryption) {
		return &Error{Key: at.password.key, Problem: "does not open the store", Advice: fmt.Sprintf("Set %s to the password of %s.", at.password.key, at.location.key), Err: err}
	}
	return &Error{Key: at.location.key, Problem: at.location.value + ": " + strings.TrimPrefix(err.Error(), "pkcs12: "), Advice: "Use a PKCS12 file with one private key and its certificates (keytool and openssl write them).", Err: err}
}

func (s stores) p12Identity() (*tls.Certificate, error) {
	data, err := s.file(s.p12Keys)
	if err != nil {
		return nil, err
	}
	if inline(string(data)) {
		return nil, &Error{Key: s.p12Keys.location.key, Problem: "the file is PEM, not PKCS12", Advice: "Name PEM files with server.ssl.certificate and server.ssl.certificate-private-key, or in a bundle spring.ssl.bundle.pem.<name>."}
	}
	key, leaf, chain, err := pkcs12.DecodeChain(data, s.p12Keys.password.value)
	if err != nil {
		return nil, p12Problem(s.p12Keys, err)
	}
	if signer, ok := key.(crypto.Signer); !ok || !samePublicKey(signer.Public(), leaf.PublicKey) {
		return nil, &Error{Key: s.p12Keys.location.key, Problem: "the private key does not belong to the certificate", Advice: "Make the store anew from a certificate and its own key."}
	}
	identity := &tls.Certificate{PrivateKey: key, Leaf: leaf, Certificate: [][]byte{leaf.Raw}}
	for _, c := range chain {
		identity.Certificate = append(identity.Certificate, c.Raw)
	}
	return identity, nil
}

func samePublicKey(a, b any) bool {
	k, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && k.Equal(b)
}

// p12Authorities reads a trust store. keytool marks what is trusted; openssl does not, so then every certificate counts. A PEM
// file may stand in its place.
func (s stores) p12Authorities() (*x509.CertPool, error) {
	data, err := s.file(s.p12Trust)
	if err != nil {
		return nil, err
	}
	if inline(string(data)) {
		return s.pemAuthorities(s.p12Trust.location)
	}
	pool := x509.NewCertPool()
	certificates, err := pkcs12.DecodeTrustStore(data, s.p12Trust.password.value)
	if err == nil {
		for _, c := range certificates {
			pool.AddCert(c)
		}
		return pool, nil
	}
	if strings.EqualFold(s.p12Trust.kind.value, "PEM") {
		return nil, &Error{Key: s.p12Trust.location.key, Problem: "there is no certificate in PEM form", Advice: "Name a PEM file, or set the type to PKCS12."}
	}
	blocks, unmarked := pkcs12.ToPEM(data, s.p12Trust.password.value) //nolint:staticcheck // its keys are wrong, its certificates are not
	if unmarked != nil {
		return nil, p12Problem(s.p12Trust, err)
	}
	found := false
	for _, b := range blocks {
		if c, err := x509.ParseCertificate(b.Bytes); err == nil && b.Type == "CERTIFICATE" {
			pool.AddCert(c)
			found = true
		}
	}
	if !found {
		return nil, &Error{Key: s.p12Trust.location.key, Problem: "the store holds no certificate", Advice: "Add the authorities to it: keytool -importcert -keystore store.p12 -file ca.pem"}
	}
	return pool, nil
}
