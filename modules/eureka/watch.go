package eureka

import (
	"context"
	"slices"

	"github.com/archimedes-go/archimedes/modules/discovery"
)

// Change is what became of one service between two moments.
type Change struct {
	Service string // in lower case: a VIP, or an application that no VIP is called like
	Added   []*discovery.Instance
	Changed []*discovery.Instance // as they are now
	Removed []*discovery.Instance // as they were
}

// Watch tells fn of every service that changes, beginning with what is there, until ctx ends. It calls fn from the caller's
// goroutine, one service after the other, sorted: fn may take its time, use the replica, and delays nobody; what happens
// meanwhile is told as one change.
//
//	go replica.Watch(ctx, func(c eureka.Change) { log.Info("changed", "service", c.Service, "added", len(c.Added)) })
func (r *Replica) Watch(ctx context.Context, fn func(Change)) error {
	if ctx == nil {
		return errNoContext
	}
	told := &snapshot{}
	for {
		looked := r.nextLook()
		if now := r.now.Load(); now != nil && now != told {
			for _, change := range now.since(told) {
				if ctx.Err() != nil {
					return nil
				}
				fn(change)
			}
			told = now
		}
		select {
		case <-looked:
		case <-ctx.Done():
			return nil
		}
	}
}

// since returns what changed after an earlier snapshot.
func (s *snapshot) since(earlier *snapshot) []Change {
	var changes []Change
	for _, service := range s.services {
		now, before := s.sets.get(service), earlier.sets.get(service)
		if now == before {
			continue
		}
		change := Change{Service: service}
		for _, i := range now.All {
			switch old := byID(before, i.ID); {
			case old == nil:
				change.Added = append(change.Added, i)
			case old != i:
				change.Changed = append(change.Changed, i)
			}
		}
		if before != nil {
			for _, i := range before.All {
				if now.ByID(i.ID) == nil {
					change.Removed = append(change.Removed, i)
				}
			}
		}
		changes = append(changes, change)
	}
	for _, service := range earlier.services {
		if s.sets.get(service) == nil {
			changes = append(changes, Change{Service: service, Removed: slices.Clone(earlier.sets.get(service).All)})
		}
	}
	return changes
}

func byID(set *discovery.Set, id string) *discovery.Instance {
	if set == nil {
		return nil
	}
	return set.ByID(id)
}

// Application returns the instances of an application as last fetched, or nil; its name ignores case.
func (r *Replica) Application(name string) *discovery.Set {
	if s := r.now.Load(); s != nil {
		if app := s.apps.get(upper(name)); app != nil {
			return &app.set
		}
	}
	return nil
}

// VIP returns the instances with a virtual host name as last fetched, or nil; case is ignored.
func (r *Replica) VIP(vip string) *discovery.Set {
	return r.called(vip, func(n *names) []string { return n.vips })
}

// SecureVIP returns the instances with a secure virtual host name as last fetched, or nil; case is ignored.
func (r *Replica) SecureVIP(vip string) *discovery.Set {
	return r.called(vip, func(n *names) []string { return n.secure })
}

func (r *Replica) called(vip string, among func(*names) []string) *discovery.Set {
	s := r.now.Load()
	if s == nil {
		return nil
	}
	var all []*discovery.Instance
	for _, name := range s.holders[lower(vip)] {
		app := s.apps.get(name)
		if app == nil {
			continue
		}
		for at, i := range app.set.All {
			if slices.Contains(among(app.entry(at).names), lower(vip)) {
				all = append(all, i)
			}
		}
	}
	if len(all) == 0 {
		return nil
	}
	return discovery.SetOf(all)
}

// InstanceByID returns the first instance with that id in any application as last fetched, or nil.
func (r *Replica) InstanceByID(id string) *discovery.Instance {
	if s := r.now.Load(); s != nil {
		for _, service := range s.services {
			if i := s.sets.get(service).ByID(id); i != nil {
				return i
			}
		}
	}
	return nil
}
