package ssl

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// Bundles are the bundles of a program, by name. A bundle is read when it is first asked for. It is safe for concurrent use.
type Bundles struct {
	cfg  Config
	read Reader
	log  *slog.Logger

	mu    sync.Mutex
	known map[string]*Bundle
}

// New returns the bundles of cfg, whose files read reads.
func New(cfg Config, read Reader, log *slog.Logger) (*Bundles, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("ssl: %w", err)
	}
	return &Bundles{cfg: cfg, read: read, log: log.With("logger", "ssl"), known: map[string]*Bundle{}}, nil
}

const prefix = "spring.ssl.bundle."

// Get returns the bundle of a name. The error is an [*Error] when its files are unfit.
func (b *Bundles) Get(name string) (*Bundle, error) { return b.named(name, prefix) }

// named is Get for a setting that names a bundle.
func (b *Bundles) named(name, key string) (*Bundle, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if known := b.known[name]; known != nil {
		return known, nil
	}
	made, err := b.make(name, key)
	if err == nil {
		b.known[name] = made
	}
	return made, err
}

func (b *Bundles) make(name, key string) (*Bundle, error) {
	if one, ok := b.cfg.PEM[name]; ok {
		at := func(rest, value string) setting { return setting{prefix + "pem." + name + "." + rest, value} }
		p, _ := one.protocols() // Validate has seen it
		return newBundle(prefix+"pem."+name, stores{
			read: b.read,
			pemKeys: pemStore{
				at("keystore.certificate", one.KeyStore.Certificate), at("keystore.private-key", string(one.KeyStore.PrivateKey)),
				at("keystore.private-key-password", string(cmp.Or(one.KeyStore.PrivateKeyPassword, one.Key.Password))),
			},
			pemTrust: at("truststore.certificate", one.TrustStore.Certificate),
		}, p, one.ReloadOnUpdate)
	}
	if one, ok := b.cfg.JKS[name]; ok {
		at := func(rest, value string) setting { return setting{prefix + "jks." + name + "." + rest, value} }
		store := func(which string, s JKSStore) p12Store {
			return p12Store{at(which+".location", s.Location), at(which+".type", s.Type), at(which+".password", string(s.Password))}
		}
		p, _ := one.protocols()
		return newBundle(prefix+"jks."+name, stores{
			read: b.read, p12Keys: store("keystore", one.KeyStore), p12Trust: store("truststore", one.TrustStore),
		}, p, one.ReloadOnUpdate)
	}
	names := slices.Sorted(maps.Keys(b.cfg.PEM))
	names = append(names, slices.Sorted(maps.Keys(b.cfg.JKS))...)
	return nil, &Error{
		Key: key, Problem: fmt.Sprintf("there is no bundle called %q; known are %s", name, cmp.Or(strings.Join(names, ", "), "none")),
		Advice: fmt.Sprintf("Add the bundle below spring.ssl.bundle.pem.%s, or correct the name.", name),
	}
}

// Server returns the settings of a server from "server.ssl" or its like, which prefix names.
func (b *Bundles) Server(prefix string, cfg ServerConfig, protocols ...string) (*tls.Config, error) {
	own, err := b.server(prefix, cfg)
	if err != nil {
		return nil, err
	}
	config := own.Server(cfg.ClientAuth, protocols...)
	if len(cfg.ServerNameBundles) == 0 {
		return config, nil
	}
	names := map[string]*tls.Config{}
	for i, one := range cfg.ServerNameBundles {
		named, err := b.identity(one.Bundle, fmt.Sprintf("%s.server-name-bundles[%d].bundle", prefix, i))
		if err != nil {
			return nil, err
		}
		names[strings.ToLower(one.ServerName)] = named.Server(cfg.ClientAuth, protocols...)
	}
	return byName(config, names), nil
}

// identity is a bundle that a server can be.
func (b *Bundles) identity(name, key string) (*Bundle, error) {
	named, err := b.named(name, key)
	if err == nil && named.Identity() == nil {
		return nil, &Error{Key: key, Problem: fmt.Sprintf("the bundle %q has no certificate of its own", name), Advice: fmt.Sprintf("Set %s.keystore.certificate and .private-key.", named.name)}
	}
	return named, err
}

func (b *Bundles) server(prefix string, cfg ServerConfig) (*Bundle, error) {
	if cfg.Bundle != "" {
		return b.identity(cfg.Bundle, prefix+".bundle")
	}
	at := func(rest, value string) setting { return setting{prefix + "." + rest, value} }
	p, err := parseProtocols(cfg.Protocol, cfg.EnabledProtocols, cfg.Ciphers)
	if err != nil {
		return nil, err
	}
	s := stores{read: b.read, pemTrust: at("trust-certificate", cfg.TrustCertificate)}
	if cfg.Certificate != "" {
		s.pemKeys = pemStore{at("certificate", cfg.Certificate), at("certificate-private-key", string(cfg.CertificatePrivateKey)), at("key-password", string(cfg.KeyPassword))}
	} else {
		s.p12Keys = p12Store{at("key-store", cfg.KeyStore), at("key-store-type", cfg.KeyStoreType), at("key-store-password", string(cmp.Or(cfg.KeyStorePassword, cfg.KeyPassword)))}
	}
	s.p12Trust = p12Store{at("trust-store", cfg.TrustStore), at("trust-store-type", cfg.TrustStoreType), at("trust-store-password", string(cfg.TrustStorePassword))}
	return newBundle(prefix, s, p, false)
}

// Client returns the bundle of "eureka.client.tls" or its like, which prefix names; nil when it says nothing.
func (b *Bundles) Client(prefix string, cfg ClientConfig) (*Bundle, error) {
	if cfg.On() && cfg.Bundle != "" {
		return b.named(cfg.Bundle, prefix+".bundle")
	}
	return cfg.Load(prefix, b.read)
}

// Named returns the bundle that a setting names; nil when it names none.
func (b *Bundles) Named(key, name string) (*Bundle, error) {
	if name == "" {
		return nil, nil
	}
	return b.named(name, key)
}

// Load returns the stores of c as a bundle; nil when it has none. prefix is where c stands, for errors.
func (c ClientConfig) Load(prefix string, read Reader) (*Bundle, error) {
	if !c.On() {
		return nil, nil
	}
	at := func(rest, value string) setting { return setting{prefix + "." + rest, value} }
	return newBundle(prefix, stores{
		read:     read,
		p12Keys:  p12Store{at("key-store", c.KeyStore), at("key-store-type", c.KeyStoreType), at("key-store-password", string(cmp.Or(c.KeyStorePassword, c.KeyPassword)))},
		p12Trust: p12Store{at("trust-store", c.TrustStore), at("trust-store-type", c.TrustStoreType), at("trust-store-password", string(c.TrustStorePassword))},
	}, protocols{lowest: tls.VersionTLS12}, false)
}

// Run looks at the files of bundles with reload-on-update until ctx ends.
func (b *Bundles) Run(ctx context.Context) error {
	every := time.NewTicker(b.cfg.Watch.File.QuietPeriod)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-every.C:
		}
		b.mu.Lock()
		all := slices.Collect(maps.Values(b.known))
		b.mu.Unlock()
		for _, one := range all {
			if one.reloads {
				one.look(b.log)
			}
		}
	}
}
