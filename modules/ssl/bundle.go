package ssl

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Bundle is an identity, authorities, or both. What it holds may change while it is in use. It is safe for concurrent use.
type Bundle struct {
	name      string // prefix of its settings
	stores    stores
	protocols protocols
	reloads   bool
	current   atomic.Pointer[material]

	// Of the one goroutine that looks at files.
	taken, seen [sha256.Size]byte // what current was made of; what files held at the last look
}

func newBundle(name string, s stores, p protocols, reloads bool) (*Bundle, error) {
	b := &Bundle{name: name, stores: s, protocols: p, reloads: reloads}
	b.taken = b.fingerprint() // first: what changes meanwhile is taken later
	b.seen = b.taken
	m, err := s.load(time.Now())
	if err != nil {
		return nil, err
	}
	b.current.Store(m)
	return b, nil
}

// Server returns the settings of a server that is the bundle's identity. Callers' certificates are judged by its authorities, the
// system's where it has none.
func (b *Bundle) Server(auth ClientAuth, protocols ...string) *tls.Config {
	var (
		mu   sync.Mutex
		of   *material
		made *tls.Config
	)
	config := b.protocols.config()
	config.NextProtos = protocols
	// One config for each state, or sessions could not be resumed.
	config.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		m := b.current.Load()
		mu.Lock()
		defer mu.Unlock()
		if m != of {
			made = b.protocols.config()
			made.NextProtos, made.ClientAuth, made.ClientCAs = protocols, auth.tls(), m.authorities
			if m.identity != nil {
				made.Certificates = []tls.Certificate{*m.identity}
			}
			of = m
		}
		return made, nil
	}
	return config
}

// Client returns the settings of a client as the bundle is now; see [Bundle.Transport] for one that follows.
func (b *Bundle) Client() *tls.Config { return b.client(b.current.Load()) }

func (b *Bundle) client(m *material) *tls.Config {
	config := b.protocols.config()
	config.RootCAs = m.authorities
	if m.identity != nil {
		config.Certificates = []tls.Certificate{*m.identity}
	}
	return config
}

// Identity returns the certificate in use, nil when there is none.
func (b *Bundle) Identity() *x509.Certificate {
	if m := b.current.Load(); m.identity != nil {
		return m.identity.Leaf
	}
	return nil
}

// Transport returns a RoundTripper that uses what make returns for the bundle as it is, and makes another one when the bundle has
// changed. Requests under way end where they began.
func (b *Bundle) Transport(make func(*tls.Config) *http.Transport) http.RoundTripper {
	t := &transport{bundle: b, make: make}
	t.now()
	return t
}

type transport struct {
	bundle *Bundle
	make   func(*tls.Config) *http.Transport

	mu   sync.Mutex
	of   *material
	made *http.Transport
}

func (t *transport) now() *http.Transport {
	m := t.bundle.current.Load()
	t.mu.Lock()
	defer t.mu.Unlock()
	if m != t.of {
		if t.made != nil {
			t.made.CloseIdleConnections()
		}
		t.of, t.made = m, t.make(t.bundle.client(m))
	}
	return t.made
}

// RoundTrip implements [http.RoundTripper].
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) { return t.now().RoundTrip(r) }

// CloseIdleConnections closes connections that nobody uses.
func (t *transport) CloseIdleConnections() { t.now().CloseIdleConnections() }

// fingerprint tells states of the bundle's files apart.
func (b *Bundle) fingerprint() (sum [sha256.Size]byte) {
	h := sha256.New()
	for _, at := range []setting{b.stores.pemKeys.certificate, b.stores.pemKeys.privateKey, b.stores.p12Keys.location, b.stores.pemTrust, b.stores.p12Trust.location} {
		if at.value == "" || inline(at.value) {
			continue
		}
		data, err := b.stores.read(at.value)
		if err != nil {
			data = []byte(err.Error())
		}
		one := sha256.Sum256(data)
		h.Write(one[:])
	}
	h.Sum(sum[:0])
	return sum
}

// look takes files that have changed and then stayed as they are since the last look. Unfit ones are warned of once.
func (b *Bundle) look(log *slog.Logger) {
	before := b.seen
	b.seen = b.fingerprint()
	if b.seen != before || b.seen == b.taken {
		return
	}
	b.taken = b.seen
	m, err := b.stores.load(time.Now())
	if err != nil {
		log.Warn("the TLS bundle stays as it was: its files cannot be used", "bundle", b.name, "error", err)
		return
	}
	b.current.Store(m)
	if m.identity != nil {
		log.Info("the TLS bundle was reloaded", "bundle", b.name, "subject", m.identity.Leaf.Subject.String(), "expires", m.identity.Leaf.NotAfter)
	} else {
		log.Info("the TLS bundle was reloaded", "bundle", b.name)
	}
}

// byName chooses among servers' settings by the host that a caller asks for; otherwise serves the others.
func byName(otherwise *tls.Config, names map[string]*tls.Config) *tls.Config {
	config := otherwise.Clone()
	config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		host := strings.ToLower(hello.ServerName)
		chosen := names[host]
		if _, domain, ok := strings.Cut(host, "."); ok && chosen == nil {
			chosen = names["*."+domain]
		}
		if chosen == nil {
			chosen = otherwise
		}
		return chosen.GetConfigForClient(hello)
	}
	return config
}
