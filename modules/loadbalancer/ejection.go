package loadbalancer

import (
	"math/rand/v2"
	"time"
)

// Instances that fail several calls in a row are ejected: nobody calls them for a while, then one call tries.
const (
	ejectAfter = 5 // failures in a row
	ejectFirst = 5 * time.Second
	ejectMost  = 5 * time.Minute
)

// withinCap reports whether n of the instances that are UP may be ejected for their answers: at most half, since when most
// fail it is rarely they who are at fault. Instances that cannot be reached do not count: a refused port is a fact.
func withinCap(n, up int) bool { return 2*n <= up }

// failed takes in a failure that may eject.
func (s *service) failed(stats *Stats, o *Outcome, trial bool) {
	s.mu.Lock()
	m, usesAll := &stats.mark, false
	was := m.why
	switch {
	case was != nothing && trial:
		s.longer(m)
	case was != nothing || !s.ejects || stats.failures.Load() < ejectAfter || s.all.Load():
	case s.allFail():
		usesAll = true
		s.useAll(true)
	default:
		s.eject(stats, o)
	}
	now := *m
	s.mu.Unlock()
	if was == nothing && now.why != nothing {
		s.counts.ejected(s, now.why)
		s.log.Warn("instance ejected", "service", s.name, "instance", stats.id, "failures", stats.failures.Load(), "for", now.period)
	}
	if usesAll {
		s.counts.usesAll(s)
		s.log.Warn("all instances fail; all are used until one answers", "service", s.name)
	}
}

// allFail reports whether every instance that is UP was ejected or would be. The caller holds the lock.
func (s *service) allFail() bool {
	v := s.view.Load()
	for _, list := range [2][]candidate{v.candidates, v.avoided} {
		for _, c := range list {
			if !c.stats.mark.ejected() && c.stats.failures.Load() < ejectAfter {
				return false
			}
		}
	}
	return true
}

// useAll ends or begins the time in which ejections do not count: when all instances fail, whom to avoid is no longer the
// question, and the first that recovers shall be found by any call. The caller holds the lock.
func (s *service) useAll(all bool) {
	s.all.Store(all)
	s.rebuild()
}

// recovers takes in that an instance answered although all failed.
func (s *service) recovers() {
	s.mu.Lock()
	was := s.all.Load()
	if was {
		s.useAll(false)
	}
	s.mu.Unlock()
	if was {
		s.log.Info("service answers again", "service", s.name)
	}
}

// longer lets the next trial wait longer, as the last one failed.
func (s *service) longer(m *mark) {
	most := ejectMost
	if m.why == leaving {
		most = leavingMost
	}
	m.period = min(2*m.period, most)
	m.until, m.trying = time.Now().Add(jitter(m.period)), false
	s.rebuild()
}

// eject ejects an instance, if that is allowed.
func (s *service) eject(stats *Stats, o *Outcome) {
	why := ejectedForAnswers
	if o.Unsent {
		why = ejectedForDials
	}
	if !s.mayEject(why) {
		return
	}
	now, m, period := time.Now(), &stats.mark, ejectFirst
	if now.Sub(m.lifted) < m.period {
		period = min(2*m.period, ejectMost) // it was back for no longer than it had been out
	}
	*m = mark{why: why, period: period, until: now.Add(jitter(period))}
	stats.marked.Store(true)
	s.rebuild()
}

// mayEject reports whether one more instance may be ejected: never the last one, and for answers only up to the cap.
func (s *service) mayEject(why reason) bool {
	v := s.view.Load()
	up, in, answers := 0, 0, 0
	for _, list := range [2][]candidate{v.candidates, v.avoided} {
		for _, c := range list {
			up++
			switch c.stats.mark.why {
			case ejectedForAnswers, asked:
				answers++
			case ejectedForDials:
			default:
				in++
			}
		}
	}
	return in > 1 && (why == ejectedForDials || withinCap(answers+1, up))
}

// jitter keeps callers that saw the same failure from trying all at the same moment: ±20 %.
func jitter(d time.Duration) time.Duration { return d*4/5 + rand.N(d*2/5+1) }
