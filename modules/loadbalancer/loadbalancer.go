package loadbalancer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/archimedes-go/archimedes/modules/discovery"
)

// Balancer chooses instances. It is safe for concurrent use, and a pick waits for nothing but an unknown service.
type Balancer struct {
	cfg       Config
	resolver  discovery.Resolver
	factories map[string]Factory
	services  sync.Map // name → *service
	log       *slog.Logger
}

// service is what is kept for one service.
type service struct {
	name     string
	settings Service
	chosen   Strategy // by configuration
	view     atomic.Pointer[View]

	mu    sync.Mutex
	named map[string]Strategy // chosen per call
	stats map[string]*Stats   // by id
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
	b := &Balancer{cfg: cfg, resolver: resolver, factories: map[string]Factory{}, log: slog.New(slog.DiscardHandler)}
	WithFactories(builtIn()...)(b)
	for _, opt := range opts {
		opt(b)
	}
	if err := b.check("strategy", cfg.Strategy); err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(cfg.Clients)) {
		if s := cfg.Clients[name].Strategy; s != "" {
			if err := b.check("clients."+name+".strategy", s); err != nil {
				return nil, err
			}
		}
	}
	return b, nil
}

func (b *Balancer) check(key, strategy string) error {
	if _, ok := b.factories[strategy]; ok {
		return nil
	}
	return &StrategyError{Strategy: strategy, Known: b.Strategies(), key: "spring.cloud.loadbalancer." + key}
}

// Strategies returns the names of the strategies that exist, sorted.
func (b *Balancer) Strategies() []string { return slices.Sorted(maps.Keys(b.factories)) }

// Services returns the names of the services that are known, sorted.
func (b *Balancer) Services() []string { return b.resolver.Services() }

// Settings returns what is configured for the service of the pick.
func (p Pick) Settings() *Service { return p.settings }

// Request asks for an instance.
type Request struct {
	Service  string
	Strategy string   // "" is the configured one
	Tried    []string // ids of the instances that this call has tried: none of them is chosen again
	Secure   bool     // only instances with a secure port
}

// Pick is an instance that was chosen. Call Done once, when the call has ended.
type Pick struct {
	instance *discovery.Instance
	stats    *Stats
	left     int
	settings *Service
}

// Instance returns the instance.
func (p Pick) Instance() *discovery.Instance { return p.instance }

// Left returns how many other instances this call could still try.
func (p Pick) Left() int { return p.left }

// Done says how the call went.
func (p Pick) Done(o Outcome) {
	if p.stats != nil {
		p.stats.done(o)
	}
}

// Pick chooses an instance. Errors: [discovery.ErrUnknownService], a [*NoInstanceError] when none is UP or all were tried, a
// [*StrategyError].
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
	strategy := s.chosen
	if r.Strategy != "" && r.Strategy != s.settings.Strategy {
		if strategy, err = s.strategy(b, r.Strategy); err != nil {
			return Pick{}, err
		}
	}
	if v.Len() == 0 {
		return Pick{}, noInstance(r, v)
	}
	i := strategy.Pick(v, r)
	if len(r.Tried) > 0 || r.Secure || v.candidates[i].stats.leaving.Load() != 0 {
		if i = v.settle(i, r); i < 0 {
			return Pick{}, noInstance(r, v)
		}
	}
	c := v.candidates[i]
	if m, ok := strategy.(Rememberer); ok {
		m.Used(c.instance)
	}
	c.stats.active.Add(1)
	return Pick{instance: c.instance, stats: c.stats, left: v.Len() - 1 - len(r.Tried), settings: &s.settings}, nil
}

// settle returns the next index from i on that may be used, instances that are leaving last; -1 when there is none.
func (v *View) settle(i int, r Request) int {
	leaving := -1
	for n := range v.candidates {
		at := (i + n) % len(v.candidates)
		c := v.candidates[at]
		if slices.Contains(r.Tried, c.instance.ID) || r.Secure && !c.instance.Secure() {
			continue
		}
		if !c.stats.isLeaving() {
			return at
		}
		if leaving < 0 {
			leaving = at
		}
	}
	return leaving
}

