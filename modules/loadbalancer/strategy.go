package loadbalancer

import (
	"math/rand/v2"
	"sync/atomic"

	"github.com/archimedes-go/archimedes/modules/discovery"
)

// Strategy chooses among the instances of one service. It is called from many goroutines.
type Strategy interface {
	// Pick returns an index of the view, which is never empty.
	Pick(v *View, r Request) int
}

// Rememberer is a strategy that wants to know what was used in the end: an instance that was tried already in this call, or
// that is leaving, gives way to the next after picking.
type Rememberer interface {
	Used(*discovery.Instance)
}

// Factory makes a strategy for each service. Its name is what application.yml chooses it by.
type Factory struct {
	Name string
	New  func(service string) Strategy
}

// The built-in strategies.
const (
	Random     = "random"      // any, each as likely
	Stick      = "stick"       // always the same, until it leaves, is not UP or fails
	Other      = "other"       // never the one used last, while there is another
	RoundRobin = "round-robin" // one after the other, Spring's default
)

func builtIn() []Factory {
	return []Factory{
		{Random, func(string) Strategy { return random{} }},
		{Stick, func(string) Strategy { return &stick{} }},
		{Other, func(string) Strategy { return &other{} }},
		{RoundRobin, func(string) Strategy { return newRoundRobin() }},
	}
}

type random struct{}

func (random) Pick(v *View, _ Request) int { return rand.IntN(v.Len()) }

// stick remembers one instance by id, so that it survives refreshes of the registry.
type stick struct{ memory }

func (s *stick) Pick(v *View, _ Request) int {
	if i, ok := s.find(v); ok {
		return i
	}
	return s.at(rand.IntN(v.Len()))
}

// other remembers the instance used last.
type other struct{ memory }

func (o *other) Pick(v *View, _ Request) int {
	n := v.Len()
	if last, ok := o.find(v); ok && n > 1 {
		i := rand.IntN(n - 1)
		if i >= last {
			i++
		}
		return o.at(i)
	}
	return o.at(rand.IntN(n))
}

// memory is the instance used last, by id. Where it stood is a guess that saves looking it up.
type memory struct {
	last  atomic.Pointer[string]
	guess atomic.Int64
}

func (m *memory) find(v *View) (int, bool) {
	last := m.last.Load()
	if last == nil {
		return 0, false
	}
	if i := int(m.guess.Load()); i < v.Len() && v.candidates[i].instance.ID == *last {
		return i, true
	}
	return v.Index(*last)
}

func (m *memory) at(i int) int {
	m.guess.Store(int64(i))
	return i
}

// Used implements [Rememberer]. The id is remembered where it stands, without a copy.
func (m *memory) Used(i *discovery.Instance) {
	if last := m.last.Load(); last == nil || *last != i.ID {
		m.last.Store(&i.ID)
	}
}

// roundRobin begins somewhere, so that callers that start together do not all call the same instance first.
type roundRobin struct{ next atomic.Uint64 }

func newRoundRobin() *roundRobin {
	r := &roundRobin{}
	r.next.Store(rand.Uint64N(1000))
	return r
}

func (r *roundRobin) Pick(v *View, _ Request) int {
	if v.Len() == 1 {
		return 0
	}
	return int((r.next.Add(1) - 1) % uint64(v.Len()))
}
