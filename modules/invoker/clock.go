package invoker

import (
	"container/heap"
	"sync"
	"time"
)

// clock rings alarms. One timer of the runtime serves them all: most are stopped long before they are due, and a timer for each of them,
// as net/http's ResponseHeaderTimeout starts, is three percent of a call on loopback.
type clock struct {
	epoch time.Time // what dues count from

	mu    sync.Mutex
	set   alarms
	timer time.Duration // when it fires; 0: never
}

// alarm is a moment that something must not reach. The clock's lock guards it.
type alarm struct {
	due   time.Duration
	place int // among those that are set, from 1; 0: it is not
}

func (a *alarm) its() *alarm { return a }

// alarmed is what an alarm is for, and which embeds it.
type alarmed interface {
	its() *alarm
	rings() // when the time has passed; perhaps also when the alarm is stopped in the same moment
}

func newClock() *clock { return &clock{epoch: time.Now()} }

// now returns how long ago the epoch was.
func (c *clock) now() time.Duration { return time.Since(c.epoch) }

// in sets an alarm, or sets it anew.
func (c *clock) in(d time.Duration, of alarmed) {
	c.mu.Lock()
	c.start(c.now(), d, of)
	c.mu.Unlock()
}

// stop stops an alarm, if it is set.
func (c *clock) stop(of alarmed) {
	c.mu.Lock()
	c.unset(of)
	c.mu.Unlock()
}

// start is in of a caller who holds the lock and knows the time.
func (c *clock) start(now, d time.Duration, of alarmed) {
	a := of.its()
	a.due = now + max(d, 1)
	if a.place > 0 {
		heap.Fix(&c.set, a.place-1)
	} else {
		heap.Push(&c.set, of)
	}
	if c.timer == 0 || a.due < c.timer {
		c.wake(now, a.due)
	}
}

func (c *clock) unset(of alarmed) {
	if place := of.its().place; place > 0 {
		heap.Remove(&c.set, place-1)
	}
}

func (c *clock) wake(now, due time.Duration) {
	c.timer = due
	time.AfterFunc(due-now, c.ring) // an earlier one that is still to fire will find nothing due
}

func (c *clock) ring() {
	var due []alarmed
	c.mu.Lock()
	now := c.now()
	for len(c.set) > 0 && c.set[0].its().due <= now {
		due = append(due, heap.Pop(&c.set).(alarmed))
	}
	switch {
	case c.timer > now: // another one is to fire
	case len(c.set) > 0:
		c.wake(now, c.set[0].its().due)
	default:
		c.timer = 0
	}
	c.mu.Unlock()
	for _, one := range due {
		one.rings()
	}
}

// alarms is a heap: the first is the next one due.
type alarms []alarmed

func (s alarms) Len() int           { return len(s) }
func (s alarms) Less(i, j int) bool { return s[i].its().due < s[j].its().due }
func (s alarms) Swap(i, j int) {
	s[i], s[j] = s[j], s[i]
	s[i].its().place, s[j].its().place = i+1, j+1
}

// Push implements [heap.Interface].
func (s *alarms) Push(x any) {
	one := x.(alarmed)
	*s = append(*s, one)
	one.its().place = len(*s)
}

// Pop implements [heap.Interface].
func (s *alarms) Pop() any {
	last := len(*s) - 1
	one := (*s)[last]
	(*s)[last] = nil
	*s = (*s)[:last]
	one.its().place = 0
	return one
}
