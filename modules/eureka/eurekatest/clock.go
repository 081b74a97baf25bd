package eurekatest

import (
	"sync/atomic"
	"time"
)

// Clock is a wall clock that a test sets: give its Now to eureka.WithClock or registry.WithClock. It is safe for concurrent use.
type Clock struct{ offset atomic.Int64 }

// NewClock returns a clock that goes as the system's, until it is stepped.
func NewClock() *Clock { return &Clock{} }

// Now returns the time.
func (c *Clock) Now() time.Time { return time.Now().Add(time.Duration(c.offset.Load())) }

// Step sets the clock forward, as a suspended machine finds it, or back when d is negative.
func (c *Clock) Step(d time.Duration) { c.offset.Add(int64(d)) }

// Advance lets time pass at the server: every lease that is over by then ends.
func (s *Server) Advance(d time.Duration) {
	s.clock.Step(d)
	for before := -1; before != s.Registry.Size(); { // one look ends a share only
		before = s.Registry.Size()
		s.Registry.Evict(0)
	}
}
