package registry

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/internal/wire"
)

// view is the instance as documents show it: with the times of its lease.
func (l *lease) view() *wire.Instance {
	i := *l.instance
	i.Lease.Registration, i.Lease.LastRenewal = l.registration.UnixMilli(), l.renewed.UnixMilli()
	i.Lease.Eviction, i.Lease.ServiceUp = 0, 0
	if !l.evicted.IsZero() {
		i.Lease.Eviction = l.evicted.UnixMilli()
	}
	if !l.serviceUp.IsZero() {
		i.Lease.ServiceUp = l.serviceUp.UnixMilli()
	}
	return &i
}

func (l *lease) expired(now time.Time) bool { return now.After(l.renewed.Add(l.duration)) }

// Snapshot is the registry and what changed lately, at one version. It is immutable.
type Snapshot struct {
	Version int64
	All     *wire.Applications
	Delta   *wire.Applications
}

// Snapshot returns the present one. It is the same one until something changes; renewals alone change nothing.
func (r *Registry) Snapshot() *Snapshot {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.forget(r.now()); r.snapshot == nil {
		r.snapshot = r.take()
	}
	return r.snapshot
}

func (r *Registry) take() *Snapshot {
	s := &Snapshot{Version: r.version, All: &wire.Applications{Version: "1"}, Delta: &wire.Applications{Version: strconv.FormatInt(r.version, 10)}}
	for _, name := range slices.Sorted(maps.Keys(r.apps)) {
		app := wire.Application{Name: name}
		for _, l := range r.apps[name].leases {
			app.Instances = append(app.Instances, l.view())
		}
		s.All.Applications = append(s.All.Applications, app)
	}
	s.All.Hash = s.All.ReconcileHash()
	s.Delta.Hash = s.All.Hash // a delta's hash is that of the whole
	type key struct{ app, id string }
	seen := map[key]bool{}
	at := map[string]int{}
	for _, c := range slices.Backward(r.changes) { // the latest state of each
		if seen[key{c.app, c.id}] {
			continue
		}
		seen[key{c.app, c.id}] = true
		instance := c.last
		if l := r.find(c.app, c.id); l != nil {
			instance = l.view()
		}
		if instance == nil {
			continue
		}
		n, ok := at[c.app]
		if !ok {
			n = len(s.Delta.Applications)
			at[c.app] = n
			s.Delta.Applications = append(s.Delta.Applications, wire.Application{Name: c.app})
		}
		s.Delta.Applications[n].Instances = append(s.Delta.Applications[n].Instances, instance)
	}
	for n := range s.Delta.Applications {
		slices.Reverse(s.Delta.Applications[n].Instances)
	}
	return s
}

// forget drops changes that were told long enough.
func (r *Registry) forget(now time.Time) {
	n := 0
	for n < len(r.changes) && now.Sub(r.changes[n].at) > r.cfg.DeltaRetention {
		n++
	}
	if n > 0 {
		r.changes = slices.Clone(r.changes[n:])
		r.version++
		r.snapshot = nil
	}
}

// Application returns the instances of a name, with the present times of their leases; nil when there are none.
func (r *Registry) Application(name string) *wire.Application {
	r.mu.Lock()
	defer r.mu.Unlock()
	a := r.apps[strings.ToUpper(name)]
	if a == nil {
		return nil
	}
	app := &wire.Application{Name: a.name}
	for _, l := range a.leases {
		app.Instances = append(app.Instances, l.view())
	}
	return app
}

// Instance returns one instance, or nil. One whose lease has ended is gone, even before it is evicted.
func (r *Registry) Instance(app, id string) *wire.Instance {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.shown(r.find(app, id))
}

// InstanceByID returns the first instance with that id in any application, or nil.
func (r *Registry) InstanceByID(id string) *wire.Instance {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(r.apps)) {
		if l := r.apps[name].byID[id]; l != nil {
			return r.shown(l)
		}
	}
	return nil
}

func (r *Registry) shown(l *lease) *wire.Instance {
	if l == nil || l.expired(r.now()) && !r.cfg.SelfPreservation {
		return nil
	}
	return l.view()
}

// VIP returns the instances of a virtual host name, whatever their status. Names are case-sensitive.
func (r *Registry) VIP(vip string) *wire.Applications {
	return r.selected(func(i *wire.Instance) string { return i.VIPAddress }, vip)
}

// SecureVIP is [Registry.VIP] for secure virtual host names.
func (r *Registry) SecureVIP(vip string) *wire.Applications {
	return r.selected(func(i *wire.Instance) string { return i.SecureVIPAddress }, vip)
}

func (r *Registry) selected(names func(*wire.Instance) string, vip string) *wire.Applications {
	found := &wire.Applications{Version: "-1"}
	for _, app := range r.Snapshot().All.Applications {
		var matching []*wire.Instance
		for _, i := range app.Instances {
			if slices.Contains(strings.Split(names(i), ","), vip) {
				matching = append(matching, i)
			}
		}
		if len(matching) > 0 {
			found.Applications = append(found.Applications, wire.Application{Name: app.Name, Instances: matching})
		}
	}
	found.Hash = found.ReconcileHash()
	return found
}

// Size returns how many instances are listed.
func (r *Registry) Size() int { r.mu.Lock(); defer r.mu.Unlock(); return r.size }

// Clear forgets everything, as a restart does.
func (r *Registry) Clear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.apps, r.overrides = map[string]*application{}, map[string]discovery.Status{}
	r.size, r.changes, r.snapshot = 0, nil, nil
	r.version++
}
