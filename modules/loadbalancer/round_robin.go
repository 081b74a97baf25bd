package loadbalancer

import (
	"math/rand/v2"
	"sync/atomic"
)

// roundRobin takes one instance after the other. It begins somewhere, so that callers that start together do not all call the
// same instance first.
type roundRobin struct{ next atomic.Uint64 }

func newRoundRobin() *roundRobin {
	r := &roundRobin{}
	r.next.Store(rand.Uint64N(1000))
	return r
}

// Pick implements [Strategy].
func (r *roundRobin) Pick(v *View, _ Request) int { return r.pick(v) }

func (r *roundRobin) pick(v *View) int {
	if v.Len() == 1 {
		return 0
	}
	return int((r.next.Add(1) - 1) % uint64(v.Len()))
}
