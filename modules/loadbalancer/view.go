package loadbalancer

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/archimedes-go/archimedes/modules/discovery"
)

// View is the instances of a service that a strategy chooses among: those that are UP, without those that are avoided because
// they are leaving, were ejected or did not pass their health check, unless all are, and where a zone, a hint or a subset is preferred
// without the others, unless none is left. It is immutable but for the statistics.
type View struct {
	set        *discovery.Set
	settings   *Service
	strategy   Strategy   // by configuration
	memory     rememberer // nil: the strategy remembers nothing
	prefers    preference
	candidates []candidate
	avoided    []candidate // UP, used when nothing else is left: those that are not preferred, then those that the registry may have lost, leaving ones, unhealthy ones, ejected ones
	spill      int         // how many of the avoided are so for not being preferred alone
	warming    bool        // some are new and take less than their share
	sticky     bool        // requests may name their instance
	hints      map[string]bool
	versions   map[string]bool // of the API; nil: they do not matter

	zones   func() map[string]bool // in lower case
	index   func() map[string]int
	inReach func() map[string]*candidate // preferred or not
	slots   func() []slot                // for weighted
	shares  func() *shares               // for consistent-hash
	ring    func() ring                  // of all instances of the set that can be called

	others cache[preference, *View] // of the same set, for calls that prefer other instances
	hinted cache[string, *View]     // of these, those for a hint in a header
	named  cache[string, Strategy]  // for calls that ask for one
}

// candidate is an instance with its statistics.
type candidate struct {
	instance *discovery.Instance
	stats    *Stats
	at       uint32 // among those of the set that can be called
	here     uint32 // among the view's candidates, if it is one
	share    uint32 // of 1<<32 of its calls, while it is new; 0: all
	distance int32
}

// Len returns how many instances there are.
func (v *View) Len() int { return len(v.candidates) }

// Instance returns the instance at an index.
func (v *View) Instance(i int) *discovery.Instance { return v.candidates[i].instance }

// Stats returns what is known about the instance at an index.
func (v *View) Stats(i int) *Stats { return v.candidates[i].stats }

// Index returns the index of the instance with an id.
func (v *View) Index(id string) (int, bool) {
	i, ok := v.index()[id]
	return i, ok
}

// newView sorts the instances of a set into those to choose among and those to avoid, and says when that changes with time alone; never
// is the zero time. The caller holds the lock.
func (s *service) newView(set *discovery.Set, prefers preference) (v *View, wake time.Time) {
	now, all := time.Now(), s.all.Load()
	v = &View{set: set, settings: s.settings, prefers: prefers, sticky: s.settings.has(stickySession) || s.settings.Sticky.Header != ""}
	var can []*discovery.Instance
	for _, instance := range set.All {
		if callable(instance) {
			can = append(can, instance)
		}
	}
	up, answers := len(can), 0
	if before := s.view.Load(); before != nil && before.set == set {
		v.ring = before.ring
	} else {
		v.ring = sync.OnceValue(func() ring { return newRing(can) })
	}
	chosen := subsetOf(s.settings, can)
	if s.settings.has(apiVersion) {
		v.versions = map[string]bool{}
	}
	near := make([]candidate, 0, up)
	var doubtful, leaves, ill, ejected []candidate
	sooner := func(t time.Time) {
		if wake.IsZero() || t.Before(wake) {
			wake = t
		}
	}
	for at, instance := range can {
		if hint := instance.Metadata.Get("hint"); hint != "" {
			if v.hints == nil {
				v.hints = map[string]bool{}
			}
			v.hints[hint] = true
		}
		if v.versions != nil {
			version := versionOf(instance)
			if version != "" {
				v.versions[version] = true
			}
			if prefers.version != "" && version != prefers.version && !s.settings.APIVersion.Fallback {
				continue // unlike other preferences this one is a condition
			}
		}
		stats := s.stats[instance.ID]
		c := candidate{instance: instance, stats: stats, at: uint32(at), distance: prefers.distance(instance, chosen)}
		if share, changes := s.settings.SlowStart.share(stats, now); share != 0 {
			c.share, v.warming = share, true
			sooner(changes)
		}
		if stats.mark.capped() {
			answers++
		}
		switch {
		case stats.mark.why == nothing, all && stats.mark.ejected(), stats.mark.capped() && !withinCap(answers, up): // a list that shrank
			stats.trial.Store(false)
		case !stats.mark.out(now):
			stats.trial.Store(true)
		default:
			stats.trial.Store(false)
			sooner(stats.mark.until)
			if stats.mark.why == leaving {
				leaves = append(leaves, c)
			} else {
				ejected = append(ejected, c)
			}
			continue
		}
		switch {
		case stats.ill:
			ill = append(ill, c)
		case instance.Doubtful:
			doubtful = append(doubtful, c)
		default:
			near = append(near, c)
		}
	}
	v.arrange(near, doubtful, leaves, ill, ejected)
	v.derive()
	return v, wake
}

