package loadbalancer

import (
	"math/bits"
	"math/rand/v2"
	"slices"

	"github.com/archimedes-go/archimedes/modules/discovery"
)

// consistentHash takes the same instance for the same key for as long as that is there. When an instance leaves, only its keys go to
// others, and only those keys come to a new one that are its own from then on. All callers agree, for nothing but keys and ids
// counts. A request without a key goes to any instance.
type consistentHash struct{}

func (consistentHash) Pick(v *View, r Request) int {
	key := r.Key
	if key == "" {
		key = headerOf(r.Header, v.settings.ConsistentHash.Header)
	}
	if key == "" {
		key = cookieOf(r.Header, v.settings.ConsistentHash.Cookie)
	}
	if key == "" || v.Len() == 1 {
		return rand.IntN(v.Len())
	}
	return v.reach().find(hash(key))
}

// pointsEach is how many points an instance has on the ring: the more, the more even are the shares, but the less of it fits into a
// cache; these give about ±12 %.
const pointsEach = 64

// ring holds points, sorted by place. A key belongs to the first point that is not before it.
type ring struct {
	points []point
	starts []uint32 // by the first bits of a place: the first point that has them, or more
	shift  int
}

type point struct{ place, instance uint32 }

// newRing sorts the points by counting, since their places are spread evenly: a thousand instances take a millisecond or two.
func newRing(instances []*discovery.Instance) *ring {
	n := len(instances) * pointsEach
	size := bits.Len(uint(n))
	r := &ring{points: make([]point, n), starts: make([]uint32, 1<<size+1), shift: 32 - size}
	unsorted := make([]point, 0, n)
	for i, instance := range instances {
		at := hash(instance.ID)
		for range pointsEach {
			at = mix(at + 0x9e3779b97f4a7c15)
			p := point{uint32(at >> 32), uint32(i)}
			unsorted = append(unsorted, p)
			r.starts[p.place>>r.shift+1]++
		}
	}
	for i := 1; i < len(r.starts); i++ {
		r.starts[i] += r.starts[i-1]
	}
	next := slices.Clone(r.starts)
	for _, p := range unsorted {
		part := p.place >> r.shift
		i := next[part]
		next[part]++
		for ; i > r.starts[part] && before(instances, p, r.points[i-1]); i-- {
			r.points[i] = r.points[i-1]
		}
		r.points[i] = p
	}
	return r
}

// before orders points by place, and two at one place by id, as the order of the registry must not matter.
func before(instances []*discovery.Instance, a, b point) bool {
	if a.place != b.place {
		return a.place < b.place
	}
	return instances[a.instance].ID < instances[b.instance].ID
}

// reach is a ring with those on it that a view chooses among.
type reach struct {
	*ring
	index []int32 // in the view, by that on the ring; -1: not among them
}

// fewest is the share of those on the ring of a whole set that a view must choose among to use it: with fewer of them too many
// points would be in vain. Which ring it is makes no difference to where keys go.
const fewest = 8

func newReach(v *View) *reach {
	whole := v.ring()
	if n := len(whole.points) / pointsEach; v.Len()*fewest >= n {
		r := &reach{whole, make([]int32, n)}
		for i := range r.index {
			r.index[i] = -1
		}
		for i := range v.candidates {
			r.index[v.candidates[i].at] = int32(i)
		}
		return r
	}
	some, index := make([]*discovery.Instance, v.Len()), make([]int32, v.Len())
	for i := range some {
		some[i], index[i] = v.Instance(i), int32(i)
	}
	return &reach{newRing(some), index}
}

// find returns the instance, as an index of the view, of the first point that is not before a key.
func (r *reach) find(key uint64) int {
	place := uint32(key >> 32)
	i := int(r.starts[place>>r.shift])
	for i < len(r.points) && r.points[i].place < place {
		i++
	}
	for ; ; i++ {
		if i >= len(r.points) {
			i = 0 // around
		}
		if at := r.index[r.points[i].instance]; at >= 0 {
			return int(at)
		}
	}
}
