package loadbalancer

import (
	"math/bits"
	"math/rand/v2"
	"slices"
	"strings"
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
	return v.ring().find(hash(key))
}

// pointsEach is how many points an instance has on the ring: the more, the more even are the shares; these give about ±10 %.
const pointsEach = 128

// ring holds points, sorted by place. A key belongs to the first point that is not before it.
type ring struct {
	points []point
	starts []uint32 // by the first bits of a place: the first point that has them, or more
	shift  int
}

type point struct{ place, instance uint32 }

func newRing(v *View) *ring {
	r := &ring{points: make([]point, 0, v.Len()*pointsEach)}
	for i := range v.Len() {
		at := hash(v.Instance(i).ID)
		for range pointsEach {
			at = mix(at + 0x9e3779b97f4a7c15)
			r.points = append(r.points, point{uint32(at >> 32), uint32(i)})
		}
	}
	slices.SortFunc(r.points, func(a, b point) int {
		if a.place != b.place {
			return int(int64(a.place) - int64(b.place))
		}
		// Two at one place: their order must not depend on the registry's.
		return strings.Compare(v.Instance(int(a.instance)).ID, v.Instance(int(b.instance)).ID)
	})
	size := bits.Len(uint(len(r.points)))
	r.shift = 32 - size
	r.starts = make([]uint32, 1<<size)
	next := 0
	for i := range r.starts {
		for next < len(r.points) && r.points[next].place>>r.shift < uint32(i) {
			next++
		}
		r.starts[i] = uint32(next)
	}
	return r
}

func (r *ring) find(key uint64) int {
	place := uint32(key >> 32)
	for i := int(r.starts[place>>r.shift]); i < len(r.points); i++ {
		if r.points[i].place >= place {
			return int(r.points[i].instance)
		}
	}
	return int(r.points[0].instance) // around
}
