package ssl_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/youmark/pkcs8"
	"go.uber.org/goleak"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/archimedes-go/archimedes/config"
	"github.com/archimedes-go/archimedes/config/configtest"
	"github.com/archimedes-go/archimedes/modules/ssl"
	"github.com/archimedes-go/archimedes/modules/ssl/ssltest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bundles returns the bundles that a file describes.
func bundles(t *testing.T, yaml string) *ssl.Bundles {
	t.Helper()
	b, err := ssl.From(nil, configtest.FromYAML(t, yaml), slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	return b
}

// indented makes a PEM text a YAML block.
func indented(text string) string {
	return "|\n      " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n      ")
}

// serves starts an HTTPS server and returns its URL.
func serves(t *testing.T, own *tls.Config) string {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who := "nobody"
		if len(r.TLS.PeerCertificates) > 0 {
			who = r.TLS.PeerCertificates[0].Subject.CommonName
		}
		fmt.Fprint(w, who)
	}))
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	s.TLS = own
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.URL
}

// get calls once and returns the body and the name of the server's certificate.
func get(t *testing.T, rt http.RoundTripper, url string) (body, server string, err error) {
	t.Helper()
	response, err := (&http.Client{Transport: rt, Timeout: 10 * time.Second}).Get(url)
	if err != nil {
		return "", "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return string(text), response.TLS.PeerCertificates[0].Subject.CommonName, err
}

func once(own *tls.Config) http.RoundTripper {
	return &http.Transport{TLSClientConfig: own, DisableKeepAlives: true}
}

func TestABundleIsMadeOfFilesTextsOrAPKCS12Store(t *testing.T) {
	ca := ssltest.NewAuthority(t)
	pair := ca.Issue(t, ssltest.Common("shop"))
	folder := t.TempDir()
	keys, err := pkcs12.Modern.Encode(pair.PrivateKey, pair.Leaf, []*x509.Certificate{ca.Certificate}, "secret")
	require.NoError(t, err)
	trust, err := pkcs12.Modern.EncodeTrustStore([]*x509.Certificate{ca.Certificate}, "secret")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(folder, "keys.p12"), keys, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "trust.p12"), trust, 0o600))
	der, err := pkcs8.MarshalPrivateKey(pair.PrivateKey, []byte("secret"), nil)
	require.NoError(t, err)
	locked := filepath.Join(folder, "locked.key")
	require.NoError(t, os.WriteFile(locked, pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: der}), 0o600))
	ecder, err := x509.MarshalECPrivateKey(pair.PrivateKey)
	require.NoError(t, err)
	sec1 := filepath.Join(folder, "sec1.key")
	require.NoError(t, os.WriteFile(sec1, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: ecder}), 0o600))

	for name, yaml := range map[string]string{
		"files":         fmt.Sprintf("spring.ssl.bundle.pem.b: {keystore: {certificate: 'file:%s', private-key: %s}, truststore.certificate: %s}", pair.CertificateFile, pair.KeyFile, ca.File),
		"SEC 1":         fmt.Sprintf("spring.ssl.bundle.pem.b: {keystore: {certificate: 'file:%s', private-key: %s}, truststore.certificate: %s}", pair.CertificateFile, sec1, ca.File),
		"encrypted key": fmt.Sprintf("spring.ssl.bundle.pem.b: {keystore: {certificate: %s, private-key: %s, private-key-password: secret}, truststore.certificate: %s}", pair.CertificateFile, locked, ca.File),
		"texts":         fmt.Sprintf("spring.ssl.bundle.pem.b:\n  truststore.certificate: %s\n  keystore:\n    certificate: %s\n    private-key: %s", ca.File, indented(pair.Certificate), indented(pair.Key)),
		"PKCS12":        fmt.Sprintf("spring.ssl.bundle.jks.b: {keystore: {location: '%s/keys.p12', password: secret, type: PKCS12}, truststore: {location: '%[1]s/trust.p12', password: secret}}", folder),
	} {
		t.Run(name, func(t *testing.T) {
			b, err := bundles(t, yaml).Get("b")
			require.NoError(t, err)
			url := serves(t, b.Server(ssl.NeedClientAuth))
			body, server, err := get(t, once(b.Client()), url)
			require.NoError(t, err)
			require.Equal(t, []string{"shop", "shop"}, []string{body, server}, "the bundle serves as both ends, and each trusts the other")
		})
	}
}

