package loadbalancer

import (
	"math/rand/v2"
	"slices"
	"sync/atomic"
)

// other takes any instance but the one used last. When a call's first instance fails it takes any but the one that the call
// before used: else two calls in a row could be answered by the same one.
type other struct {
	memory
	before atomic.Pointer[string] // what was used last when the call began
}

func (o *other) Pick(v *View, r Request) int {
	n := v.Len()
	if len(r.Tried) > 0 {
		return o.at(o.again(v, r))
	}
	if o.before.Load() != o.last.Load() {
		o.before.Store(o.last.Load())
	}
	if last, ok := o.find(v); ok && n > 1 {
		i := rand.IntN(n - 1)
		if i >= last {
			i++
		}
		return o.at(i)
	}
	return o.at(rand.IntN(n))
}

func (o *other) again(v *View, r Request) int {
	before, start := o.before.Load(), rand.IntN(v.Len())
	for n := range v.Len() {
		i := (start + n) % v.Len()
		if id := v.candidates[i].instance.ID; (before == nil || id != *before) && !slices.Contains(r.Tried, id) {
			return i
		}
	}
	return start
}
