package eurekatest

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

// Authority signs certificates for a test; TrustStore is a file for eureka.client.tls.trust-store.
type Authority struct {
	TrustStore string
	key        *ecdsa.PrivateKey
	cert       *x509.Certificate
}

// NewAuthority returns an authority whose file is there as long as the test.
func NewAuthority(t testing.TB) *Authority {
	t.Helper()
	a := &Authority{TrustStore: filepath.Join(t.TempDir(), "ca.pem")}
	template := &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign, NotAfter: time.Now().Add(time.Hour)}
	var der []byte
	a.key, der = sign(t, template, template, nil)
	a.cert, _ = x509.ParseCertificate(der) // just made
	if err := os.WriteFile(a.TrustStore, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatalf("eurekatest: %v", err)
	}
	return a
}

// TLS makes a server speak HTTPS with a certificate of an authority.
func TLS(t testing.TB, a *Authority) Option { return a.serve(t, "127.0.0.1", time.Hour) }

// ExpiredTLS makes its certificate one whose time is over.
func ExpiredTLS(t testing.TB, a *Authority) Option { return a.serve(t, "127.0.0.1", -time.Minute) }

// MisnamedTLS makes its certificate one for another address.
func MisnamedTLS(t testing.TB, a *Authority) Option { return a.serve(t, "192.0.2.1", time.Hour) }

func (a *Authority) serve(t testing.TB, ip string, valid time.Duration) Option {
	t.Helper()
	template := &x509.Certificate{IPAddresses: []net.IP{net.ParseIP(ip)}, KeyUsage: x509.KeyUsageDigitalSignature, NotAfter: time.Now().Add(valid)}
	key, der := sign(t, template, a.cert, a.key)
	return func(s *Server) {
		s.tls = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	}
}

// sign makes a certificate; without a parent's key it signs itself.
func sign(t testing.TB, template, parent *x509.Certificate, parentKey *ecdsa.PrivateKey) (*ecdsa.PrivateKey, []byte) {
	t.Helper()
	template.SerialNumber, template.Subject = big.NewInt(time.Now().UnixNano()), pkix.Name{CommonName: "eurekatest"}
	template.NotBefore = time.Now().Add(-time.Hour)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatalf("eurekatest: %v", err)
	}
	if parentKey == nil {
		parentKey = key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, parentKey)
	if err != nil {
		t.Fatalf("eurekatest: %v", err)
	}
	return key, der
}