func TestEmbeddedFilesAreNamedByClasspath(t *testing.T) {
	ca := ssltest.NewAuthority(t)
	pair := ca.Issue(t)
	c, err := config.Load(config.Options{NoFiles: true, Embedded: []fs.FS{fstest.MapFS{
		"application.yml": {Data: []byte("spring.ssl.bundle.pem.b.keystore: {certificate: 'classpath:tls/own.crt', private-key: 'classpath:/tls/own.key'}")},
		"tls/own.crt":     {Data: []byte(pair.Certificate)}, "tls/own.key": {Data: []byte(pair.Key)},
	}}})
	require.NoError(t, err)
	all, err := ssl.From(nil, c, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	b, err := all.Get("b")
	require.NoError(t, err)
	require.Equal(t, pair.Leaf.SerialNumber, b.Identity().SerialNumber)
}

func TestWhatCannotBeUsedIsNamedWithItsKeyAndWhatToDo(t *testing.T) {
	ca := ssltest.NewAuthority(t)
	pair, other := ca.Issue(t), ca.Issue(t)
	expired := ca.Issue(t, ssltest.Valid(time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour)))
	early := ca.Issue(t, ssltest.Valid(time.Now().Add(time.Hour), time.Now().Add(2*time.Hour)))
	folder := t.TempDir()
	file := func(name string, data []byte) string {
		at := filepath.Join(folder, name)
		require.NoError(t, os.WriteFile(at, data, 0o600))
		return at
	}
	store, err := pkcs12.Modern.Encode(pair.PrivateKey, pair.Leaf, nil, "right")
	require.NoError(t, err)
	foreignKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	mixed, err := pkcs12.Modern.Encode(foreignKey, pair.Leaf, nil, "right")
	require.NoError(t, err)
	p12, wrong, java, garbage := file("a.p12", store), file("mixed.p12", mixed), file("a.jks", []byte{0xFE, 0xED, 0xFE, 0xED, 0, 0}), file("garbage", []byte("nothing"))
	pemFile := file("a.p12.pem", []byte("-----BEGIN CERTIFICATE-----\n"))
	const pemB, jksB = "spring.ssl.bundle.pem.b.", "spring.ssl.bundle.jks.b."
	for _, one := range []struct{ name, yaml, key, says, advice string }{
		{"expired", fmt.Sprintf(pemB+"keystore: {certificate: %s, private-key: %s}", expired.CertificateFile, expired.KeyFile), pemB + "keystore.certificate", "expired at 20", "valid now"},
		{"not yet valid", fmt.Sprintf(pemB+"keystore: {certificate: %s, private-key: %s}", early.CertificateFile, early.KeyFile), pemB + "keystore.certificate", "valid only from", "clock"},
		{"mismatched key", fmt.Sprintf(pemB+"keystore: {certificate: %s, private-key: %s}", pair.CertificateFile, other.KeyFile), pemB + "keystore.certificate", "private key does not match", "the private key of that one"},
		{"no key", fmt.Sprintf(pemB+"keystore: {certificate: %s}", pair.CertificateFile), pemB + "keystore.private-key", "missing", "Set "},
		{"missing file", pemB + "keystore: {certificate: /does/not/exist, private-key: x}", pemB + "keystore.certificate", "/does/not/exist", "can be read"},
		{"missing embedded file", pemB + "keystore: {certificate: 'classpath:nowhere.pem', private-key: x}", pemB + "keystore.certificate", "no embedded file is called nowhere.pem", "can be read"},
		{"no PEM", fmt.Sprintf(pemB+"truststore.certificate: %s", garbage), pemB + "truststore.certificate", "no certificate in PEM form", "BEGIN CERTIFICATE"},
		{"wrong password", fmt.Sprintf(jksB+"keystore: {location: %s, password: wrong}", p12), jksB + "keystore.password", "does not open", "password"},
		{"mismatched store", fmt.Sprintf(jksB+"keystore: {location: %s, password: right}", wrong), jksB + "keystore.location", "does not belong", "anew"},
		{"Java's format", fmt.Sprintf(jksB+"keystore: {location: %s, password: x}", java), jksB + "keystore.location", "JKS", "keytool -importkeystore"},
		{"PEM for PKCS12", fmt.Sprintf(jksB+"keystore: {location: %s, password: x}", pemFile), jksB + "keystore.location", "PEM", "spring.ssl.bundle.pem"},
		{"no store", fmt.Sprintf(jksB+"keystore: {location: %s, password: x}", garbage), jksB + "keystore.location", garbage, "PKCS12"},
		{"unknown bundle", "spring.ssl.bundle.pem.other.truststore.certificate: x", "spring.ssl.bundle.", `no bundle called "b"; known are other`, "spring.ssl.bundle.pem.b"},
	} {
		t.Run(one.name, func(t *testing.T) {
			_, err := bundles(t, one.yaml).Get("b")
			var fault *ssl.Error
			require.ErrorAs(t, err, &fault)
			require.Equal(t, []string{one.key}, fault.Keys())
			require.Contains(t, fault.Description(), one.says)
			require.Contains(t, fault.Action(), one.advice)
			require.NotContains(t, fault.Error(), "PRIVATE KEY")
		})
	}
}

