package eureka

import (
	"fmt"
	"log/slog"
	"sync"

	"github.com/archimedes-go/archimedes/modules/discovery"
)

// Operation is what a program asks of Eureka, for [Listener.Failed].
type Operation string

// The operations, with the Python client's names for their errors.
const (
	Registration Operation = "registration"  // ERROR_REGISTER
	Fetch        Operation = "registry"      // ERROR_DISCOVER: a look at the registry
	StatusUpdate Operation = "status update" // ERROR_STATUS_UPDATE: a heartbeat, a change of status, a cancel
)

// Listener is told what happens between a program and Eureka. Its functions, which may be nil, are called one after the other
// by a goroutine of their own: they may take their time, panic, and use the client. While one blocks, the latest
// 256 events are kept for later.
type Listener struct {
	Failed  func(Operation, error)          // no server gave a usable answer; it is tried again by itself (Python: on_error)
	Changed func(from, to discovery.Status) // of what is registered, UNKNOWN before the first time (Netflix: StatusChangeEvent)
}

// WithListeners tells listeners what happens.
func WithListeners(listeners ...Listener) Option {
	return optionFunc(func(o *options) { o.listeners = append(o.listeners, listeners...) })
}

// mostEvents bounds what waits for listeners.
const mostEvents = 256

// events hands what happens to listeners.
type events struct {
	listeners []Listener
	log       *slog.Logger

	mu      sync.Mutex
	waiting []func(Listener)
	busy    bool // a goroutine hands out
}

func (e *events) failed(op Operation, err error) {
	e.post(func(l Listener) {
		if l.Failed != nil {
			l.Failed(op, err)
		}
	})
}

func (e *events) changed(from, to discovery.Status) {
	if from == to {
		return
	}
	e.post(func(l Listener) {
		if l.Changed != nil {
			l.Changed(from, to)
		}
	})
}

// post never waits.
func (e *events) post(tell func(Listener)) {
	if len(e.listeners) == 0 {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.waiting) == mostEvents {
		e.waiting = e.waiting[1:]
	}
	e.waiting = append(e.waiting, tell)
	if !e.busy {
		e.busy = true
		go e.handOut()
	}
}

func (e *events) handOut() {
	for {
		e.mu.Lock()
		if len(e.waiting) == 0 {
			e.busy = false
			e.mu.Unlock()
			return
		}
		tell := e.waiting[0]
		e.waiting = e.waiting[1:]
		e.mu.Unlock()
		for _, l := range e.listeners {
			e.safely(tell, l)
		}
	}
}

func (e *events) safely(tell func(Listener), l Listener) {
	defer func() {
		if problem := recover(); problem != nil {
			e.log.Error("a listener panicked", "problem", fmt.Sprint(problem))
		}
	}()
	tell(l)
}
