package health

import "sync"

// Availability is what the program says about itself, as Spring's ApplicationAvailability: whether it is alive, and
// whether it accepts traffic. The zero value is a program that starts: alive is false and so is accepting. It is safe
// for concurrent use.
type Availability struct {
	mu        sync.Mutex
	live      bool
	accepting bool
	holds     int
	changed   chan struct{}
}

// NewAvailability returns the state of a program that starts.
func NewAvailability() *Availability { return &Availability{changed: make(chan struct{})} }

// Live reports liveness: false until the program has started and after [Availability.Break].
func (a *Availability) Live() bool { a.mu.Lock(); defer a.mu.Unlock(); return a.live }

// Accepting reports readiness: whether callers should come.
func (a *Availability) Accepting() bool { a.mu.Lock(); defer a.mu.Unlock(); return a.accepting }

// Started makes the program live (Spring: LivenessState.CORRECT). Readiness stays as it is.
func (a *Availability) Started() { a.set(func() { a.live = true }) }

// Break says that the program cannot recover by itself (LivenessState.BROKEN).
func (a *Availability) Break() { a.set(func() { a.live = false }) }

// Accept makes the program ready (ReadinessState.ACCEPTING_TRAFFIC).
func (a *Availability) Accept() { a.set(func() { a.accepting = true }) }

// Refuse makes it not ready (ReadinessState.REFUSING_TRAFFIC).
func (a *Availability) Refuse() { a.set(func() { a.accepting = false }) }

// Hold makes [Availability.Ready] refuse until release is called, whatever [Availability.Accepting] says: the program takes calls,
// but whoever waits for its readiness is to go on waiting.
func (a *Availability) Hold() (release func()) {
	a.set(func() { a.holds++ })
	return sync.OnceFunc(func() { a.set(func() { a.holds-- }) })
}

// Ready is what the readiness endpoint says: accepting, and not held.
func (a *Availability) Ready() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.accepting && a.holds == 0
}

// Changed returns a channel that is closed at the next change. Ask for it before reading the state.
func (a *Availability) Changed() <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.changed
}

func (a *Availability) set(change func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	live, accepting := a.live, a.accepting
	change()
	if live != a.live || accepting != a.accepting {
		close(a.changed)
		a.changed = make(chan struct{})
	}
}