type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) { l.mu.Lock(); defer l.mu.Unlock(); return l.b.Write(p) }
func (l *lines) String() string              { l.mu.Lock(); defer l.mu.Unlock(); return l.b.String() }

// following is a bundle that follows its files while the test runs.
func following(t *testing.T, ca *ssltest.Authority, pair ssltest.Pair) (*ssl.Bundle, *lines) {
	t.Helper()
	logs := &lines{}
	c := configtest.FromYAML(t, fmt.Sprintf(`
spring.ssl.bundle:
  watch.file.quiet-period: 20ms
  pem.b: {reload-on-update: true, keystore: {certificate: %s, private-key: %s}, truststore.certificate: %s}`, pair.CertificateFile, pair.KeyFile, ca.File))
	all, err := ssl.From(nil, c, slog.New(slog.NewTextHandler(logs, nil)))
	require.NoError(t, err)
	b, err := all.Get("b")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() { defer close(done); _ = all.Run(t.Context()) }()
	t.Cleanup(func() { <-done })
	return b, logs
}

func TestRotatedFilesAreTakenWhileServing(t *testing.T) {
	ca := ssltest.NewAuthority(t)
	pair := ca.Issue(t, ssltest.Common("old"))
	b, logs := following(t, ca, pair)
	url := serves(t, b.Server(ssl.NoClientAuth))
	client := b.Transport(func(own *tls.Config) *http.Transport { return &http.Transport{TLSClientConfig: own} })
	defer client.(interface{ CloseIdleConnections() }).CloseIdleConnections()
	_, server, err := get(t, client, url)
	require.NoError(t, err)
	require.Equal(t, "old", server)

	next := ca.Issue(t, ssltest.Common("new"))
	ssltest.Write(t, pair.CertificateFile, next.Certificate)
	ssltest.Write(t, pair.KeyFile, next.Key)
	require.Eventually(t, func() bool {
		_, server, err := get(t, client, url)
		return err == nil && server == "new"
	}, 10*time.Second, 10*time.Millisecond, "a client with open connections makes new ones, too")
	require.Equal(t, 1, strings.Count(logs.String(), "was reloaded"))
}

