package loadbalancer

import (
	"math/rand/v2"
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

// direct is a strategy that is called without copying the request, which takes as long as choosing: all that are built in. It is no
// interface, since what is handed to one is put on the heap.
func direct(s Strategy, v *View, r *Request) int {
	switch s := s.(type) {
	case random:
		return anyOf(v.Len())
	case *roundRobin:
		return s.pick(v)
	case *stick:
		return s.pick(v)
	case *other:
		return s.pick(v, r)
	case leastRequest:
		return s.pick(v)
	case weighted:
		return s.pick(v)
	case consistentHash:
		return s.pick(v, r)
	}
	return s.Pick(v, *r)
}

// anyOf returns an index below n, each as likely: at that size of n the one that [rand.IntN] would draw again does not matter.
func anyOf(n int) int { return int(rand.Uint64() >> 32 * uint64(n) >> 32) }

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

// memory is the instance used last. It is found again by id, so that it survives refreshes of the registry.
type memory struct{ last atomic.Pointer[candidate] }

func (m *memory) find(v *View) (int, bool) {
	last := m.last.Load()
	if last == nil {
		return 0, false
	}
	if i := int(last.here); i < v.Len() && &v.candidates[i] == last {
		return i, true
	}
	return v.Index(last.instance.ID)
}

func (m *memory) used(c *candidate) {
	if m.last.Load() != c {
		m.last.Store(c)
	}
}

// rememberer is told of what was used: the memory of a built-in strategy, or [Rememberer].
type rememberer interface{ used(*candidate) }

type users struct{ Rememberer }

func (u users) used(c *candidate) { u.Used(c.instance) }

// remembererOf returns whom to tell of what a strategy's choice led to; nil: nobody.
func remembererOf(s Strategy) rememberer {
	switch s := s.(type) {
	case rememberer:
		return s
	case Rememberer:
		return users{s}
	}
	return nil
}
