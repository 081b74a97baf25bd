package loadbalancer

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"

	"github.com/archimedes-go/archimedes/modules/discovery"
)

// Balancer chooses instances. It is safe for concurrent use, and a pick waits for nothing but an unknown service.
type Balancer struct {
	resolver  discovery.Resolver
	factories map[string]Factory
	services  cache[string, *service]
	near      [64]atomic.Pointer[service] // some of them, by what is quickly seen of their names
	meters    metric.MeterProvider
	counts    counts
	requests  requests
	timed     bool        // calls are
	bulkheads atomic.Bool // there are any
	log       *slog.Logger
	probes    http.RoundTripper // of health checks; nil: one of its own
	news      chan struct{}     // for who sends them

	mu  sync.Mutex
	cfg Config
}

// Option adjusts a [Balancer] beyond its Config.
type Option func(*Balancer)

// WithFactories adds strategies; one of a built-in name replaces it.
func WithFactories(factories ...Factory) Option {
	return func(b *Balancer) {
		for _, f := range factories {
			b.factories[f.Name] = f
		}
	}
}

// WithLogger logs changes of state. Default: nothing is said.
func WithLogger(log *slog.Logger) Option {
	return func(b *Balancer) { b.log = log.With("logger", "loadbalancer") }
}

// New returns a balancer over what resolver knows. A strategy that does not exist is an error that names those that do.
func New(cfg Config, resolver discovery.Resolver, opts ...Option) (*Balancer, error) {
	b := &Balancer{resolver: resolver, factories: map[string]Factory{}, news: make(chan struct{}, 1), meters: noop.NewMeterProvider(), log: slog.New(slog.DiscardHandler)}
	WithFactories(builtIn()...)(b)
	for _, opt := range opts {
		opt(b)
	}
	if err := b.Check(cfg); err != nil {
		return nil, err
	}
	b.counts = newCounts(b.meters)
	b.observe()
	b.Configure(cfg)
	return b, nil
}

// Check reports strategies that do not exist, which only a balancer can know.
func (b *Balancer) Check(cfg Config) error {
	check := func(key, name string) error {
		if _, ok := b.factories[name]; ok {
			return nil
		}
		return unknownStrategy(name, b.factories, "spring.cloud.loadbalancer."+key)
	}
	faults := []error{check("strategy", cfg.Strategy)}
	for _, name := range slices.Sorted(maps.Keys(cfg.Clients)) {
		if s := cfg.Clients[name].Strategy; s != "" && s != cfg.Strategy {
			faults = append(faults, check("clients."+name+".strategy", s))
		}
	}
	return errors.Join(faults...)
}

// Configure makes settings count from the next pick on; [Balancer.Check] must have found no fault in them. What is known about
// instances, and what strategies remember, stays.
func (b *Balancer) Configure(cfg Config) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.cfg = cfg
	b.bulkheads.Store(cfg.bulkheads())
	for _, c := range cfg.unknown() {
		b.log.Warn("this way of choosing instances does not exist here and is left out", "spring.cloud.loadbalancer.configurations", c)
	}
	for name, s := range b.services.all() {
		s.configure(cfg.of(name), cfg.Ejection.Enabled)
	}
	b.tell()
}

// Config returns the settings in force.
func (b *Balancer) Config() Config {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.cfg
}

// Strategies returns the names of the strategies that exist, sorted.
func (b *Balancer) Strategies() []string { return slices.Sorted(maps.Keys(b.factories)) }

// Services returns the names of the services that are known, sorted.
func (b *Balancer) Services() []string { return b.resolver.Services() }

// Request asks for an instance.
type Request struct {
	Service  string
	Strategy string      // "" is the configured one
	Key      string      // what consistent-hash chooses by, and strategies of the user's own may
	Header   http.Header // of the request: it may name a hint, an instance or a key, as configured; nil names none
	URL      *url.URL    // of the request: it may name a version of the API; nil names none
	Prefer   *Preference // whom this call would rather reach; nil: as configured
	Call     *Call       // for metrics; may be nil
	Tried    []string    // ids of the instances that this call has tried: none of them is chosen again
	Secure   bool        // only instances with a secure port
}

// Pick is an instance that was chosen. Call Done once, when the call has ended.
type Pick struct { // no more than four fields: the compiler keeps these in registers
	instance *discovery.Instance
	stats    *Stats
	left     int
	flags    flags
}

type flags uint8

const (
	last  flags = 1 << iota // every other instance was tried
	trial                   // the one call that tries an instance after its time out
)

// Instance returns the instance.
func (p Pick) Instance() *discovery.Instance { return p.instance }

// Stats returns what is known about the instance.
func (p Pick) Stats() *Stats { return p.stats }

// Left returns how many other instances this call could still try with good hope: those that are avoided do not count.
func (p Pick) Left() int { return p.left }

// Last reports whether this call has tried every other instance, those that are avoided too.
func (p Pick) Last() bool { return p.flags&last != 0 }

// Settings returns what is configured for the service.
func (p Pick) Settings() *Service { return p.stats.service.view.Load().settings }

// Again is one more pick of the same instance.
func (p Pick) Again() Pick {
	p.stats.active.Add(1)
	p.flags &^= trial
	return p
}

// Done says how the call went.
func (p Pick) Done(o Outcome) {
	if p.stats != nil {
		p.stats.service.done(p.stats, &o, p.flags&trial != 0)
	}
}

// Pick chooses an instance. Errors: [discovery.ErrUnknownService], a [*NoInstanceError] when none is UP or all were tried, a
// [*VersionError], a [*StrategyError].
func (b *Balancer) Pick(ctx context.Context, r Request) (Pick, error) {
	set, err := b.resolver.Instances(ctx, r.Service)
	if err != nil {
		return Pick{}, err
	}
	s := b.service(r.Service)
	v := s.view.Load()
	if v == nil || v.set != set {
		v = s.refresh(set)
	}
	if r.Prefer != nil || v.hints != nil && r.Header != nil || v.versions != nil {
		if v, err = s.steered(v, &r); err != nil {
			b.requests.discarded(s, r.Call)
			return Pick{}, err
		}
	}
	strategy, memory := v.strategy, v.memory
	if r.Strategy != "" && r.Strategy != v.settings.Strategy {
		if strategy, err = s.strategy(v, r.Strategy); err != nil {
			return Pick{}, err
		}
		memory = remembererOf(strategy)
	}
	if v.Len() == 0 {
		b.requests.discarded(s, r.Call)
		return Pick{}, noInstance(r, v)
	}
	var c *candidate
	if r.Prefer != nil || v.sticky {
		c = v.asked(&r)
	}
	if c == nil {
		i := direct(strategy, v, &r)
		if v.warming {
			i = v.tempered(strategy, &r, i)
		}
		c = &v.candidates[i]
	}
	left, fl := v.Len()-1+v.spill, flags(0)
	switch {
	case len(r.Tried) > 0 || r.Secure || c.stats.trial.Load():
		if c, left, fl = s.settle(v, c, r); c == nil {
			if len(r.Tried) == 0 {
				b.requests.discarded(s, r.Call)
			}
			return Pick{}, noInstance(r, v)
		}
	case left == 0 && len(v.avoided) == 0:
		fl = last
	}
	if memory != nil {
		memory.used(c)
	}
	c.stats.active.Add(1)
	return Pick{c.instance, c.stats, left, fl}, nil
}