func TestRotatedAuthoritiesAreTakenByServerAndClient(t *testing.T) {
	old, next := ssltest.NewAuthority(t), ssltest.NewAuthority(t)
	pair := old.Issue(t)
	b, _ := following(t, old, pair)
	url := serves(t, b.Server(ssl.NeedClientAuth))
	_, _, err := get(t, once(old.TLS(t, pair)), url)
	require.NoError(t, err)

	fresh := next.Issue(t, ssltest.Common("fresh"))
	text, err := os.ReadFile(next.File)
	require.NoError(t, err)
	ssltest.Write(t, pair.CertificateFile, fresh.Certificate)
	ssltest.Write(t, pair.KeyFile, fresh.Key)
	ssltest.Write(t, old.File, string(text))
	require.Eventually(t, func() bool { _, _, err := get(t, once(next.TLS(t, fresh)), url); return err == nil }, 10*time.Second, 10*time.Millisecond)
	_, _, err = get(t, once(&tls.Config{RootCAs: next.Pool, Certificates: old.TLS(t, pair).Certificates}), url)
	require.Error(t, err, "who was signed by the old authority is nobody now")
}

func TestABrokenFileDuringRotationKeepsTheOldOneWithOneWarning(t *testing.T) {
	ca := ssltest.NewAuthority(t)
	pair := ca.Issue(t, ssltest.Common("old"))
	b, logs := following(t, ca, pair)
	url := serves(t, b.Server(ssl.NoClientAuth))
	warnings := func() int { return strings.Count(logs.String(), "stays as it was") }
	for i, broken := range []string{"half a certificate", ca.Issue(t).Certificate} { // the latter does not fit the key
		ssltest.Write(t, pair.CertificateFile, broken)
		require.Eventually(t, func() bool { return warnings() == i+1 }, 10*time.Second, 10*time.Millisecond)
		_, server, err := get(t, once(ca.TLS(t)), url)
		require.NoError(t, err)
		require.Equal(t, "old", server)
	}
	require.NoError(t, os.Remove(pair.CertificateFile))
	require.Eventually(t, func() bool { return warnings() == 3 }, 10*time.Second, 10*time.Millisecond)
	time.Sleep(200 * time.Millisecond) // ten looks more
	require.Equal(t, 3, warnings(), "one for each state")
	require.NotContains(t, logs.String(), "was reloaded")

	next := ca.Issue(t, ssltest.Common("new"))
	ssltest.Write(t, pair.KeyFile, next.Key)
	ssltest.Write(t, pair.CertificateFile, next.Certificate)
	require.Eventually(t, func() bool { _, server, err := get(t, once(ca.TLS(t)), url); return err == nil && server == "new" }, 10*time.Second, 10*time.Millisecond)
}

func TestClientAuthIsWantedOrNeeded(t *testing.T) {
	ca, stranger := ssltest.NewAuthority(t), ssltest.NewAuthority(t)
	pair := ca.Issue(t)
	own, foreign := ca.Issue(t, ssltest.Common("friend")), stranger.Issue(t)
	foreignTLS := &tls.Config{RootCAs: ca.Pool, GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		return &stranger.TLS(t, foreign).Certificates[0], nil
	}}
	for auth, want := range map[string][3]string{"none": {"nobody", "nobody", "nobody"}, "want": {"nobody", "friend", "refused"}, "need": {"refused", "friend", "refused"}} {
		c := configtest.FromYAML(t, fmt.Sprintf("server.ssl: {certificate: %s, certificate-private-key: %s, trust-certificate: %s, client-auth: %s}", pair.CertificateFile, pair.KeyFile, ca.File, auth))
		cfg, err := config.Bind(c, "server.ssl", ssl.ServerConfig{})
		require.NoError(t, err)
		all, err := ssl.From(nil, c, slog.New(slog.DiscardHandler))
		require.NoError(t, err)
		server, err := all.Server("server.ssl", cfg)
		require.NoError(t, err)
		url := serves(t, server)
		var got [3]string
		for i, caller := range []*tls.Config{ca.TLS(t), ca.TLS(t, own), foreignTLS} {
			body, _, err := get(t, once(caller), url)
			if got[i] = body; err != nil {
				got[i] = "refused"
			}
		}
		require.Equal(t, want, got, auth)
	}
}

