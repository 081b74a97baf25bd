package loadbalancer

import (
	"math/rand/v2"
	"time"
)

// pauseMost bounds how long an instance can ask to be left alone: who says a year means something else.
const pauseMost = ejectMost

// pause leaves an instance alone for as long as it asked with Retry-After, while another is left: it counts as ejected for its
// answers. Callers return one after the other, not all at the same moment. It reports whether that is so.
func (s *service) pause(stats *Stats, d time.Duration) bool {
	d = min(d, pauseMost)
	d += rand.N(d/5 + 1)
	until := time.Now().Add(d)
	s.mu.Lock()
	defer s.mu.Unlock()
	m := &stats.mark
	switch {
	case !s.ejects, m.why == leaving:
		return false
	case m.why == nothing && !s.mayEject(asked):
		return false
	case m.why == nothing:
		*m = mark{why: asked, period: ejectFirst}
		s.counts.ejected(s, asked)
		s.log.Info("instance asks to be left alone", "service", s.name, "instance", stats.id, "for", d.Round(time.Millisecond))
	}
	if until.After(m.until) {
		m.until = until
	}
	m.trying = false
	stats.marked.Store(true)
	s.rebuild()
	return true
}
