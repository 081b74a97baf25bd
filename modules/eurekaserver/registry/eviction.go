package registry

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/archimedes-go/archimedes/modules/internal/wire"
)

// Run ends leases that were not renewed, until ctx ends.
func (r *Registry) Run(ctx context.Context) error {
	ticker := time.NewTicker(r.cfg.EvictionInterval)
	defer ticker.Stop()
	last := r.now()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			now := r.now()
			r.Evict(max(0, now.Sub(last)-r.cfg.EvictionInterval))
			last = now
		}
	}
}

// maxShare is the most of a registry that one look may take, so that a server that was cut off does not empty it at once.
const maxShare = 0.15

// Evict ends the leases that are over, at most 15 % of all, one at least. compensation is time that the server itself lost,
// which no client can be blamed for.
func (r *Registry) Evict(compensation time.Duration) {
	r.mu.Lock()
	defer r.unlock()
	now := r.now()
	r.forget(now)
	if r.preserve(now) {
		return
	}
	at := now.Add(-compensation)
	if !at.After(r.due) {
		return // most looks end here, however many leases there are
	}
	type pair struct {
		app *application
		*lease
	}
	var over []pair
	r.due = now.Add(24 * time.Hour)
	for _, app := range r.sorted {
		for _, l := range app.leases {
			if l.expired(at) {
				over = append(over, pair{app, l})
			} else if end := l.end(); end.Before(r.due) {
				r.due = end
			}
		}
	}
	limit := max(1, int(float64(r.size())*maxShare))
	if len(over) > limit {
		r.due = time.Time{} // the next look goes on
		rand.Shuffle(len(over), func(i, j int) { over[i], over[j] = over[j], over[i] })
		over = over[:limit]
	}
	for _, one := range over {
		r.evicted++
		r.drop(one.app, one.lease, Expired, now)
	}
	for _, one := range over {
		if len(one.app.leases) > len(one.app.byID) {
			r.clear(one.app)
		}
	}
}

// preserve reports whether so few renewals came in a minute that the network is likelier at fault than the instances; it is
// over when a minute passed without that. What is expected follows from each lease's own interval.
func (r *Registry) preserve(now time.Time) bool {
	if !r.cfg.SelfPreservation {
		return false
	}
	if r.renewals.lastMinute(now) < r.expected*r.cfg.RenewalThreshold {
		r.short = now
	}
	preserving := !r.short.IsZero() && now.Sub(r.short) < time.Minute
	if preserving != r.preserving {
		r.preserving = preserving
		r.say(map[bool]Kind{true: Preserving, false: PreservingEnded}[preserving], &wire.Instance{}, now)
	}
	return preserving
}

// meter counts what happened in the last minute, by slices of ten seconds.
type meter struct {
	slices [7]float64 // the present one, and those before it
	at     int64      // number of the present slice
}

const slice = 10 * time.Second

func (m *meter) roll(now time.Time) {
	for at := now.UnixNano() / int64(slice); m.at < at; m.at++ {
		if at-m.at > int64(len(m.slices)) {
			*m = meter{at: at}
			return
		}
		copy(m.slices[1:], m.slices[:])
		m.slices[0] = 0
	}
}

func (m *meter) count(now time.Time, n float64) { m.roll(now); m.slices[0] += n }

// lastMinute rounds up to a whole slice, so that clients that all beat at once are not missed at the edge.
func (m *meter) lastMinute(now time.Time) (sum float64) {
	m.roll(now)
	for _, n := range m.slices {
		sum += n
	}
	return sum
}
