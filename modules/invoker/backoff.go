package invoker

import (
	"math/rand/v2"
	"time"

	"github.com/archimedes-go/archimedes/modules/loadbalancer"
)

// What counts when retry.backoff does not say otherwise.
const (
	backoffMin    = 5 * time.Millisecond
	backoffMax    = time.Second
	backoffJitter = 0.5
	backoffRounds = 3
)

// startsOver reports whether a call that has tried every instance tries them all again.
func (c *call) startsOver(pick loadbalancer.Pick) bool {
	retry := &pick.Settings().Retry
	return !c.own.everyNode && retry.Backoff.Enabled != nil && *retry.Backoff.Enabled && (retry.NextInstance != nil || c.rounds < backoffRounds)
}

// rest waits before a call tries all instances again. It reports false, at once, when the caller's time would not last.
func (c *call) rest(pick loadbalancer.Pick) bool {
	ctx, d := c.request.Context(), pause(&pick.Settings().Retry.Backoff, c.rounds)
	c.rounds++
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= d {
		return false
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// pause is how long a call waits before it tries all instances for the nth time again, from 0.
func pause(b *loadbalancer.Backoff, n int) time.Duration {
	least, most, jitter := backoffMin, backoffMax, backoffJitter
	if b.Min != nil {
		least = *b.Min
	}
	if b.Max != nil {
		most = *b.Max
	}
	if b.Jitter != nil {
		jitter = *b.Jitter
	}
	d := min(least<<min(n, 20), most)
	if d < least { // as many doublings as overflow, or a maximum below the minimum
		d = most
	}
	return min(d+time.Duration(float64(d)*jitter*(2*rand.Float64()-1)), most)
}
