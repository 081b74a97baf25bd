package loadbalancer

import (
	"math"
	"math/rand/v2"
	"strconv"
)

// weighted takes any instance, each as likely as its metadata "weight" says.
type weighted struct{}

// Pick implements [Strategy].
func (w weighted) Pick(v *View, _ Request) int { return w.pick(v) }

func (weighted) pick(v *View) int {
	slots := v.slots()
	r := rand.Uint64() // enough for both: which slot, and whose part of it
	i := r >> 32 * uint64(len(slots)) >> 32
	if slot := &slots[i]; uint32(r) >= slot.own {
		return int(slot.other)
	}
	return int(i)
}

// slot is as likely as every other one. The instance of its index has the first part of it, another one the rest.
type slot struct {
	own   uint32 // of 1<<32
	other uint32
}

// slots shares out slots so that each instance gets as much as it weighs (Vose's alias method): choosing then takes one step,
// whatever the number of instances, where a search in prefix sums takes ten for a thousand of them, each a guess of the processor's.
func slotsOf(v *View) []slot {
	n := v.Len()
	slots, parts := make([]slot, n), make([]float64, n)
	sum := 0.0
	for i := range parts {
		parts[i] = weight(v.Instance(i).Metadata.Get("weight"))
		sum += parts[i]
	}
	var small, large []int
	for i := range parts {
		parts[i] *= float64(n) / sum
		slots[i] = slot{math.MaxUint32, uint32(i)}
		if parts[i] < 1 {
			small = append(small, i)
		} else {
			large = append(large, i)
		}
	}
	for len(small) > 0 && len(large) > 0 {
		little, lots := small[len(small)-1], large[len(large)-1]
		small = small[:len(small)-1]
		slots[little] = slot{uint32(parts[little] * (1 << 32)), uint32(lots)}
		if parts[lots] -= 1 - parts[little]; parts[lots] < 1 {
			large = large[:len(large)-1]
			small = append(small, lots)
		}
	}
	return slots
}

// weight reads a weight as Spring does: a whole number from 1; what is none counts as 1.
func weight(text string) float64 {
	if n, err := strconv.Atoi(text); err == nil && n > 0 {
		return float64(n)
	}
	return 1
}
