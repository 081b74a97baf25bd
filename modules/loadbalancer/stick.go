package loadbalancer

// stick stays with one instance. When a call had to go elsewhere it stays there: the memory holds what was used, not what was
// wanted.
type stick struct{ memory }

// Pick implements [Strategy].
func (s *stick) Pick(v *View, _ Request) int { return s.pick(v) }

func (s *stick) pick(v *View) int {
	if i, ok := s.find(v); ok {
		return i
	}
	return anyOf(v.Len())
}
