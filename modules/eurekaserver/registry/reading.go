package registry

import (
	"strings"
	"time"

	"github.com/archimedes-go/archimedes/modules/internal/wire"
)

// view is the instance as documents show it: with the time of its last renewal. One from a file keeps the time that stands
// there until it is renewed.
func (l *lease) view() *wire.Instance {
	if renewed := l.renewed.UnixMilli(); !l.restored && l.instance.Lease.LastRenewal != renewed {
		next := *l.instance
		next.Lease.LastRenewal = renewed
		l.instance = &next
	}
	return l.instance
}

// Snapshot is the registry and what changed lately, at one version. It is immutable, and an application in it is the same
// one as in the snapshot before, unless something changed in it: callers may keep what they made of it.
type Snapshot struct {
	Version int64
	Hash    string              // of all instances
	All     []*wire.Application // by name
	Delta   []*wire.Application // those with changes, by name
}

// refresh is how old the times of renewals in a snapshot may be; renewals alone make no new one (Netflix keeps answers as
// long: responseCacheAutoExpirationInSeconds).
const refresh = 3 * time.Minute

// Snapshot returns the present one. It is the same one until something changes.
func (r *Registry) Snapshot() *Snapshot {
	r.mu.Lock()
	defer r.unlock()
	now := r.now()
	r.forget(now)
	if now.Sub(r.refreshed) > refresh {
		r.refreshed, r.snapshot = now, nil
		for _, a := range r.sorted {
			a.all, a.delta = nil, nil
		}
	}
	if r.snapshot == nil {
		r.snapshot = r.take()
	}
	return r.snapshot
}

func (r *Registry) take() *Snapshot {
	r.version++
	s := &Snapshot{Version: r.version, Hash: wire.Hash(r.counts), All: make([]*wire.Application, 0, r.listed)}
	for _, a := range r.sorted {
		if len(a.leases) > 0 {
			if a.all == nil {
				a.all = a.show()
			}
			s.All = append(s.All, a.all)
		}
		if len(a.told) > 0 {
			if a.delta == nil {
				a.delta = &wire.Application{Name: a.name, Instances: a.latest()}
			}
			s.Delta = append(s.Delta, a.delta)
		}
	}
	return s
}

func (a *application) show() *wire.Application {
	app := &wire.Application{Name: a.name, Instances: make([]*wire.Instance, len(a.leases))}
	for i, l := range a.leases {
		app.Instances[i] = l.view()
	}
	return app
}

// Application returns the instances of a name, with the present times of their leases; nil when there are none.
func (r *Registry) Application(name string) *wire.Application {
	r.mu.Lock()
	defer r.unlock()
	if a := r.apps[strings.ToUpper(name)]; a != nil && len(a.leases) > 0 {
		return a.show()
	}
	return nil
}

// Instance returns one instance, or nil. One whose lease has ended is gone, even before it is evicted.
func (r *Registry) Instance(app, id string) *wire.Instance {
	r.mu.Lock()
	defer r.unlock()
	_, l := r.find(app, id)
	return r.shown(l)
}

// InstanceByID returns the first instance with that id in any application, or nil.
func (r *Registry) InstanceByID(id string) *wire.Instance {
	r.mu.Lock()
	defer r.unlock()
	for _, a := range r.sorted {
		if l := a.byID[id]; l != nil {
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
	for _, app := range r.Snapshot().All {
		var matching []*wire.Instance
		for _, i := range app.Instances {
			if among(names(i), vip) {
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

// among looks for a name in a list with commas. Blanks count: Eureka does not trim.
func among(list, name string) bool {
	for one := range strings.SplitSeq(list, ",") {
		if one == name {
			return true
		}
	}
	return false
}

// Size returns how many instances are listed.
func (r *Registry) Size() int {
	r.mu.Lock()
	defer r.unlock()
	return r.size()
}

// Lease is what is known of an instance beyond what documents say.
type Lease struct {
	Instance *wire.Instance
	Renewed  time.Time // last heard of
	Ends     time.Time // when it is given up, unless it is renewed
	Restored bool      // read from a file, and not heard of since
}

// Leases returns all of them, by application and in the order of their registration.
func (r *Registry) Leases() []Lease {
	r.mu.Lock()
	defer r.unlock()
	all := make([]Lease, 0, r.size())
	for _, a := range r.sorted {
		for _, l := range a.leases {
			all = append(all, Lease{l.view(), l.renewed, l.end(), l.restored})
		}
	}
	return all
}
