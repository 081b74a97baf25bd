package registry

import (
	"cmp"
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
	ErrTooLarge = errors.New("registry: the instance would weigh more than 256 KB")
)

// maxWeight is of one instance. Every fetch of every client carries it.
const maxWeight = 256 << 10

// amazonID is where clients on AWS look for the id. A server fills it in.
const amazonID = "instance-id"

// What an instance gets that does not say how long it wants to be listed, in seconds.
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
	apps      map[string]*application     // those with instances, and those with something left to tell
	sorted    []*application              // the same, by name
	overrides map[string]discovery.Status // by id alone, as Netflix keeps them
	queue     []*change                   // oldest first; some are superseded
	sequence  int64                       // of changes
	version   int64                       // of snapshots
	snapshot  *Snapshot                   // nil when something changed since
	refreshed time.Time                   // when the times of renewals in it were last brought up to date
	due       time.Time                   // no lease ends before

	listed   int // applications with instances
	restored int // instances from a file that were not renewed yet
	bytes    int64
	counts   wire.StatusCounts
	expected float64 // renewals a minute
	renewals meter
	evicted  int64 // leases ended so far

	full       bool // that nothing more fits was said
	preserving bool
	short      time.Time // when too few renewals were last seen
	events     ring
	unsaid     []Event // to be logged once the lock is free
	news       chan struct{}
}

// application is the leases of one name, in the order of their first registration, and what is left to tell of it.
type application struct {
	name   string
	leases []*lease
	byID   map[string]*lease
	told   map[string]*change // the latest of each id
	// all and delta are how snapshots show the application; nil when that is out of date.
	all, delta *wire.Application
}

// lease is one instance and when it was heard of. The instance is replaced, never changed: snapshots share it.
type lease struct {
	instance *wire.Instance
	renewed  time.Time
	weight   int64 // of the instance, which is seldom at hand when it is replaced
	restored bool  // read from a file, and not renewed since
	dropped  bool  // over
}

func (l *lease) end() time.Time {
	return l.renewed.Add(time.Duration(l.instance.Lease.Duration) * time.Second)
}

func (l *lease) expired(now time.Time) bool { return now.After(l.end()) }

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
	r := &Registry{cfg: cfg, now: time.Now, log: slog.New(slog.DiscardHandler)}
	r.empty()
	for _, opt := range opts {
		opt(r)
	}
	return r
}

func (r *Registry) empty() {
	r.apps, r.sorted, r.overrides = map[string]*application{}, nil, map[string]discovery.Status{}
	r.queue, r.snapshot = nil, nil
	r.listed, r.restored, r.bytes, r.counts, r.expected = 0, 0, 0, wire.StatusCounts{}, 0
}

// Clear forgets everything, as a restart does.
func (r *Registry) Clear() {
	r.mu.Lock()
	defer r.unlock()
	r.empty()
}

func (r *Registry) find(app, id string) (*application, *lease) {
	if a := r.apps[strings.ToUpper(app)]; a != nil {
		return a, a.byID[id]
	}
	return nil, nil
}

// Register lists an instance, or replaces what is listed under its application and id. What is stored stays when it is newer
// by lastDirtyTimestamp. replicated says that a peer sent it. The error is ErrFull.
func (r *Registry) Register(i *wire.Instance, replicated bool) error {
	c := *i
	c.Compact()
	return r.Take(&c, replicated)
}

// Take is [Registry.Register] for an instance that nobody else has, and that is compact: it is kept in place of a copy.
func (r *Registry) Take(i *wire.Instance, replicated bool) error {
	r.mu.Lock()
	defer r.unlock()
	return r.register(i, replicated)
}

func (r *Registry) register(next *wire.Instance, replicated bool) error {
	now := r.now()
	prepare(next, now)
	app, before := r.find(next.App, next.ID())
	if !r.fits(app, before, next) {
		return ErrFull
	}
	if before != nil {
		next.Lease.ServiceUp = before.instance.Lease.ServiceUp
		if before.instance.LastDirty > next.LastDirty {
			*next = *before.instance
		}
	}
	next.Lease.Registration, next.Lease.LastRenewal, next.Lease.Eviction = now.UnixMilli(), now.UnixMilli(), 0
	r.override(next, before, replicated, now)
	next.Action, next.LastUpdated = wire.Added, now.UnixMilli()

	if app == nil {
		app = r.open(next.App)
	}
	id := next.ID()
	switch {
	case before == nil:
		r.say(Registered, next, now)
		r.renewals.count(now, perMinute(next)) // or every wave of new instances would look like one of deaths
	case before.instance.Status != next.Status:
		r.say(Changed, next, now)
	}
	if before == nil {
		before = &lease{}
		app.leases = append(app.leases, before)
		app.byID[id] = before
		if len(app.leases) == 1 {
			r.listed++
		}
	}
	r.confirm(before)
	before.renewed = now
	r.put(app, before, next)
	r.tell(app, id, nil, now)
	return nil
}

