package loadbalancer

import "math/rand/v2"

// other takes any instance but the one used last.
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
