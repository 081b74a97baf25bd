package loadbalancer

import (
	"sync/atomic"

	"github.com/archimedes-go/archimedes/modules/discovery"
)

// Strategy chooses among the instances of one service. It is called from many goroutines.
type Strategy interface {
	// Pick returns an index of the view, which is never empty. It need not look at what the request has tried: when that
	// is the choice, the next one takes its place.
	Pick(v *View, r Request) int
}

// Rememberer is a strategy that wants to know what was used in the end: an instance that was tried already in this call, or
// that others are trying out, gives way to the next after picking.
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

	LeastRequest   = "least-request"   // of any two the one that would answer sooner, by requests under way and latency
	Weighted       = "weighted"        // any, each as likely as its metadata "weight" says
	ConsistentHash = "consistent-hash" // the same for the same key
)

func builtIn() []Factory {
	return []Factory{
		{Random, func(string) Strategy { return random{} }},
		{Stick, func(string) Strategy { return &stick{} }},
		{Other, func(string) Strategy { return &other{} }},
		{RoundRobin, func(string) Strategy { return newRoundRobin() }},
		{LeastRequest, func(string) Strategy { return leastRequest{} }},
		{Weighted, func(string) Strategy { return weighted{} }},
		{ConsistentHash, func(string) Strategy { return consistentHash{} }},
	}
}

// memory is the instance used last, by id, so that it survives refreshes of the registry. Where it stood is a guess that
// saves looking it up.
type memory struct {
	last  atomic.Pointer[string]
	guess atomic.Int64
}

func (m *memory) find(v *View) (int, bool) {
	last := m.last.Load()
	if last == nil {
		return 0, false
	}
	if i := int(m.guess.Load()); i < v.Len() {
		if id := &v.candidates[i].instance.ID; id == last || *id == *last {
			return i, true
		}
	}
	i, ok := v.Index(*last)
	if ok {
		m.at(i)
	}
	return i, ok
}

func (m *memory) at(i int) int {
	m.guess.Store(int64(i))
	return i
}

// Used implements [Rememberer]. The id is remembered where it stands, without a copy.
func (m *memory) Used(i *discovery.Instance) {
	if m.last.Load() != &i.ID {
		m.last.Store(&i.ID)
	}
}