// prepare adds what a registration leaves out.
func prepare(c *wire.Instance, now time.Time) {
	c.App, c.AppGroupName = strings.ToUpper(c.App), strings.ToUpper(c.AppGroupName)
	if c.Lease.RenewalInterval <= 0 {
		c.Lease.RenewalInterval = defaultRenewal
	}
	if c.Lease.Duration <= 0 {
		c.Lease.Duration = defaultLease
	}
	c.Lease.ServiceUp = 0
	if c.LastDirty == 0 {
		c.LastDirty = now.UnixMilli()
	}
	if c.CountryID == 0 {
		c.CountryID = 1
	}
	c.Coordinating = false
	if dc := &c.DataCenter; dc.Name == wire.Amazon && dc.Metadata.Get(amazonID) == "" {
		dc.Metadata = dc.Metadata.With(map[string]string{amazonID: c.ID()})
	}
}

// fits reports whether the caps leave room. What is listed may always be registered again, unless it grew too much.
func (r *Registry) fits(app *application, before *lease, next *wire.Instance) bool {
	grown := weight(next)
	if before != nil {
		grown -= before.weight
	}
	switch {
	case grown > 0 && r.bytes+grown > int64(r.cfg.MaxSize):
	case before != nil:
		return true
	case r.size() >= r.cfg.MaxInstances:
	case (app == nil || len(app.leases) == 0) && r.listed >= r.cfg.MaxApplications:
	default:
		return true
	}
	if !r.full {
		r.full = true
		r.say(Refused, next, r.now())
	}
	return false
}

// weight is about how much memory an instance takes.
func weight(i *wire.Instance) int64 {
	const fixed = 700 // the struct, its lease and their places in maps
	n := fixed + len(i.InstanceID) + len(i.HostName) + len(i.App) + len(i.AppGroupName) + len(i.IPAddr) + len(i.SID) + len(i.ASGName) +
		len(i.HomePageURL) + len(i.StatusPageURL) + len(i.HealthCheckURL) + len(i.SecureHealthCheckURL) + len(i.VIPAddress) + len(i.SecureVIPAddress)
	for _, pairs := range []discovery.Metadata{i.Metadata, i.DataCenter.Metadata} {
		for _, p := range pairs {
			n += 32 + len(p.Key) + len(p.Value)
		}
	}
	return int64(n)
}

func (r *Registry) size() int {
	n := 0
	for _, of := range r.counts {
		n += of
	}
	return n
}

func (r *Registry) open(name string) *application {
	app := &application{name: name, byID: map[string]*lease{}, told: map[string]*change{}}
	r.apps[name] = app
	at, _ := slices.BinarySearchFunc(r.sorted, name, func(a *application, name string) int { return cmp.Compare(a.name, name) })
	r.sorted = slices.Insert(r.sorted, at, app)
	return app
}

// close forgets an application that nothing is left to say of.
func (r *Registry) close(app *application) {
	if len(app.leases) > 0 || len(app.told) > 0 {
		return
	}
	delete(r.apps, app.name)
	at, _ := slices.BinarySearchFunc(r.sorted, app.name, func(a *application, name string) int { return cmp.Compare(a.name, name) })
	r.sorted = slices.Delete(r.sorted, at, at+1)
}

// put makes next what a lease stands for, and keeps the sums.
func (r *Registry) put(app *application, l *lease, next *wire.Instance) {
	if l.instance != nil {
		r.count(l, -1)
	}
	l.instance, l.weight = next, weight(next)
	r.count(l, 1)
	if end := l.end(); end.Before(r.due) {
		r.due = end
	}
	app.all, app.delta, r.snapshot = nil, nil, nil
}

func (r *Registry) count(l *lease, n int) {
	r.counts[min(l.instance.Status, discovery.Unknown)] += n
	r.expected += float64(n) * perMinute(l.instance)
	r.bytes += int64(n) * l.weight
}

// perMinute is how many renewals an instance promised.
func perMinute(i *wire.Instance) float64 { return 60 / float64(i.Lease.RenewalInterval) }

// override gives an instance the status that the rules leave it (Netflix: FirstMatchWinsCompositeRule).
func (r *Registry) override(i *wire.Instance, before *lease, replicated bool, now time.Time) {
	id := i.ID()
	if i.OverriddenStatus != discovery.Unknown {
		if _, set := r.overrides[id]; !set {
			r.overrides[id] = i.OverriddenStatus
		}
	}
	if set, ok := r.overrides[id]; ok {
		i.OverriddenStatus = set
	}
	i.Status = r.resolve(i, before, replicated)
	up(i, now)
}

