package loadbalancer

import (
	"math/rand/v2"
	"time"
)

// A new instance gets its share of calls in steps, so that a pick needs no clock: in the first tenth of the time a tenth of it, in the
// second two tenths.
const slowStartSteps = 10

// share returns the part of its calls that an instance takes now, of 1<<32, and when that changes; 0 is all of them.
func (s SlowStart) share(stats *Stats, now time.Time) (uint32, time.Time) {
	step := s.Window / slowStartSteps
	if step <= 0 || stats.since.IsZero() {
		return 0, time.Time{}
	}
	done := int64(now.Sub(stats.since) / step)
	if done >= slowStartSteps {
		return 0, time.Time{}
	}
	return uint32(uint64(done+1) << 32 / (slowStartSteps + 1)), stats.since.Add(time.Duration(done+1) * step)
}

// tempered gives a call on that a new instance is spared, by asking again. A strategy that insists, for it keeps to one instance or to
// a key, has its way.
func (v *View) tempered(strategy Strategy, r *Request, i int) int {
	for range 8 {
		if share := v.candidates[i].share; share == 0 || rand.Uint32() < share {
			break
		}
		i = direct(strategy, v, r)
	}
	return i
}