func TestABundleIsChosenByTheNameThatACallerAsksFor(t *testing.T) {
	ca := ssltest.NewAuthority(t)
	var yaml strings.Builder
	for name, host := range map[string]string{"main": "localhost", "shop": "shop.test", "wild": "any.wild.test"} {
		pair := ca.Issue(t, ssltest.Common(name), ssltest.Names(host))
		fmt.Fprintf(&yaml, "spring.ssl.bundle.pem.%s.keystore: {certificate: %s, private-key: %s}\n", name, pair.CertificateFile, pair.KeyFile)
	}
	yaml.WriteString("server.ssl: {bundle: main, server-name-bundles: [{server-name: shop.test, bundle: shop}, {server-name: '*.wild.test', bundle: wild}]}")
	c := configtest.FromYAML(t, yaml.String())
	cfg, err := config.Bind(c, "server.ssl", ssl.ServerConfig{})
	require.NoError(t, err)
	all, err := ssl.From(nil, c, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	server, err := all.Server("server.ssl", cfg)
	require.NoError(t, err)
	url := serves(t, server)
	for host, want := range map[string]string{"localhost": "main", "shop.test": "shop", "any.wild.test": "wild"} {
		own := ca.TLS(t)
		own.ServerName = host
		_, got, err := get(t, once(own), url)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

func TestProtocolsAndCiphersAreThoseThatSettingsAllow(t *testing.T) {
	ca := ssltest.NewAuthority(t)
	pair := ca.Issue(t)
	server := func(more string) string {
		c := configtest.FromYAML(t, fmt.Sprintf("server.ssl: {certificate: %s, certificate-private-key: %s, %s}", pair.CertificateFile, pair.KeyFile, more))
		cfg, err := config.Bind(c, "server.ssl", ssl.ServerConfig{})
		require.NoError(t, err)
		all, err := ssl.From(nil, c, slog.New(slog.DiscardHandler))
		require.NoError(t, err)
		own, err := all.Server("server.ssl", cfg)
		require.NoError(t, err)
		return serves(t, own)
	}
	old := ca.TLS(t)
	old.MaxVersion = tls.VersionTLS12
	_, _, err := get(t, once(old), server("enabled-protocols: TLSv1.3"))
	require.Error(t, err)
	_, _, err = get(t, once(old), server("enabled-protocols: [TLSv1.2, TLSv1.3], ciphers: TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"))
	require.NoError(t, err)

	for yaml, says := range map[string]string{
		"protocol: SSLv3":             "protocol",
		"enabled-protocols: TLSv9":    "enabled-protocols",
		"ciphers: TLS_MADE_UP":        "ciphers",
		"client-auth: perhaps":        "client-auth",
		"enabled: true":               "needs a bundle",
		"trust-certificate: /some/ca": "needs a bundle",
	} {
		c := configtest.FromYAML(t, "server.ssl: {"+yaml+"}")
		_, err := config.Bind(c, "server.ssl", ssl.ServerConfig{})
		require.ErrorContains(t, err, says, yaml)
	}
}

func TestSwitchedOffKeysDoNotCount(t *testing.T) {
	cfg, err := config.Bind(configtest.FromYAML(t, "server.ssl: {enabled: false, certificate: /nowhere}"), "server.ssl", ssl.ServerConfig{})
	require.NoError(t, err)
	require.False(t, cfg.On())
	require.False(t, ssl.ServerConfig{}.On())
}

func TestAStoreOfOpenSSLIsTrustedAsAWhole(t *testing.T) {
	ca := ssltest.NewAuthority(t)
	pair := ca.Issue(t)
	store, err := pkcs12.Modern.Encode(pair.PrivateKey, pair.Leaf, []*x509.Certificate{ca.Certificate}, "x") // no entry is marked as trusted
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "trust.p12")
	require.NoError(t, os.WriteFile(file, store, 0o600))
	b, err := ssl.ClientConfig{TrustStore: file, TrustStorePassword: "x"}.Load("eureka.client.tls", ssl.Files)
	require.NoError(t, err)
	url := serves(t, &tls.Config{Certificates: ca.TLS(t, pair).Certificates})
	_, _, err = get(t, once(b.Client()), url)
	require.NoError(t, err)
	_, _, err = get(t, once(&tls.Config{}), url)
	var unknown *tls.CertificateVerificationError
	require.True(t, errors.As(err, &unknown))
}
