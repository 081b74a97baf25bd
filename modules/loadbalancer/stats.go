package loadbalancer

import (
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/archimedes-go/archimedes/modules/discovery"
)

// Stats is what the calls so far tell about an instance. It is kept by id and survives refreshes of the registry, for as long
// as the instance stays UP at the same address.
type Stats struct { // what every call touches comes first
	service  *service
	active   atomic.Int64
	failures atomic.Int64 // in a row
	latency  atomic.Int64 // of answers lately, in nanoseconds; 0: not known
	kept     atomic.Bool  // it has kept a connection alive
	marked   atomic.Bool  // whether mark says something
	trial    atomic.Bool  // its time out is over: the next call is a trial, others wait for how it goes
	mark     mark         // under the service's lock
	ill      bool         // under the service's lock: its health check failed
	since    time.Time    // when it appeared; zero when it was there at first

	tags   []attribute.KeyValue
	series series

	id, address, secure string
}

func newStats(s *service, i *discovery.Instance) *Stats {
	return &Stats{tags: tagsOf(s.name, i), service: s, id: i.ID, address: i.Address, secure: i.SecureAddress}
}

// of reports whether the statistics are about this very instance, and not about one that came after it under the same id.
func (s *Stats) of(i *discovery.Instance) bool {
	return s.address == i.Address && s.secure == i.SecureAddress
}

// Active returns how many calls are under way.
func (s *Stats) Active() int { return int(s.active.Load()) }

// Failures returns how many calls have failed in a row.
func (s *Stats) Failures() int { return int(s.failures.Load()) }

// Outcome is how a call of an instance went. The zero value is an answer.
type Outcome struct {
	Failed  bool // no answer, or one that counts as none
	Unsent  bool // with Failed: nothing reached the instance, such as when nobody listens there
	Unknown bool // the caller gave up, which says nothing about the instance
	Slower  bool // with Unknown: it was given up since another instance had answered, so it would have taken longer than Took
	Status  int  // of the answer; 0 when there is none
	Closes  bool // the answer said Connection: close

	RetryAfter time.Duration // for which the answer asks to be left alone; 0: it does not

	Took time.Duration // to the answer; 0 when that is not known
	Err  error         // why there is no answer; for metrics
	Call *Call         // for metrics; may be nil
}

// reason is why an instance is avoided.
type reason int

const (
	nothing reason = iota
	leaving
	ejectedForAnswers // reached, but its answers count as none
	ejectedForDials
	asked // to be left alone for a while: counts as ejected for its answers
)

// mark is an instance's time out.
type mark struct {
	why    reason
	until  time.Time     // then one call may try it
	period time.Duration // of the time out, without jitter
	trying bool          // that call is under way
	lifted time.Time     // when the last mark was lifted
}

// ejected reports whether the instance is avoided because it failed.
func (m *mark) ejected() bool { return m.capped() || m.why == ejectedForDials }

// capped reports whether the instance counts against the cap.
func (m *mark) capped() bool { return m.why == ejectedForAnswers || m.why == asked }

// out reports whether nobody may call the instance now.
func (m *mark) out(now time.Time) bool { return now.Before(m.until) }

// done takes in how a call went; trial says that it was the one call after a time out.
func (s *service) done(stats *Stats, o *Outcome, trial bool) {
	stats.active.Add(-1)
	stats.took(o)
	if s.requests.success != nil && o.Call != nil {
		s.requests.record(stats, o)
	}
	switch {
	case o.Unknown:
		if trial {
			s.again(stats)
		}
	case o.Failed:
		n := stats.failures.Add(1)
		if paused := o.RetryAfter > 0 && s.pause(stats, o.RetryAfter); !paused && (trial || n >= ejectAfter) {
			s.failed(stats, o, trial)
		}
	default:
		if stats.failures.Load() != 0 {
			stats.failures.Store(0)
		}
		if s.all.Load() {
			s.recovers()
		}
		if paused := o.RetryAfter > 0 && s.pause(stats, o.RetryAfter); !paused {
			s.answered(stats, o, trial)
		}
	}
}

// answered takes in an answer: whether the connection stays open tells an instance that leaves from one that does not.
func (s *service) answered(stats *Stats, o *Outcome, trial bool) {
	switch {
	case !o.Closes:
		if !stats.kept.Load() {
			stats.kept.Store(true)
		}
		if stats.marked.Load() {
			s.lift(stats, trial)
		}
	case o.Status >= 400:
		// Servers close after some errors, as Tomcat does after a 400 or 500: that tells nothing.
		if trial {
			s.again(stats)
		}
	case stats.kept.Load():
		s.leaves(stats)
	default:
		// It never keeps connections; an answer is all that can be had.
		if stats.marked.Load() {
			s.lift(stats, trial)
		}
	}
}

// claim asks whether a call may have an instance whose time out is over, and whether it then is the trial: only one is.
func (s *service) claim(stats *Stats) (mine, trial bool) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	switch m := &stats.mark; {
	case m.why == nothing:
		return true, false
	case m.out(now):
		return false, false
	default:
		m.trying, m.until = true, now.Add(trialMost)
		s.rebuild()
		return true, true
	}
}

// trialMost is when another call may try although the trial has not ended.
const trialMost = time.Minute

// again lets another call be the trial: the last one told nothing.
func (s *service) again(stats *Stats) {
	s.mu.Lock()
	defer s.mu.Unlock()
	stats.mark.trying, stats.mark.until = false, time.Now()
	s.rebuild()
}

// lift ends a time out. One that the instance asked for lasts, whatever it answers to others.
func (s *service) lift(stats *Stats, trial bool) {
	s.mu.Lock()
	was := stats.mark
	if was.why == nothing || was.why == asked && !trial {
		s.mu.Unlock()
		return
	}
	stats.marked.Store(false)
	stats.mark = mark{}
	if was.why != leaving {
		stats.mark = mark{period: was.period, lifted: time.Now()}
	}
	s.rebuild()
	s.mu.Unlock()
	if was.why == leaving {
		s.log.Debug("instance stays", "service", s.name, "instance", stats.id)
	} else {
		s.log.Info("instance takes calls again", "service", s.name, "instance", stats.id)
	}
}
