package loadbalancer

import (
	"log/slog"
	"math/rand/v2"
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
	name     string
	settings Service
	chosen   Strategy // by configuration
	ejects   bool
	zone     zone
	log      *slog.Logger
	counts   counts
	label    metric.MeasurementOption // of what is counted
	budget   *budget
	bulkhead *bulkhead
	view     atomic.Pointer[View]
	all      atomic.Bool // all instances fail, so that ejections do not count

	mu    sync.Mutex
	named map[string]Strategy // chosen per call
	stats map[string]*Stats   // by id
	alarm *time.Timer         // rings when the next of those that are avoided returns
	faded time.Time           // when latencies were made to fade last

	forgets atomic.Bool // latencies are to fade soon
}

func (b *Balancer) service(name string) *service {
	name = strings.ToLower(name) // one state for every spelling
	if s, ok := b.services.Load(name); ok {
		return s.(*service)
	}
	settings := b.cfg.of(name)
	s := &service{
		name: name, settings: settings, chosen: b.factories[settings.Strategy].New(name), ejects: b.cfg.Ejection.Enabled, zone: b.cfg.zone(), log: b.log,
		counts: b.counts, label: labelOf(name), budget: newBudget(settings.Retry.Budget), bulkhead: newBulkhead(settings.Bulkhead),
		named: map[string]Strategy{}, stats: map[string]*Stats{},
	}
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

// refresh makes the view of a new set, or of now. Statistics begin anew for instances that are gone, not UP, or at another
// address: what comes back is not what failed.
func (s *service) refresh(set *discovery.Set) *View {
	s.mu.Lock()
	defer s.mu.Unlock()
	if v := s.view.Load(); v == nil || v.set != set {
		stats := make(map[string]*Stats, len(set.All))
		for _, instance := range set.All {
			known := s.stats[instance.ID]
			if known == nil || !instance.Up() || !known.of(instance) {
				known = newStats(s, instance)
			}
			stats[instance.ID] = known
		}
		s.stats = stats
	}
	return s.rebuildFor(set)
}

// rebuild makes the view again after a mark has changed. The caller holds the lock.
func (s *service) rebuild() { s.rebuildFor(s.view.Load().set) }

func (s *service) rebuildFor(set *discovery.Set) *View {
	now := time.Now()
	v, wake := newView(set, s.stats, s.zone, s.all.Load(), now)
	s.view.Store(v)
	if s.alarm != nil {
		s.alarm.Stop()
	}
	if s.alarm = nil; !wake.IsZero() {
		s.alarm = time.AfterFunc(wake.Sub(now), s.ring) // so that a pick needs no clock
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
	spill := 0
	if v.spill > 0 {
		spill = rand.IntN(v.spill) // or the first instance of other zones would take all that this one has to give
	}
	var untried *candidate
	for _, part := range [...]struct {
		list []candidate
		from int
	}{{v.candidates, at}, {v.avoided[:v.spill], spill}, {v.avoided[v.spill:], 0}} {
		for n := range part.list {
			c := &part.list[(part.from+n)%len(part.list)]
			switch {
			case !r.open(c.instance):
			case !c.stats.trial.Load():
				return c, false
			default:
				if mine, claimed := s.claim(c.stats); mine {
					return c, claimed
				}
				if untried == nil {
					untried = c
				}
			}
		}
	}
	return untried, false
}
