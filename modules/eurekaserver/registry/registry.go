package registry

import (
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/internal/wire"
)

// Errors of the operations on one instance.
var (
	ErrUnknown  = errors.New("registry: unknown instance")
	ErrFull     = errors.New("registry: full")
	ErrConflict = errors.New("registry: a newer version is stored")
)

// defaultLease is how long an instance is listed that does not say.
const (
	defaultRenewal = 30
	defaultLease   = 90
)

// Registry holds the instances of an estate. It is safe for concurrent use.
type Registry struct {
	cfg Config
	log *slog.Logger
	now func() time.Time

	mu        sync.Mutex
	apps      map[string]*application
	size      int
	overrides map[string]discovery.Status // by id alone, as Netflix keeps them
	changes   []change                    // oldest first
	version   int64                       // grows with every change
	snapshot  *Snapshot                   // of version, or nil
	full      bool                        // that nothing more fits was said
	renewals  meter
}

// application is the leases of one name, in the order of their first registration.
type application struct {
	name   string
	leases []*lease
	byID   map[string]*lease
}

// lease is one instance with its times. The instance is replaced, never changed.
type lease struct {
	instance     *wire.Instance
	registration time.Time
	renewed      time.Time
	serviceUp    time.Time
	evicted      time.Time
	duration     time.Duration
}

// change is an entry of the delta.
type change struct {
	at  time.Time
	app string
	id  string
	// last is the instance as it left; nil while it is listed, when its latest state counts.
	last *wire.Instance
}

// Option adjusts a [Registry].
type Option func(*Registry)

// WithLogger logs one line per change of state. Default: nothing is said.
func WithLogger(log *slog.Logger) Option {
	return func(r *Registry) { r.log = log.With("logger", "eureka.server") }
}

// WithClock makes the registry believe another clock; a test's can be set forward. Default: the system's.
func WithClock(now func() time.Time) Option { return func(r *Registry) { r.now = now } }

// New returns an empty registry.
func New(cfg Config, opts ...Option) *Registry {
	r := &Registry{cfg: cfg, now: time.Now, log: slog.New(slog.DiscardHandler), apps: map[string]*application{}, overrides: map[string]discovery.Status{}, version: 1}
	for _, opt := range opts {
		opt(r)
	}
	return r
}

func (r *Registry) find(app, id string) *lease {
	if a := r.apps[strings.ToUpper(app)]; a != nil {
		return a.byID[id]
	}
	return nil
}

// Register lists an instance, or replaces what is listed under its application and id. What is stored stays when it is newer
// by lastDirtyTimestamp. replicated says that a peer sent it.
func (r *Registry) Register(i *wire.Instance, replicated bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	incoming := prepared(i, now)
	app := r.apps[incoming.App]
	var before *lease
	if app != nil {
		before = app.byID[incoming.ID()]
	}
	if before == nil && (r.size >= r.cfg.MaxInstances || app == nil && len(r.apps) >= r.cfg.MaxApplications) {
		if !r.full {
			r.full = true
			r.log.Warn("the registry is full; new instances are refused", "applications", len(r.apps), "instances", r.size)
		}
		return ErrFull
	}
	l := &lease{instance: incoming, registration: now, renewed: now}
	if before != nil {
		l.serviceUp = before.serviceUp
		if before.instance.LastDirty > incoming.LastDirty {
			stored := *before.instance
			l.instance = &stored
		}
	}
	l.duration = time.Duration(l.instance.Lease.Duration) * time.Second
	r.applyOverride(l, before, replicated)
	l.instance.Action = wire.Added
	l.instance.LastUpdated = now.UnixMilli()
	if app == nil {
		app = &application{name: incoming.App, byID: map[string]*lease{}}
		r.apps[incoming.App] = app
	}
	app.put(l)
	if before == nil {
		r.size++
		r.log.Info("instance registered", "app", app.name, "id", l.instance.ID(), "status", l.instance.Status.String())
	} else if before.instance.Status != l.instance.Status {
		r.log.Info("instance changed its status", "app", app.name, "id", l.instance.ID(), "status", l.instance.Status.String())
	}
	r.changed(app.name, l.instance.ID(), nil, now)
	return nil
}

// prepared is a copy of a registration with what it leaves out.
func prepared(i *wire.Instance, now time.Time) *wire.Instance {
	c := *i
	c.App, c.AppGroupName = strings.ToUpper(c.App), strings.ToUpper(c.AppGroupName)
	if c.Lease.RenewalInterval <= 0 {
		c.Lease.RenewalInterval = defaultRenewal
	}
	if c.Lease.Duration <= 0 {
		c.Lease.Duration = defaultLease
	}
	if c.LastDirty == 0 {
		c.LastDirty = now.UnixMilli()
	}
	if c.CountryID == 0 {
		c.CountryID = 1
	}
	c.Coordinating = false
	return &c
}

// applyOverride gives a lease the status that the rules leave it (Netflix: FirstMatchWinsCompositeRule).
func (r *Registry) applyOverride(l, before *lease, replicated bool) {
	id := l.instance.ID()
	if l.instance.OverriddenStatus != discovery.Unknown {
		if _, set := r.overrides[id]; !set {
			r.overrides[id] = l.instance.OverriddenStatus
		}
	}
	if set, ok := r.overrides[id]; ok {
		l.instance.OverriddenStatus = set
	}
	l.instance.Status = r.resolve(l.instance, before, replicated)
	l.up(r.now())
}

func (l *lease) up(now time.Time) {
	if l.instance.Status == discovery.Up && l.serviceUp.IsZero() {
		l.serviceUp = now
	}
}