// use lets a strategy choose.
func (v *View) use(s Strategy) {
	v.strategy = s
	v.memory = remembererOf(s)
}

// arrange lets the nearest of those that are well be chosen among, and orders the others.
func (v *View) arrange(well, doubtful, leaves, ill, ejected []candidate) {
	if len(well) == 0 {
		well, doubtful = doubtful, nil
	}
	slices.SortStableFunc(well, func(a, b candidate) int { return cmp.Compare(a.distance, b.distance) })
	first := asNear(well)
	far := well[first:]
	v.candidates, v.spill = well[:first:first], len(far)
	v.avoided = slices.Concat(far, doubtful, leaves, ill, ejected)
	if len(v.candidates) == 0 {
		v.candidates, v.avoided = v.avoided, nil // better than nobody
	}
	for i := range v.candidates {
		v.candidates[i].here = uint32(i)
	}
}

// asNear returns how many of a sorted list are as near as the first.
func asNear(sorted []candidate) int {
	n := 0
	for n < len(sorted) && sorted[n].distance == sorted[0].distance {
		n++
	}
	return n
}

// derive prepares what is made when it is first asked for.
func (v *View) derive() {
	v.index = sync.OnceValue(func() map[string]int {
		index := make(map[string]int, len(v.candidates))
		for i, c := range v.candidates {
			index[c.instance.ID] = i
		}
		return index
	})
	v.inReach = sync.OnceValue(func() map[string]*candidate {
		reach := make(map[string]*candidate, len(v.candidates)+v.spill)
		for _, list := range [][]candidate{v.candidates, v.avoided[:v.spill]} {
			for i := range list {
				reach[list[i].instance.ID] = &list[i]
			}
		}
		return reach
	})
	v.zones = sync.OnceValue(func() map[string]bool {
		zones := map[string]bool{}
		for _, i := range v.set.All {
			zones[strings.ToLower(zoneOf(i))] = true
		}
		return zones
	})
	v.slots = sync.OnceValue(func() []slot { return slotsOf(v) })
	v.shares = sync.OnceValue(func() *shares { return newShares(v) })
}

// avoided reports whether an instance is among those that a view avoids for what they did.
func (s *Stats) avoided(v *View) bool {
	for i := v.spill; i < len(v.avoided); i++ {
		if v.avoided[i].stats == s {
			return true
		}
	}
	return false
}

// callable reports whether an instance takes calls at an address.
func callable(i *discovery.Instance) bool {
	return i.Up() && (i.Address != "" || i.SecureAddress != "")
}

// open reports whether a request may go to an instance.
func (r *Request) open(i *discovery.Instance) bool {
	return (!r.Secure || i.Secure()) && !slices.Contains(r.Tried, i.ID)
}

// untried returns how many instances of a list a request may still go to.
func (r *Request) untried(list []candidate) int {
	if len(r.Tried) == 0 && !r.Secure {
		return len(list)
	}
	n := 0
	for _, c := range list {
		if r.open(c.instance) {
			n++
		}
	}
	return n
}

// cache is a small map that is read without a lock and copied for each entry.
type cache[K comparable, V any] struct {
	entries atomic.Pointer[map[K]V]
}

func (c *cache[K, V]) get(key K) (value V, ok bool) {
	value, ok = c.all()[key]
	return value, ok
}

// all returns the entries.
func (c *cache[K, V]) all() map[K]V {
	if all := c.entries.Load(); all != nil {
		return *all
	}
	return nil
}

// put adds an entry. The caller sees to it that nobody else does at the same time.
func (c *cache[K, V]) put(key K, value V) {
	next := map[K]V{}
	maps.Copy(next, c.all())
	next[key] = value
	c.entries.Store(&next)
}
