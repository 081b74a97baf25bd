package invoker

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// clock ends attempts whose headers are late. All of them have the same time, so the one that began first is the first to be late,
// and one timer serves them all; net/http's ResponseHeaderTimeout starts one for each, which is three percent of a call on loopback.
type clock struct {
	limit time.Duration
	epoch time.Time // what dues count from

	mu      sync.Mutex
	first   *wait // the earliest due
	last    *wait
	running bool // the timer
}

func newClock(limit time.Duration) *clock { return &clock{limit: limit, epoch: time.Now()} }

// wait is an attempt's wait for the headers of its answer. Without a clock it has no end. The clock's lock guards it.
type wait struct {
	clock         *clock
	before, after *wait
	due           time.Duration // since the epoch
	listed        bool
	late          bool
	over          atomic.Bool // the headers came, or the attempt failed otherwise
	fail          func()      // ends what the transport does
}

// begin starts the time of a wait, from now on, or anew.
func (w *wait) begin(now time.Time) {
	c := w.clock
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if w.over.Load() || w.late {
		return
	}
	c.unlist(w)
	w.due, w.listed = now.Sub(c.epoch)+c.limit, true
	if w.before = c.last; c.last != nil {
		c.last.after = w
	} else {
		c.first = w
	}
	c.last = w
	if !c.running {
		c.running = true
		time.AfterFunc(c.limit, c.ring)
	}
}

// pause stops the time of a wait, until it begins anew, and reports whether it had begun.
func (w *wait) pause() (had bool) {
	c := w.clock
	if c == nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	had = w.listed
	c.unlist(w)
	return had
}

// end ends a wait and returns why the attempt failed, if it was late.
func (w *wait) end() error {
	c := w.clock
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unlist(w)
	w.over.Store(true)
	return w.err()
}

func (w *wait) err() error {
	if w.late {
		return &silence{w.clock.limit}
	}
	return nil
}

func (c *clock) unlist(w *wait) {
	if !w.listed {
		return
	}
	if w.before != nil {
		w.before.after = w.after
	} else {
		c.first = w.after
	}
	if w.after != nil {
		w.after.before = w.before
	} else {
		c.last = w.before
	}
	w.before, w.after, w.listed = nil, nil, false
}

// ring ends what is due.
func (c *clock) ring() {
	var late []func()
	c.mu.Lock()
	now := time.Since(c.epoch)
	for w := c.first; w != nil && w.due <= now; w = c.first {
		c.unlist(w)
		w.late = true
		if w.fail != nil {
			late = append(late, w.fail)
		}
	}
	if c.running = c.first != nil; c.running {
		time.AfterFunc(c.first.due-now, c.ring)
	}
	c.mu.Unlock()
	for _, fail := range late {
		fail()
	}
}

// silence is an attempt whose headers were late.
type silence struct{ limit time.Duration }

func (s *silence) Error() string {
	return fmt.Sprintf("no answer's headers within %v (read-timeout)", s.limit)
}
func (*silence) Timeout() bool   { return true }
func (*silence) Temporary() bool { return true }

// While an attempt waits for headers, its context ends when the clock says so, and when the caller's does. net/http derives a
// context of its own from it, and package context then does not wait for Done: it calls AfterFunc, as with any context that has it.

// asks is the Done of contexts whose end is told through AfterFunc.
var asks = make(chan struct{})

// waits reports whether the clock may still end the attempt.
func (w *wait) waits() bool { return w.clock != nil && !w.over.Load() }

// Done implements [context.Context].
func (t *target) Done() <-chan struct{} {
	if t.waits() {
		return asks
	}
	return t.Context.Done()
}

// Err implements [context.Context].
func (t *target) Err() error {
	if t.waits() {
		t.clock.mu.Lock()
		defer t.clock.mu.Unlock()
		if err := t.err(); err != nil {
			return err
		}
	}
	return t.Context.Err()
}

// AfterFunc calls f when the context has ended; [context.AfterFunc] and contexts that are derived from this one ask for it.
func (t *target) AfterFunc(f func()) (stop func() bool) {
	if t.waits() {
		t.fails(f)
	}
	if t.Context.Done() == nil {
		return stopNothing
	}
	return context.AfterFunc(t.Context, f)
}

func stopNothing() bool { return false }

// fails has f called when the wait is too long.
func (w *wait) fails(f func()) {
	w.clock.mu.Lock()
	defer w.clock.mu.Unlock()
	if w.late {
		go f()
		return
	}
	if also := w.fail; also != nil {
		w.fail = func() { also(); f() }
		return
	}
	w.fail = f
}
