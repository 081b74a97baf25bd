package loadbalancer

import (
	"slices"
	"sync/atomic"
)

// other takes any instance but the one used last. When a call's first instance fails it takes any but the one that the call
// before used: else two calls in a row could be answered by the same one.
type other struct {
	memory
	before atomic.Pointer[candidate] // what was used last when the call began
}

// Pick implements [Strategy].
func (o *other) Pick(v *View, r Request) int { return o.pick(v, &r) }

func (o *other) pick(v *View, r *Request) int {
	if len(r.Tried) > 0 {
		return o.again(v, r)
	}
	if last := o.last.Load(); o.before.Load() != last {
		o.before.Store(last)
	}
	n := v.Len()
	if last, ok := o.find(v); ok && n > 1 {
		i := anyOf(n - 1)
		if i >= last {
			i++
		}
		return i
	}
	return anyOf(n)
}

func (o *other) again(v *View, r *Request) int {
	before, start := o.before.Load(), anyOf(v.Len())
	for n := range v.Len() {
		i := (start + n) % v.Len()
		if id := v.candidates[i].instance.ID; (before == nil || id != before.instance.ID) && !slices.Contains(r.Tried, id) {
			return i
		}
	}
	return start
}