// resolve returns the status of an instance: its own when it is not fit for traffic, else an override, else what a client
// cannot change by registering again, else its own.
func (r *Registry) resolve(i *wire.Instance, existing *lease, replicated bool) discovery.Status {
	if i.Status != discovery.Up && i.Status != discovery.OutOfService {
		return i.Status
	}
	if set, ok := r.overrides[i.ID()]; ok {
		return set
	}
	if !replicated && existing != nil && (existing.instance.Status == discovery.Up || existing.instance.Status == discovery.OutOfService) {
		return existing.instance.Status
	}
	return i.Status
}

func (a *application) put(l *lease) {
	id := l.instance.ID()
	if before := a.byID[id]; before != nil {
		a.leases[slices.Index(a.leases, before)] = l
	} else {
		a.leases = append(a.leases, l)
	}
	a.byID[id] = l
}

// Renewal is a heartbeat.
type Renewal struct {
	LastDirty  int64            // 0: not told
	Overridden discovery.Status // told by peers; Unknown: none
	Replicated bool
}

// Renew extends a lease. ErrUnknown: the client must register again, because the instance is not listed, its override was
// removed, or it has a newer version than the one stored. ErrConflict: a peer's version is older; the stored instance is
// returned beside it.
func (r *Registry) Renew(app, id string, renewal Renewal) (*wire.Instance, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.find(app, id)
	if l == nil {
		return nil, ErrUnknown
	}
	status := r.resolve(l.instance, l, renewal.Replicated)
	if status == discovery.Unknown {
		return nil, ErrUnknown
	}
	now := r.now()
	l.renewed = now
	r.renewals.count(now)
	if status != l.instance.Status {
		r.replace(l, now, func(i *wire.Instance) { i.Status = status })
	}
	stored := l.instance.LastDirty
	switch {
	case renewal.LastDirty == 0 || renewal.LastDirty == stored:
		return nil, nil
	case renewal.LastDirty > stored:
		if renewal.Replicated && renewal.Overridden != discovery.Unknown {
			r.overrides[id] = renewal.Overridden
		}
		return nil, ErrUnknown
	case renewal.Replicated:
		return l.view(), ErrConflict
	}
	return nil, nil
}

// replace changes a lease's instance by a copy; it is not told in the delta by itself.
func (r *Registry) replace(l *lease, now time.Time, change func(*wire.Instance)) {
	next := *l.instance
	change(&next)
	next.LastUpdated = now.UnixMilli()
	l.instance = &next
	l.up(r.now())
	r.version++
	r.snapshot = nil
}

// Cancel ends a lease.
func (r *Registry) Cancel(app, id string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.find(app, id)
	if l == nil {
		return ErrUnknown
	}
	r.drop(l, r.now())
	r.log.Info("instance cancelled", "app", l.instance.App, "id", id)
	return nil
}

func (r *Registry) drop(l *lease, now time.Time) {
	app := r.apps[l.instance.App]
	id := l.instance.ID()
	delete(app.byID, id)
	app.leases = slices.DeleteFunc(app.leases, func(one *lease) bool { return one == l })
	if len(app.leases) == 0 {
		delete(r.apps, app.name)
	}
	delete(r.overrides, id)
	r.size--
	r.full = false
	l.evicted = now
	last := l.view()
	last.Action, last.LastUpdated = wire.Deleted, now.UnixMilli()
	r.changed(app.name, id, last, now)
}

// Override sets a status that stays until it is removed or the lease ends. It renews the lease. lastDirty of 0 is not told.
func (r *Registry) Override(app, id string, status discovery.Status, lastDirty int64) error {
	return r.modify(app, id, func(l *lease, now time.Time) bool {
		if l.instance.Status == status {
			return false
		}
		r.overrides[id] = status
		r.replace(l, now, func(i *wire.Instance) {
			i.Status, i.OverriddenStatus, i.Action = status, status, wire.Modified
			i.LastDirty = max(i.LastDirty, lastDirty)
		})
		return true
	})
}

// RemoveOverride ends an override; the instance shows interim until it next registers, and must do so when that is Unknown.
func (r *Registry) RemoveOverride(app, id string, interim discovery.Status, lastDirty int64) error {
	return r.modify(app, id, func(l *lease, now time.Time) bool {
		if _, set := r.overrides[id]; !set {
			return false
		}
		delete(r.overrides, id)
		r.replace(l, now, func(i *wire.Instance) {
			i.Status, i.OverriddenStatus, i.Action = interim, discovery.Unknown, wire.Modified
			i.LastDirty = max(i.LastDirty, lastDirty)
		})
		return true
	})
}

func (r *Registry) modify(app, id string, change func(*lease, time.Time) bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.find(app, id)
	if l == nil {
		return ErrUnknown
	}
	now := r.now()
	l.renewed = now
	if change(l, now) {
		r.changed(l.instance.App, id, nil, now)
		r.log.Info("instance got a status from outside", "app", l.instance.App, "id", id, "status", l.instance.Status.String())
	}
	return nil
}

// UpdateMetadata merges entries into an instance's metadata, as a registration of the same version.
func (r *Registry) UpdateMetadata(app, id string, entries map[string]string) error {
	r.mu.Lock()
	l := r.find(app, id)
	if l == nil {
		r.mu.Unlock()
		return ErrUnknown
	}
	next := *l.instance
	merged := next.Metadata.Map()
	for key, value := range entries {
		merged[key] = value
	}
	next.Metadata = discovery.NewMetadata(merged)
	r.mu.Unlock()
	return r.Register(&next, false)
}

// changed notes a change for the delta and for the documents.
func (r *Registry) changed(app, id string, last *wire.Instance, now time.Time) {
	r.changes = append(r.changes, change{now, app, id, last})
	r.version++
	r.snapshot = nil
}
