package ssl

import (
	"crypto/tls"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/archimedes-go/archimedes/config"
)

// Config is what "spring.ssl.bundle" in application.yml can say.
type Config struct {
	PEM   map[string]PEMBundle `config:"pem"` // name → bundle of PEM texts or files; default none
	JKS   map[string]JKSBundle `config:"jks"` // name → bundle of PKCS12 files; default none
	Watch Watch                `config:"watch"`
}

// Watch is "spring.ssl.bundle.watch".
type Watch struct {
	File WatchFile `config:"file"`
}

// WatchFile is "spring.ssl.bundle.watch.file".
type WatchFile struct {
	QuietPeriod time.Duration `config:"quiet-period"` // for which files must stay as they are before they are taken; default 10s
}

// PEMBundle is "spring.ssl.bundle.pem.<name>".
type PEMBundle struct {
	KeyStore   PEMStore `config:"keystore"`
	TrustStore PEMStore `config:"truststore"`
	Common
}

// PEMStore is certificates, and for an identity their private key. Each is a location or the PEM text itself.
type PEMStore struct {
	Type               string        `config:"type"`                 // PEM, whatever is written; default PEM
	Certificate        string        `config:"certificate"`          // the chain, own certificate first; default none
	PrivateKey         config.Secret `config:"private-key"`          // PKCS#8, PKCS#1 or SEC 1; default none
	PrivateKeyPassword config.Secret `config:"private-key-password"` // of a key in encrypted PKCS#8; default none
	VerifyKeys         bool          `config:"verify-keys"`          // certificate and key are always compared; default true
}

// JKSBundle is "spring.ssl.bundle.jks.<name>".
type JKSBundle struct {
	KeyStore   JKSStore `config:"keystore"`
	TrustStore JKSStore `config:"truststore"`
	Common
}

// JKSStore is a PKCS12 file.
type JKSStore struct {
	Location string        `config:"location"` // of the file; default none
	Password config.Secret `config:"password"` // default none
	Type     string        `config:"type"`     // PKCS12; default PKCS12
	Provider string        `config:"provider"` // Java's, ignored; default none
}

// Common is what every bundle has.
type Common struct {
	Key            Key     `config:"key"`
	Options        Options `config:"options"`
	Protocol       string  `config:"protocol"`         // TLS, or the lowest version as in TLSv1.3; default TLS
	ReloadOnUpdate bool    `config:"reload-on-update"` // take files that change while the program runs; default false
}

// Key is the entry of a store.
type Key struct {
	Alias    string        `config:"alias"`    // ignored: a store must hold one key only; default none
	Password config.Secret `config:"password"` // of the key where it differs from the store's, which PKCS12 does not allow; default the store's
}

// Options are what connections may use.
type Options struct {
	Ciphers          []string `config:"ciphers"`           // IANA names, for TLS 1.2 and below; default Go's
	EnabledProtocols []string `config:"enabled-protocols"` // TLSv1.2, TLSv1.3; default both
}

// DefaultConfig returns the settings in force when application.yml is silent.
func DefaultConfig() Config {
	return Config{Watch: Watch{WatchFile{10 * time.Second}}}
}

// Validate reports what can be seen without reading files.
func (c Config) Validate() error {
	var faults []error
	if c.Watch.File.QuietPeriod <= 0 {
		faults = append(faults, config.FieldError{Key: "watch.file.quiet-period", Problem: "must be positive"})
	}
	for name, b := range c.PEM {
		faults = append(faults, b.validate("pem."+name+"."))
	}
	for name, b := range c.JKS {
		faults = append(faults, b.validate("jks."+name+"."))
		if _, both := c.PEM[name]; both {
			faults = append(faults, config.FieldError{Key: "jks." + name, Problem: "is the name of a PEM bundle, too"})
		}
	}
	return errors.Join(faults...)
}

func (c Common) validate(prefix string) error {
	_, err := c.protocols()
	return under(prefix, err)
}

// under puts a prefix before the key of a fault.
func under(prefix string, err error) error {
	var f config.FieldError
	if errors.As(err, &f) {
		return config.FieldError{Key: prefix + f.Key, Problem: f.Problem}
	}
	return err
}