// up notes when an instance first took traffic.
func up(i *wire.Instance, now time.Time) {
	if i.Status == discovery.Up && i.Lease.ServiceUp == 0 {
		i.Lease.ServiceUp = now.UnixMilli()
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
	defer r.unlock()
	a, l := r.find(app, id)
	if l == nil {
		return nil, ErrUnknown
	}
	status := r.resolve(l.instance, l, renewal.Replicated)
	if status == discovery.Unknown {
		return nil, ErrUnknown
	}
	now := r.now()
	r.confirm(l)
	l.renewed = now
	r.renewals.count(now, 1)
	if status != l.instance.Status { // not told in the delta: clients notice by the hash
		r.replace(a, l, now, func(i *wire.Instance) { i.Status = status })
	}
	stored := l.instance.LastDirty
	switch {
	case renewal.LastDirty == 0 || renewal.LastDirty == stored:
		return nil, nil
	case renewal.LastDirty > stored:
		if renewal.Replicated && renewal.Overridden != discovery.Unknown {
			r.overrides[id] = renewal.Overridden
			r.replace(a, l, now, func(i *wire.Instance) { i.OverriddenStatus = renewal.Overridden })
		}
		return nil, ErrUnknown
	case renewal.Replicated:
		return l.view(), ErrConflict
	}
	return nil, nil
}

// confirm notes that an instance from a file is alive.
func (r *Registry) confirm(l *lease) {
	if l.restored {
		l.restored = false
		r.restored--
	}
}

func (r *Registry) replace(app *application, l *lease, now time.Time, change func(*wire.Instance)) {
	next := *l.instance
	change(&next)
	next.LastUpdated = now.UnixMilli()
	up(&next, now)
	r.put(app, l, &next)
}

// Cancel ends a lease.
func (r *Registry) Cancel(app, id string) error {
	r.mu.Lock()
	defer r.unlock()
	a, l := r.find(app, id)
	if l == nil {
		return ErrUnknown
	}
	r.drop(a, l, Cancelled, r.now())
	r.clear(a)
	return nil
}

// drop ends a lease. It stays among those of its application until clear, or ending many would take the square of their number.
func (r *Registry) drop(app *application, l *lease, why Kind, now time.Time) {
	id := l.instance.ID()
	last := *l.view()
	r.say(why, &last, now)
	last.Action, last.LastUpdated, last.Lease.Eviction = wire.Deleted, now.UnixMilli(), now.UnixMilli()
	r.count(l, -1)
	r.confirm(l)
	delete(app.byID, id)
	l.dropped = true
	delete(r.overrides, id)
	r.full = false
	r.tell(app, id, &last, now)
}

// clear takes the leases that were dropped out of an application.
func (r *Registry) clear(app *application) {
	before := len(app.leases)
	app.leases = slices.DeleteFunc(app.leases, func(l *lease) bool { return l.dropped })
	if before > 0 && len(app.leases) == 0 {
		r.listed--
	}
}

// Override sets a status that stays until it is removed or the lease ends. It renews the lease. lastDirty of 0 is not told.
func (r *Registry) Override(app, id string, status discovery.Status, lastDirty int64) error {
	return r.modify(app, id, func(i *wire.Instance) bool {
		if i.Status == status {
			return false
		}
		r.overrides[id] = status
		i.Status, i.OverriddenStatus = status, status
		i.LastDirty = max(i.LastDirty, lastDirty)
		return true
	})
}

// RemoveOverride ends an override; the instance shows interim until it next registers, and must do so when that is Unknown.
func (r *Registry) RemoveOverride(app, id string, interim discovery.Status, lastDirty int64) error {
	return r.modify(app, id, func(i *wire.Instance) bool {
		if _, set := r.overrides[id]; !set {
			return false
		}
		delete(r.overrides, id)
		i.Status, i.OverriddenStatus = interim, discovery.Unknown
		i.LastDirty = max(i.LastDirty, lastDirty)
		return true
	})
}

func (r *Registry) modify(app, id string, change func(*wire.Instance) bool) error {
	r.mu.Lock()
	defer r.unlock()
	a, l := r.find(app, id)
	if l == nil {
		return ErrUnknown
	}
	now := r.now()
	r.confirm(l)
	l.renewed = now
	next := *l.instance
	if change(&next) {
		next.Action, next.LastUpdated = wire.Modified, now.UnixMilli()
		up(&next, now)
		r.put(a, l, &next)
		r.tell(a, id, nil, now)
		r.say(Overridden, &next, now)
	}
	return nil
}

// UpdateMetadata merges entries into an instance's metadata, as a registration of the same version. The error is ErrUnknown,
// ErrTooLarge or ErrFull.
func (r *Registry) UpdateMetadata(app, id string, entries map[string]string) error {
	r.mu.Lock()
	defer r.unlock()
	_, l := r.find(app, id)
	if l == nil {
		return ErrUnknown
	}
	next := *l.instance
	merged := next.Metadata.Map()
	for key, value := range entries {
		merged[key] = value
	}
	next.Metadata = discovery.NewMetadata(merged)
	next.Compact()
	if w := weight(&next); w > maxWeight && w > l.weight {
		return ErrTooLarge
	}
	return r.register(&next, false)
}
