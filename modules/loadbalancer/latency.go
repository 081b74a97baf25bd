package loadbalancer

import (
	"math"
	"time"
)

// What an instance took lately counts for less and less, so that one that was slow once is tried again: after latencyMemory without a
// call a third of it is left.
const (
	latencyMemory = 10 * time.Second
	latencyPace   = time.Second // of forgetting
	latencyShare  = 4           // a new answer counts for a quarter
)

// took takes in how long an answer was in coming. A failure is no sign of speed, however soon it came, nor is an attempt that another
// one beat: it tells that the answer takes at least that long.
func (s *Stats) took(o *Outcome) {
	if o.Took <= 0 || o.Unknown && !o.Slower {
		return
	}
	for {
		old := s.latency.Load()
		now := int64(o.Took)
		switch {
		case o.Slower:
			if now <= old {
				return
			}
		case o.Failed || o.Status >= 500:
			if now <= old || old == 0 {
				return
			}
		}
		if old != 0 {
			now = old + (now-old)/latencyShare
		}
		// A change of less than a sixteenth is not worth the write, which other processors would wait for.
		if d := now - old; -old/16 < d && d < old/16 || s.latency.CompareAndSwap(old, now) {
			break
		}
	}
	if !s.service.forgets.Load() {
		s.service.forgetLater()
	}
}

// Latency returns what an answer took lately, as a moving average that fades with time; 0 when that is not known.
func (s *Stats) Latency() time.Duration { return time.Duration(s.latency.Load()) }

// forgetLater lets latencies fade for as long as there are calls: a pick then needs no clock.
func (s *service) forgetLater() {
	if !s.forgets.CompareAndSwap(false, true) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	began := time.Now()
	if s.faded.IsZero() {
		s.faded = began
	}
	time.AfterFunc(latencyPace, s.forget)
}

func (s *service) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	left := math.Exp(-float64(now.Sub(s.faded)) / float64(latencyMemory))
	s.faded = now
	for _, stats := range s.stats {
		for old := stats.latency.Load(); old > 1; old = stats.latency.Load() {
			if stats.latency.CompareAndSwap(old, max(1, int64(float64(old)*left))) {
				break
			}
		}
	}
	s.forgets.Store(false)
}
