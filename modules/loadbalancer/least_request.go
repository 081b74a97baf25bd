package loadbalancer

import "math/rand/v2"

// leastRequest looks at two instances, any two, and takes the one that would answer sooner: the one where the requests under way and
// this one, at the pace seen lately, take less time. Two choices keep callers that know nothing of each other from all running
// to the same instance, which the best of all would do.
type leastRequest struct{}

// Pick implements [Strategy].
func (l leastRequest) Pick(v *View, _ Request) int { return l.pick(v) }

func (leastRequest) pick(v *View) int {
	n := uint64(v.Len())
	if n == 1 {
		return 0
	}
	r := rand.Uint64() // enough for both
	i, j := int(r>>32*n>>32), int(r&(1<<32-1)*(n-1)>>32)
	if j >= i {
		j++
	}
	if v.candidates[j].stats.sooner(v.candidates[i].stats) {
		return j
	}
	return i
}

// sooner reports whether an instance would answer a request sooner than another one. What has not answered yet is taken to be as
// fast as the other, so that a new instance is neither shunned nor flooded.
func (s *Stats) sooner(than *Stats) bool {
	mine, others := s.active.Load()+1, than.active.Load()+1
	if a, b := s.latency.Load(), than.latency.Load(); a > 0 && b > 0 {
		return mine*a < others*b
	}
	return mine < others
}
