package eureka

import (
	"log/slog"
	"time"
)

// clockCheck is how often it is looked whether the wall clock went its way.
const clockCheck = 5 * time.Second

// clockSlack is what the wall clock may differ by after such a while; time servers slew by less.
const clockSlack = 2 * time.Second

// steps notices that the wall clock and the one that timers run by went apart: the machine was suspended, which timers do not
// count, or its clock was set.
type steps struct {
	clock func() time.Time
	log   *slog.Logger
	wall  time.Time
	timer time.Time // of the monotonic clock
}

func newSteps(clock func() time.Time, log *slog.Logger) *steps {
	return &steps{clock: clock, log: log, wall: clock().Round(0), timer: time.Now()}
}

// forward reports whether more time has passed than timers know, since it was last asked. What is planned is then due: leases
// have gone on ending meanwhile.
func (s *steps) forward() bool {
	wall, timer := s.clock().Round(0), time.Now()
	jump := wall.Sub(s.wall) - timer.Sub(s.timer)
	s.wall, s.timer = wall, timer
	switch {
	case jump > clockSlack:
		s.log.Info("the wall clock went forward: the machine was suspended, or its clock was set; asking Eureka at once", "by", jump.Round(time.Second))
		return true
	case jump < -clockSlack:
		s.log.Info("the wall clock was set back; registrations go on with times that only grow", "by", -jump.Round(time.Second))
	}
	return false
}