func (c Common) protocols() (protocols, error) {
	p, err := parseProtocols(c.Protocol, c.Options.EnabledProtocols, c.Options.Ciphers)
	return p, under("options.", err)
}

// ClientAuth says what a server wants to know of its callers.
type ClientAuth string

// The values of [ClientAuth].
const (
	NoClientAuth   ClientAuth = "none"
	WantClientAuth ClientAuth = "want" // a certificate must be valid where there is one
	NeedClientAuth ClientAuth = "need"
)

// UnmarshalText accepts the values in any case.
func (a *ClientAuth) UnmarshalText(text []byte) error {
	switch one := ClientAuth(strings.ToLower(string(text))); one {
	case NoClientAuth, WantClientAuth, NeedClientAuth:
		*a = one
		return nil
	}
	return fmt.Errorf("%q is not one of none, want, need", text)
}

func (a ClientAuth) tls() tls.ClientAuthType {
	switch a {
	case WantClientAuth:
		return tls.VerifyClientCertIfGiven
	case NeedClientAuth:
		return tls.RequireAndVerifyClientCert
	}
	return tls.NoClientCert
}

// ServerConfig is "server.ssl" and "management.server.ssl".
type ServerConfig struct {
	Enabled               *bool              `config:"enabled"`                       // whether the keys below count; default true
	Bundle                string             `config:"bundle"`                        // of spring.ssl.bundle, in place of all stores below; default none
	Certificate           string             `config:"certificate"`                   // PEM: location or text of the chain; default none
	CertificatePrivateKey config.Secret      `config:"certificate-private-key"`       // PEM: location or text; default none
	TrustCertificate      string             `config:"trust-certificate"`             // PEM: authorities of callers; default none
	TrustCertificateKey   config.Secret      `config:"trust-certificate-private-key"` // ignored: trust needs no key; default none
	KeyStore              string             `config:"key-store"`                     // PKCS12 file; default none
	KeyStoreType          string             `config:"key-store-type"`                // PKCS12; default PKCS12
	KeyStorePassword      config.Secret      `config:"key-store-password"`            // default none
	KeyStoreProvider      string             `config:"key-store-provider"`            // Java's, ignored; default none
	KeyAlias              string             `config:"key-alias"`                     // ignored: the store must hold one key only; default none
	KeyPassword           config.Secret      `config:"key-password"`                  // of an encrypted PEM key, or of the store where key-store-password is not set; default none
	TrustStore            string             `config:"trust-store"`                   // PKCS12 file of callers' authorities; default none
	TrustStoreType        string             `config:"trust-store-type"`              // PKCS12; default PKCS12
	TrustStorePassword    config.Secret      `config:"trust-store-password"`          // default none
	TrustStoreProvider    string             `config:"trust-store-provider"`          // Java's, ignored; default none
	ClientAuth            ClientAuth         `config:"client-auth"`                   // none, want or need a certificate of callers; default none
	Protocol              string             `config:"protocol"`                      // TLS, or the lowest version as in TLSv1.3; default TLS
	EnabledProtocols      []string           `config:"enabled-protocols"`             // TLSv1.2, TLSv1.3; default both
	Ciphers               []string           `config:"ciphers"`                       // IANA names, for TLS 1.2 and below; default Go's
	ServerNameBundles     []ServerNameBundle `config:"server-name-bundles"`           // bundles for host names that callers ask for (SNI); default none
}

// ServerNameBundle is "server.ssl.server-name-bundles[n]".
type ServerNameBundle struct {
	ServerName string `config:"server-name"` // host name, or *.domain
	Bundle     string `config:"bundle"`      // of spring.ssl.bundle
}

// On reports whether connections are TLS: as soon as any key is set, and enabled is not false.
func (c ServerConfig) On() bool {
	if c.Enabled != nil {
		return *c.Enabled
	}
	return !reflect.ValueOf(c).IsZero()
}

