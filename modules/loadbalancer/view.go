package loadbalancer

import (
	"slices"
	"sync"
	"time"

	"github.com/archimedes-go/archimedes/modules/discovery"
)

// View is the instances of a service that a strategy chooses among: those that are UP, without those that are avoided because
// they are leaving or were ejected, unless all are, and where a zone is preferred without those of others, unless none is left.
// It is immutable but for the statistics.
type View struct {
	set        *discovery.Set
	candidates []candidate
	avoided    []candidate // UP, used when nothing else is left: those of other zones, then those that the registry may have lost, leaving ones, ejected ones
	spill      int         // how many of the avoided are so for their zone alone
	index      func() map[string]int
	slots      func() []slot // for weighted
	ring       func() *ring  // for consistent-hash
}

// candidate is an instance with its statistics.
type candidate struct {
	instance *discovery.Instance
	stats    *Stats
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

// newView sorts the instances of a set into those to choose among and those to avoid, and says when the next of these returns; never
// is the zero time. With all no ejection counts. The caller holds the service's lock.
func newView(set *discovery.Set, stats map[string]*Stats, prefers zone, all bool, now time.Time) (v *View, wake time.Time) {
	v = &View{set: set, candidates: make([]candidate, 0, len(set.All))}
	var far, doubtful, leaves, ejected []candidate
	up := 0
	for _, instance := range set.All {
		if callable(instance) {
			up++
		}
	}
	answers := 0
	for _, instance := range set.All {
		if !callable(instance) {
			continue
		}
		s := stats[instance.ID]
		c := candidate{instance, s}
		if s.mark.capped() {
			answers++
		}
		switch {
		case s.mark.why == nothing, all && s.mark.ejected(), s.mark.capped() && !withinCap(answers, up): // a list that shrank
			s.trial.Store(false)
		case !s.mark.out(now):
			s.trial.Store(true)
		default:
			s.trial.Store(false)
			if until := s.mark.until; wake.IsZero() || until.Before(wake) {
				wake = until
			}
			if s.mark.why == leaving {
				leaves = append(leaves, c)
			} else {
				ejected = append(ejected, c)
			}
			continue
		}
		switch {
		case instance.Doubtful:
			doubtful = append(doubtful, c)
		case prefers.has(instance):
			v.candidates = append(v.candidates, c)
		default:
			far = append(far, c)
		}
	}
	if len(v.candidates) == 0 {
		v.candidates, far = far, nil
	}
	if len(v.candidates) == 0 {
		v.candidates, doubtful = doubtful, nil
	}
	v.spill = len(far)
	v.avoided = slices.Concat(far, doubtful, leaves, ejected)
	if len(v.candidates) == 0 {
		v.candidates, v.avoided = v.avoided, nil // better than nobody
	}
	v.index = sync.OnceValue(func() map[string]int {
		index := make(map[string]int, len(v.candidates))
		for i, c := range v.candidates {
			index[c.instance.ID] = i
		}
		return index
	})
	v.slots = sync.OnceValue(func() []slot { return slotsOf(v) })
	v.ring = sync.OnceValue(func() *ring { return newRing(v) })
	return v, wake
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
