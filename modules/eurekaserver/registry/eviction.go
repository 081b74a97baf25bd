package registry

import (
	"context"
	"math/rand/v2"
	"time"
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
	defer r.mu.Unlock()
	now := r.now()
	r.forget(now)
	if r.cfg.SelfPreservation && r.preserving(now) {
		return
	}
	var over []*lease
	for _, app := range r.apps {
		for _, l := range app.leases {
			if l.expired(now.Add(-compensation)) {
				over = append(over, l)
			}
		}
	}
	limit := max(1, int(float64(r.size)*maxShare))
	rand.Shuffle(len(over), func(i, j int) { over[i], over[j] = over[j], over[i] })
	for _, l := range over[:min(len(over), limit)] {
		r.drop(l, now)
		r.log.Warn("instance expired: its lease was not renewed", "app", l.instance.App, "id", l.instance.ID(), "last_renewal", l.renewed)
	}
}

// preserving reports whether so few renewals came in the last minute that the network is likelier at fault than the
// instances. What is expected follows from each lease's own interval.
func (r *Registry) preserving(now time.Time) bool {
	expected := 0.0
	for _, app := range r.apps {
		for _, l := range app.leases {
			expected += 60 / float64(l.instance.Lease.RenewalInterval)
		}
	}
	return float64(r.renewals.lastMinute(now)) < expected*r.cfg.RenewalThreshold
}

// meter counts by whole minutes.
type meter struct {
	minute       int64
	now, before  int
	beforeMinute int64
}

func (m *meter) roll(now time.Time) {
	if minute := now.Unix() / 60; minute != m.minute {
		m.before, m.beforeMinute = m.now, m.minute
		m.now, m.minute = 0, minute
	}
}

func (m *meter) count(now time.Time) { m.roll(now); m.now++ }

func (m *meter) lastMinute(now time.Time) int {
	m.roll(now)
	if m.beforeMinute != m.minute-1 {
		return m.now
	}
	return max(m.before, m.now)
}
