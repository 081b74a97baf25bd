package loadbalancer

import (
	"log/slog"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/metric"

	"github.com/archimedes-go/archimedes/modules/discovery"
)

// service is what is kept for one service.
type service struct {
	name      string
	factories map[string]Factory
	log       *slog.Logger
	counts    counts
	requests  *requests
	label     metric.MeasurementOption // of what is counted
	budget    *budget
	bulkhead  atomic.Pointer[bulkhead] // nil: calls are not bounded
	view      atomic.Pointer[View]
	all       atomic.Bool // all instances fail, so that ejections do not count

	mu       sync.Mutex
	settings *Service
	ejects   bool
	made     map[memoryOf]Strategy
	stats    map[string]*Stats // by id
	alarm    *time.Timer       // rings when time alone changes the view
	faded    time.Time         // when latencies were made to fade last

	forgets atomic.Bool // latencies are to fade soon
}

// memoryOf is what a strategy has a memory of its own for: calls that prefer other instances do not disturb those that do not.
type memoryOf struct {
	strategy string
	prefers  preference
}

func (b *Balancer) service(name string) *service {
	if name == "" {
		return b.find(name)
	}
	near := &b.near[(uint(name[0])^uint(name[len(name)-1])<<3^uint(len(name)))%uint(len(b.near))]
	s := near.Load()
	if s == nil || s.name != name {
		if s = b.find(name); s.name == name {
			near.CompareAndSwap(nil, s) // whoever comes first stays: two that take turns would cost more than a look-up
		}
	}
	return s
}

func (b *Balancer) find(name string) *service {
	name = strings.ToLower(name) // one state for every spelling
	if s, ok := b.services.get(name); ok {
		return s
	}
	b.mu.Lock() // settings do not change meanwhile
	defer b.mu.Unlock()
	if s, ok := b.services.get(name); ok {
		return s
	}
	settings := b.cfg.of(name)
	s := &service{
		name: name, factories: b.factories, settings: settings, ejects: b.cfg.Ejection.Enabled, log: b.log,
		counts: b.counts, requests: &b.requests, label: labelOf(name), budget: newBudget(settings.Retry.Budget),
		made: map[memoryOf]Strategy{}, stats: map[string]*Stats{},
	}
	s.bulkhead.Store(newBulkhead(settings.Bulkhead))
	b.services.put(name, s)
	b.tell()
	return s
}

// configure takes in settings that changed. Statistics and what strategies remember stay.
func (s *service) configure(settings *Service, ejects bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !reflect.DeepEqual(s.settings.Bulkhead, settings.Bulkhead) {
		s.bulkhead.Store(newBulkhead(settings.Bulkhead)) // who has a place keeps that of before
	}
	s.settings, s.ejects = settings, ejects
	s.budget.configure(settings.Retry.Budget)
	if s.view.Load() != nil {
		s.rebuild()
	}
}

// strategy returns the strategy of that name for calls that ask for it; its memory lasts as long as the balancer.
func (s *service) strategy(v *View, name string) (Strategy, error) {
	if known, ok := v.named.get(name); ok {
		return known, nil
	}
	if _, ok := s.factories[name]; !ok {
		return nil, unknownStrategy(name, s.factories, "")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	made := s.make(name, v.prefers)
	v.named.put(name, made)
	return made, nil
}

// make returns the strategy of that name for a preference. The caller holds the lock.
func (s *service) make(name string, prefers preference) Strategy {
	of := memoryOf{name, prefers}
	if s.made[of] == nil {
		s.made[of] = s.factories[name].New(s.name)
	}
	return s.made[of]
}

// refresh makes the view of a new set. Statistics begin anew for instances that are gone, not UP, or at another address: what comes
// back is not what failed.
func (s *service) refresh(set *discovery.Set) *View {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.view.Load()
	if v != nil && v.set == set {
		return v // someone was faster
	}
	stats := make(map[string]*Stats, len(set.All))
	for _, instance := range set.All {
		known := s.stats[instance.ID]
		if known == nil || !instance.Up() || !known.of(instance) {
			known = newStats(s, instance)
			if v != nil {
				known.since = time.Now()
			}
		}
		stats[instance.ID] = known
	}
	s.stats = stats
	return s.rebuildFor(set)
}

// rebuild makes the view again after a mark has changed. The caller holds the lock.
func (s *service) rebuild() { s.rebuildFor(s.view.Load().set) }

func (s *service) rebuildFor(set *discovery.Set) *View {
	prefers := s.settings.preference(s.name)
	v, wake := s.newView(set, prefers)
	v.use(s.make(s.settings.Strategy, prefers))
	s.view.Store(v)
	if s.alarm != nil {
		s.alarm.Stop()
	}
	if s.alarm = nil; !wake.IsZero() {
		s.alarm = time.AfterFunc(time.Until(wake), s.ring) // so that a pick needs no clock
	}
	return v
}

// ring makes the view again, since someone returns.
func (s *service) ring() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rebuild()
}

// settle finds the instance for a request whose first choice may be taken: the next one that is open to it, then those that
// are avoided. It returns nil when there is none, how many are left after it, and whether it is the last or a trial.
func (s *service) settle(v *View, first *candidate, r Request) (*candidate, int, flags) {
	c, claimed := s.open(v, first, &r)
	if c == nil {
		return nil, 0, 0
	}
	left, avoided := r.untried(v.candidates)+r.untried(v.avoided[:v.spill]), r.untried(v.avoided[v.spill:])
	if c.stats.avoided(v) {
		avoided--
	} else {
		left--
	}
	var fl flags
	if left+avoided == 0 {
		fl |= last
	}
	if claimed {
		fl |= trial
	}
	return c, left, fl
}

// open returns the next instance that is open to a request, and whether the call is the trial of one that returns.
func (s *service) open(v *View, first *candidate, r *Request) (*candidate, bool) {
	at := slices.IndexFunc(v.candidates, func(c candidate) bool { return c.stats == first.stats })
	if at < 0 { // it was asked for, though others are preferred
		at = 0
		if r.open(first.instance) {
			if mine, claimed := s.take(first); mine {
				return first, claimed
			}
		}
	}
	untried := (*candidate)(nil) // open, but others are trying it
	search := func(list []candidate, from int) (*candidate, bool) {
		for n := range list {
			c := &list[(from+n)%len(list)]
			if !r.open(c.instance) {
				continue
			}
			if mine, claimed := s.take(c); mine {
				return c, claimed
			}
			if untried == nil {
				untried = c
			}
		}
		return nil, false
	}
	if c, claimed := search(v.candidates, at); c != nil {
		return c, claimed
	}
	for far := v.avoided[:v.spill]; len(far) > 0; {
		n := asNear(far)
		// Anywhere, or the first of them would take all that those preferred have to give.
		if c, claimed := search(far[:n], rand.IntN(n)); c != nil {
			return c, claimed
		}
		far = far[n:]
	}
	if c, claimed := search(v.avoided[v.spill:], 0); c != nil {
		return c, claimed
	}
	return untried, false
}

// take asks whether a call may have an instance, and whether it then is the trial of one that returns.
func (s *service) take(c *candidate) (mine, trial bool) {
	if !c.stats.trial.Load() {
		return true, false
	}
	return s.claim(c.stats)
}
