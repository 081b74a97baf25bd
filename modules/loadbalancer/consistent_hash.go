package loadbalancer

import (
	"math/bits"
	"slices"

	"github.com/archimedes-go/archimedes/modules/discovery"
)

// consistentHash takes the same instance for the same key for as long as that is there. When an instance leaves, only its keys go to
// others, and only those keys come to a new one that are its own from then on. All callers agree, for nothing but keys and ids
// counts. A request without a key goes to any instance.
type consistentHash struct{}

// Pick implements [Strategy].
func (c consistentHash) Pick(v *View, r Request) int { return c.pick(v, &r) }

func (consistentHash) pick(v *View, r *Request) int {
	key := r.Key
	if key == "" {
		key = headerOf(r.Header, v.settings.ConsistentHash.Header)
	}
	if key == "" {
		key = cookieOf(r.Header, v.settings.ConsistentHash.Cookie)
	}
	if key == "" || v.Len() == 1 {
		return anyOf(v.Len())
	}
	return v.shares().find(hash(key))
}

// pointsEach is how many points an instance has on the ring: the more, the more even are the shares; these give about ±12 %.
const pointsEach = 64

// ring holds points, sorted by place. A key belongs to the first point that is not before its part of the ring.
type ring []point

type point struct{ place, instance uint32 }

// newRing sorts the points by counting, since their places are spread evenly: a thousand instances take a millisecond or two.
func newRing(instances []*discovery.Instance) ring {
	n := len(instances) * pointsEach
	size := bits.Len(uint(n))
	points, unsorted := make(ring, n), make(ring, 0, n)
	starts, shift := make([]uint32, 1<<size+1), 32-size
	for i, instance := range instances {
		at := hash(instance.ID)
		for range pointsEach {
			at = mix(at + 0x9e3779b97f4a7c15)
			p := point{uint32(at >> 32), uint32(i)}
			unsorted = append(unsorted, p)
			starts[p.place>>shift+1]++
		}
	}
	for i := 1; i < len(starts); i++ {
		starts[i] += starts[i-1]
	}
	next := slices.Clone(starts)
	for _, p := range unsorted {
		part := p.place >> shift
		i := next[part]
		next[part]++
		for ; i > starts[part] && before(instances, p, points[i-1]); i-- {
			points[i] = points[i-1]
		}
		points[i] = p
	}
	return points
}

// before orders points by place, and two at one place by id, as the order of the registry must not matter.
func before(instances []*discovery.Instance, a, b point) bool {
	if a.place != b.place {
		return a.place < b.place
	}
	return instances[a.instance].ID < instances[b.instance].ID
}

// shares says for each part of the ring, all of one size, whose keys lie there, as indexes of a view: choosing takes one look, where
// a search among the points of a thousand instances takes three, each of them outside of the processor's nearest cache.
type shares struct {
	owners []uint32
	shift  int
}

// How many parts a ring has, as powers of two. The number must not depend on how many instances there are, or keys would move for
// its sake. So it does at one point alone, beyond which the parts would be too few for even shares.
const (
	fewParts  = 16
	manyParts = 20
	manyFrom  = 1 << fewParts / pointsEach // instances of the set that can be called
)

func newShares(v *View) *shares {
	points := v.ring()
	bits := fewParts
	if len(points) > manyFrom*pointsEach {
		bits = manyParts
	}
	index := make([]int32, len(points)/pointsEach) // in the view, by that on the ring; -1: not among them
	for i := range index {
		index[i] = -1
	}
	for i := range v.candidates {
		index[v.candidates[i].at] = int32(i)
	}
	s := &shares{make([]uint32, 1<<bits), 32 - bits}
	part, owner := len(s.owners)-1, -1
	for _, p := range points { // what comes after the last point goes around to the first
		if i := index[p.instance]; i >= 0 {
			owner = int(i)
			break
		}
	}
	for _, p := range slices.Backward(points) {
		i := index[p.instance]
		if i < 0 {
			continue
		}
		for ; part >= 0 && uint32(part)<<s.shift > p.place; part-- {
			s.owners[part] = uint32(owner)
		}
		owner = int(i)
	}
	for ; part >= 0; part-- {
		s.owners[part] = uint32(owner)
	}
	return s
}

// find returns the instance that a key belongs to, as an index of the view.
func (s *shares) find(key uint64) int { return int(s.owners[uint32(key>>32)>>s.shift]) }
