package loadbalancer

import (
	"sync/atomic"
	"time"

	"github.com/archimedes-go/archimedes/modules/discovery"
)

// View is the instances of a service that are UP, with what is known about each. It is immutable but for the statistics.
type View struct {
	set        *discovery.Set
	candidates []candidate
	byID       map[string]int
}

// candidate is an instance with its statistics.
type candidate struct {
	instance *discovery.Instance
	stats    *Stats
}

// Len returns how many instances there are.
func (v *View) Len() int { return len(v.candidates) }

// Instance returns the instance at an index.
func (v *View) Instance(i int) *discovery.Instance { return v.candidates[i].instance }

// Stats returns what is known about the instance at an index.
func (v *View) Stats(i int) *Stats { return v.candidates[i].stats }

// Index returns the index of the instance with an id.
func (v *View) Index(id string) (int, bool) {
	i, ok := v.byID[id]
	return i, ok
}

// Stats is what the calls so far tell about an instance. It is kept by id and survives refreshes of the registry.
type Stats struct {
	active   atomic.Int64
	failures atomic.Int64 // in a row
	kept     atomic.Bool  // it has kept a connection alive
	leaving  atomic.Int64 // until when it is taken to be leaving, in Unix nanoseconds; 0: it is not
	period   atomic.Int64 // how long that was
}

// Active returns how many calls are under way.
func (s *Stats) Active() int { return int(s.active.Load()) }

// Failures returns how many calls have failed in a row.
func (s *Stats) Failures() int { return int(s.failures.Load()) }

// An instance that kept connections alive and now closes one is about to end: it is avoided while there is another. Some servers
// close a connection now and then for reasons of their own (Tomcat after a hundred requests), so a call soon tries it again:
// a connection that stays open ends the suspicion, another that is closed doubles its time.
const (
	leavingFirst = time.Second
	leavingMost  = 30 * time.Second
)

func (s *Stats) isLeaving() bool {
	until := s.leaving.Load()
	return until != 0 && time.Now().UnixNano() < until
}

// Outcome is how a call of an instance went.
type Outcome struct {
	Failed bool // no answer, or one that counts as none
	Closes bool // the answer said Connection: close
}

func (s *Stats) done(o Outcome) {
	s.active.Add(-1)
	if o.Failed {
		s.failures.Add(1)
		return
	}
	if s.failures.Load() != 0 {
		s.failures.Store(0)
	}
	if !o.Closes {
		if !s.kept.Load() {
			s.kept.Store(true)
		}
		if s.leaving.Load() != 0 {
			s.period.Store(0)
			s.leaving.Store(0)
		}
		return
	}
	if s.kept.Load() && !s.isLeaving() { // else the call began before it was known
		period := min(max(2*s.period.Load(), int64(leavingFirst)), int64(leavingMost))
		s.period.Store(period)
		s.leaving.Store(time.Now().UnixNano() + period)
	}
}
