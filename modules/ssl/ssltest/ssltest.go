// Package ssltest makes certificates for tests.
//
//	authority := ssltest.NewAuthority(t)
//	pair := authority.Issue(t, ssltest.Names("localhost"))
//	// server.ssl.certificate: pair.CertificateFile, eureka.client.tls.trust-store: authority.File
package ssltest

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
	"sync/atomic"
	"testing"
	"time"
)

// Authority signs certificates.
type Authority struct {
	File        string // its certificate in PEM form
	Certificate *x509.Certificate
	Pool        *x509.CertPool
	key         *ecdsa.PrivateKey
}

// NewAuthority returns an authority whose file is there as long as the test.
func NewAuthority(t testing.TB) *Authority {
	t.Helper()
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: "ssltest authority"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	key, der := sign(t, template, template, nil)
	a := &Authority{File: filepath.Join(t.TempDir(), "ca.pem"), key: key, Pool: x509.NewCertPool()}
	a.Certificate, _ = x509.ParseCertificate(der) // just made
	a.Pool.AddCert(a.Certificate)
	Write(t, a.File, block("CERTIFICATE", der))
	return a
}

// Pair is a certificate and its key.
type Pair struct {
	CertificateFile, KeyFile string
	Certificate, Key         string // PEM
	Leaf                     *x509.Certificate
	PrivateKey               *ecdsa.PrivateKey
}

// Option changes what is issued.
type Option func(*x509.Certificate)

// Names are the hosts and addresses that the certificate is for. Default: localhost and 127.0.0.1.
func Names(names ...string) Option {
	return func(c *x509.Certificate) {
		c.DNSNames, c.IPAddresses = nil, nil
		for _, name := range names {
			if ip := net.ParseIP(name); ip != nil {
				c.IPAddresses = append(c.IPAddresses, ip)
			} else {
				c.DNSNames = append(c.DNSNames, name)
			}
		}
	}
}

// Valid says from when to when. Default: for a day.
func Valid(from, to time.Time) Option {
	return func(c *x509.Certificate) { c.NotBefore, c.NotAfter = from, to }
}

// Common is the common name, which tells certificates apart. Default: ssltest.
func Common(name string) Option {
	return func(c *x509.Certificate) { c.Subject.CommonName = name }
}

// Issue makes a certificate for servers and clients, and files of it.
func (a *Authority) Issue(t testing.TB, options ...Option) Pair {
	t.Helper()
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: "ssltest"}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		NotBefore:   time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	Names("localhost", "127.0.0.1")(template)
	for _, o := range options {
		o(template)
	}
	key, der := sign(t, template, a.Certificate, a.key)
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatalf("ssltest: %v", err)
	}
	folder := t.TempDir()
	p := Pair{
		CertificateFile: filepath.Join(folder, "tls.crt"), KeyFile: filepath.Join(folder, "tls.key"),
		Certificate: block("CERTIFICATE", der), Key: block("PRIVATE KEY", encoded), PrivateKey: key,
	}
	p.Leaf, _ = x509.ParseCertificate(der) // just made
	Write(t, p.CertificateFile, p.Certificate)
	Write(t, p.KeyFile, p.Key)
	return p
}

// TLS returns the settings of a client that trusts the authority and shows the pairs.
func (a *Authority) TLS(t testing.TB, pairs ...Pair) *tls.Config {
	t.Helper()
	c := &tls.Config{RootCAs: a.Pool}
	for _, p := range pairs {
		c.Certificates = append(c.Certificates, tls.Certificate{Certificate: [][]byte{p.Leaf.Raw}, PrivateKey: p.PrivateKey, Leaf: p.Leaf})
	}
	return c
}

// Write replaces a file at once, as a rename does.
func Write(t testing.TB, file, text string) {
	t.Helper()
	if err := os.WriteFile(file+".new", []byte(text), 0o600); err != nil {
		t.Fatalf("ssltest: %v", err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		t.Fatalf("ssltest: %v", err)
	}
}

func block(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

var serial atomic.Int64

func sign(t testing.TB, template, parent *x509.Certificate, parentKey *ecdsa.PrivateKey) (*ecdsa.PrivateKey, []byte) {
	t.Helper()
	template.SerialNumber = big.NewInt(time.Now().UnixNano() + serial.Add(1))
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatalf("ssltest: %v", err)
	}
	if parentKey == nil {
		parentKey = key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, parentKey)
	if err != nil {
		t.Fatalf("ssltest: %v", err)
	}
	return key, der
}
