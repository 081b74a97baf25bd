package invoker

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

// wait is an attempt's wait for the headers of its answer. Without a clock it has no end, or its end is the transport's. The clock's lock
// guards what is not atomic.
type wait struct {
	alarm
	clock *clock
	limit time.Duration
	over  atomic.Bool // the headers came, or the attempt has failed
	cause error       // why it was cut
	fail  func()      // ends what the transport does
}

// begin starts the time of a wait, from then on, or anew.
func (t *target) begin(now time.Time) {
	if t.clock == nil {
		return
	}
	t.clock.mu.Lock()
	defer t.clock.mu.Unlock()
	if t.waits() && t.cause == nil {
		t.clock.start(now.Sub(t.clock.epoch), t.limit, t)
	}
}

// pause stops the time of a wait, until it begins anew, and reports whether it had begun.
func (t *target) pause() (had bool) {
	if t.clock == nil {
		return false
	}
	t.clock.mu.Lock()
	defer t.clock.mu.Unlock()
	had = t.place > 0
	t.clock.unset(t)
	return had
}

// end ends a wait and returns why the attempt was cut, if it was.
func (t *target) end() error {
	if t.clock == nil {
		return nil
	}
	t.clock.mu.Lock()
	defer t.clock.mu.Unlock()
	t.clock.unset(t)
	t.over.Store(true)
	return t.cause
}

func (t *target) rings() { t.cut(&silence{t.limit}) }

// cut ends what the transport does, unless the headers have come.
func (t *target) cut(cause error) {
	t.clock.mu.Lock()
	if !t.waits() || t.cause != nil {
		t.clock.mu.Unlock()
		return
	}
	t.cause = cause
	fail := t.fail
	t.clock.mu.Unlock()
	if fail != nil {
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

// While an attempt waits for headers, its context ends when it is cut, and when the caller's ends. net/http derives a context of its own
// from it, and package context then does not wait for Done: it calls AfterFunc, as with any context that has it.

// asks is the Done of contexts whose end is told through AfterFunc.
var asks = make(chan struct{})

// waits reports whether the attempt may still be cut.
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
		if t.cause != nil {
			return t.cause
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

// fails has f called when the attempt is cut.
func (t *target) fails(f func()) {
	t.clock.mu.Lock()
	defer t.clock.mu.Unlock()
	if t.cause != nil {
		go f()
		return
	}
	if also := t.fail; also != nil {
		t.fail = func() { also(); f() }
		return
	}
	t.fail = f
}
