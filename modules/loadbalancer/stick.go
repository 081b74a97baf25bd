package loadbalancer

import "math/rand/v2"

// stick stays with one instance. When a call had to go elsewhere it stays there: the memory holds what was used, not what was
// wanted.
type stick struct{ memory }

func (s *stick) Pick(v *View, _ Request) int {
	if i, ok := s.find(v); ok {
		return i
	}
	return s.at(rand.IntN(v.Len()))
}