func (b *Balancer) service(name string) *service {
	name = strings.ToLower(name) // one state for every spelling
	if s, ok := b.services.Load(name); ok {
		return s.(*service)
	}
	settings := b.cfg.of(name)
	s := &service{name: name, settings: settings, chosen: b.factories[settings.Strategy].New(name), named: map[string]Strategy{}, stats: map[string]*Stats{}}
	kept, _ := b.services.LoadOrStore(name, s)
	return kept.(*service)
}

// strategy returns the strategy of that name for calls that ask for it; its memory lasts as long as the balancer.
func (s *service) strategy(b *Balancer, name string) (Strategy, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known, ok := s.named[name]; ok {
		return known, nil
	}
	f, ok := b.factories[name]
	if !ok {
		return nil, &StrategyError{Strategy: name, Known: b.Strategies()}
	}
	made := f.New(s.name)
	s.named[name] = made
	return made, nil
}

// refresh makes the view of a new set. Statistics of instances that are gone are forgotten.
func (s *service) refresh(set *discovery.Set) *View {
	s.mu.Lock()
	defer s.mu.Unlock()
	if v := s.view.Load(); v != nil && v.set == set {
		return v
	}
	v := &View{set: set, byID: make(map[string]int, len(set.All))}
	stats := make(map[string]*Stats, len(set.All))
	for _, instance := range set.All {
		known := s.stats[instance.ID]
		if known == nil {
			known = &Stats{}
		}
		stats[instance.ID] = known
		if instance.Up() && (instance.Address != "" || instance.SecureAddress != "") {
			v.byID[instance.ID] = len(v.candidates)
			v.candidates = append(v.candidates, candidate{instance, known})
		}
	}
	s.stats = stats
	s.view.Store(v)
	return v
}

// ErrNoInstance means that a service is known but no instance of it can be called. What is returned is a
// [NoInstanceError].
var ErrNoInstance = errors.New("loadbalancer: no instance")

// NoInstanceError says why no instance can be called.
type NoInstanceError struct {
	Service    string
	Known      int // instances that are registered
	Up         int // of these, UP and with a port that is on
	Tried      int // of these, tried in this call
	SecureOnly bool
}

func noInstance(r Request, v *View) error {
	return &NoInstanceError{Service: r.Service, Known: len(v.set.All), Up: v.Len(), Tried: len(r.Tried), SecureOnly: r.Secure}
}

// Error says how many there are and why none serves.
func (e *NoInstanceError) Error() string {
	text := fmt.Sprintf("loadbalancer: no instances available for %s: %d registered, %d of them UP", e.Service, e.Known, e.Up)
	if e.Tried > 0 {
		text += fmt.Sprintf(", %d tried", e.Tried)
	}
	if e.SecureOnly {
		text += "; https needs one with a secure port"
	}
	return text
}

// Is makes the error match [ErrNoInstance].
func (e *NoInstanceError) Is(target error) bool { return target == ErrNoInstance }

// StrategyError is a strategy that does not exist.
type StrategyError struct {
	Strategy string
	Known    []string

	key string // setting; "" when a call asked for it
}

// Error names those that exist.
func (e *StrategyError) Error() string {
	return fmt.Sprintf("loadbalancer: unknown strategy %q (known: %s)", e.Strategy, strings.Join(e.Known, ", "))
}

// Description is for the failure report.
func (e *StrategyError) Description() string {
	return fmt.Sprintf("There is no load-balancing strategy %q.", e.Strategy)
}

// Action is for the failure report.
func (e *StrategyError) Action() string {
	return fmt.Sprintf("Set %s to one of: %s.", e.key, strings.Join(e.Known, ", "))
}

// Keys is for the failure report.
func (e *StrategyError) Keys() []string {
	if e.key == "" {
		return nil
	}
	return []string{e.key}
}