// Validate reports what can be seen without reading files.
func (c ServerConfig) Validate() error {
	if !c.On() {
		return nil
	}
	var faults []error
	if c.Bundle == "" && c.Certificate == "" && c.KeyStore == "" {
		faults = append(faults, config.FieldError{Key: "certificate", Problem: "is missing: TLS needs a bundle, a certificate with certificate-private-key, or a key-store"})
	}
	for i, b := range c.ServerNameBundles {
		if b.ServerName == "" || b.Bundle == "" {
			faults = append(faults, config.FieldError{Key: fmt.Sprintf("server-name-bundles[%d]", i), Problem: "must have server-name and bundle"})
		}
	}
	_, err := parseProtocols(c.Protocol, c.EnabledProtocols, c.Ciphers)
	return errors.Join(append(faults, err)...)
}

// ClientConfig is "eureka.client.tls": the certificate of a caller and the authorities it trusts servers by.
type ClientConfig struct {
	Enabled            *bool         `config:"enabled"`              // whether the keys below count; default true
	Bundle             string        `config:"bundle"`               // ours: of spring.ssl.bundle, in place of all stores below; default none
	KeyStore           string        `config:"key-store"`            // PKCS12 file with the program's certificate; default none
	KeyStoreType       string        `config:"key-store-type"`       // PKCS12; default PKCS12
	KeyStorePassword   config.Secret `config:"key-store-password"`   // default none
	KeyPassword        config.Secret `config:"key-password"`         // of the store where key-store-password is not set; default none
	TrustStore         string        `config:"trust-store"`          // PKCS12 or PEM file of the authorities that servers are trusted by; default the system's
	TrustStoreType     string        `config:"trust-store-type"`     // PKCS12 or PEM; default what the file is
	TrustStorePassword config.Secret `config:"trust-store-password"` // default none
}

// On reports whether the keys count: as soon as any is set, and enabled is not false.
func (c ClientConfig) On() bool {
	if c.Enabled != nil && !*c.Enabled {
		return false
	}
	return c.Bundle != "" || c.KeyStore != "" || c.TrustStore != ""
}

// protocols is what connections may use.
type protocols struct {
	lowest, highest uint16
	ciphers         []uint16
}

func (p protocols) config() *tls.Config {
	return &tls.Config{MinVersion: p.lowest, MaxVersion: p.highest, CipherSuites: p.ciphers}
}

var versions = map[string]uint16{"TLSV1": tls.VersionTLS10, "TLSV1.1": tls.VersionTLS11, "TLSV1.2": tls.VersionTLS12, "TLSV1.3": tls.VersionTLS13}

// parseProtocols reads protocol, enabled-protocols and ciphers. Go chooses the ciphers of TLS 1.3 itself, so their names only pass.
func parseProtocols(protocol string, enabled, ciphers []string) (protocols, error) {
	p := protocols{lowest: tls.VersionTLS12}
	if protocol != "" && !strings.EqualFold(protocol, "TLS") {
		version, ok := versions[strings.ToUpper(protocol)]
		if !ok {
			return p, config.FieldError{Key: "protocol", Problem: fmt.Sprintf("%q is not one of TLS, TLSv1.2, TLSv1.3", protocol)}
		}
		p.lowest = version
	}
	for i, name := range enabled {
		version, ok := versions[strings.ToUpper(name)]
		if !ok {
			return p, config.FieldError{Key: "enabled-protocols", Problem: fmt.Sprintf("%q is not one of TLSv1.2, TLSv1.3", name)}
		}
		if i == 0 {
			p.lowest, p.highest = version, version
		}
		p.lowest, p.highest = min(p.lowest, version), max(p.highest, version)
	}
	for _, name := range ciphers {
		known := slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites())
		i := slices.IndexFunc(known, func(s *tls.CipherSuite) bool { return s.Name == name })
		if i < 0 {
			return p, config.FieldError{Key: "ciphers", Problem: fmt.Sprintf("%q is no cipher that Go knows", name)}
		}
		if !slices.Contains(known[i].SupportedVersions, tls.VersionTLS12) {
			continue
		}
		p.ciphers = append(p.ciphers, known[i].ID)
	}
	return p, nil
}

// reloads reports whether any bundle follows its files.
func (c Config) reloads() bool {
	for _, b := range c.PEM {
		if b.ReloadOnUpdate {
			return true
		}
	}
	for _, b := range c.JKS {
		if b.ReloadOnUpdate {
			return true
		}
	}
	return false
}
