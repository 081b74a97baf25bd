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
	leaving  atomic.Int64 // until when it is taken to be leaving, in Unix nanoseconds
}

// Active returns how many calls are under way.
func (s *Stats) Active() int { return int(s.active.Load()) }

// Failures returns how many calls have failed in a row.
func (s *Stats) Failures() int { return int(s.failures.Load()) }

// leavingFor is how long an instance that announced its end is avoided. By then it is gone, from the registry too, or it is a
// new one under the same id.
const leavingFor = 30 * time.Second

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
	switch {
	case !o.Closes:
		if !s.kept.Load() {
			s.kept.Store(true)
		}
	case s.kept.Load():
		// It kept connections alive before, so it closes them because it ends.
		s.leaving.Store(time.Now().Add(leavingFor).UnixNano())
		s.kept.Store(false)
	}
}
