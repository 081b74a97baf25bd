package loadbalancer

import "time"

// An instance that kept connections alive and now closes one is about to end: it drains. It is avoided at once, while there is
// another, until it is gone, or not UP, or is seen anew. Since some servers close a connection now and then for reasons of
// their own (Tomcat after a hundred requests), one call soon tries it again: when that connection stays open the instance
// stays too, and else the next trial waits twice as long.
const (
	leavingFirst = time.Second
	leavingMost  = 30 * time.Second
)

// leaves marks an instance as leaving, or says that it still is.
func (s *service) leaves(stats *Stats) {
	now := time.Now()
	s.mu.Lock()
	m := &stats.mark
	known := m.why == leaving
	if known && !m.trying {
		s.mu.Unlock()
		return // a call that began before
	}
	if !known {
		*m = mark{why: leaving, period: leavingFirst / 2}
	}
	m.period = min(2*m.period, leavingMost)
	m.until, m.trying = now.Add(m.period), false
	stats.marked.Store(true)
	s.rebuild()
	s.mu.Unlock()
	if !known {
		s.log.Debug("instance seems to be leaving", "service", s.name, "instance", stats.id)
	}
}
