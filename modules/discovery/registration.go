package discovery

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/archimedes-go/archimedes/modules/lifecycle"
)

// Address is where a program listens. The zero value means that it does not listen itself.
type Address struct {
	Host           string // the configured bind address; empty when the listener takes any
	Port           int    // the port really bound
	Secure         bool   // whether that port speaks TLS
	ManagementPort int    // port of the actuator when it has a listener of its own, else 0

	ManagementSecure bool // whether that one speaks TLS
}

// Registration is a place where this program is listed, such as a Eureka server. The steps are taken in this order, each
// once: Up, Down, Remove.
type Registration interface {
	// Up says that the program is served at an address. It enqueues and never waits.
	Up(Address)
	// Down asks callers to stay away. It returns when the registry has answered, or with ctx.
	Down(ctx context.Context) error
	// Drain returns how long callers may still come after Down; 0 when the program was never listed.
	Drain() time.Duration
	// Remove takes the program off the list. Nothing is written after it returns.
	Remove(ctx context.Context) error
}

// Registrations is every place where this program is listed. Its methods are the steps of leaving and joining, for all
// places side by side; whoever owns the sequence (the web server, or the hook of a program without one) calls them.
type Registrations []Registration

// The time each step may take, whatever came before it.
const (
	DownTimeout   = 2 * time.Second
	RemoveTimeout = 2 * time.Second
)

// Up announces the address everywhere.
func (r Registrations) Up(address Address) {
	for _, registration := range r {
		registration.Up(address)
	}
}

// Down asks callers to stay away, for at most [DownTimeout].
func (r Registrations) Down(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, DownTimeout)
	defer cancel()
	return r.each(func(one Registration) error { return one.Down(ctx) })
}

// Drain returns the longest time for which callers may still come.
func (r Registrations) Drain() time.Duration {
	var longest time.Duration
	for _, registration := range r {
		longest = max(longest, registration.Drain())
	}
	return longest
}

// LongestDrain returns how long Drain may ask for at the most: what a registration's own method LongestDrain says, where it has one.
func (r Registrations) LongestDrain() time.Duration {
	longest := r.Drain()
	for _, registration := range r {
		if l, ok := registration.(interface{ LongestDrain() time.Duration }); ok {
			longest = max(longest, l.LongestDrain())
		}
	}
	return longest
}

// Remove takes the program off every list, for at most [RemoveTimeout]. Give it a ctx that is not over yet: an instance
// that is gone must not stay listed because the stop took long.
func (r Registrations) Remove(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, RemoveTimeout)
	defer cancel()
	return r.each(func(one Registration) error { return one.Remove(ctx) })
}

func (r Registrations) each(step func(Registration) error) error {
	errs := make([]error, len(r))
	var all sync.WaitGroup
	for i, one := range r {
		all.Go(func() { errs[i] = step(one) })
	}
	all.Wait()
	return errors.Join(errs...)
}

// abortedRemove is what Remove still gets when nothing is waited for any more.
const abortedRemove = 500 * time.Millisecond

// Leave takes the steps of a stop in order: down, the drain, close, remove. Callers' replicas lag, so the program goes on
// serving during the drain; close then stops the listeners and may be nil. Problems are logged: a registry that is away
// must not keep a program from ending. A stop in haste skips the drain; an aborted one waits for nothing but, for half a
// second, the removal. The steps before the removal end early enough to leave it its time before the deadline of ctx.
func (r Registrations) Leave(ctx context.Context, log *slog.Logger, close func(context.Context)) {
	whole := ctx
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline.Add(-RemoveTimeout))
		defer cancel()
	}
	down, cancel := untilAborted(ctx, 0)
	if err := r.Down(down); err != nil {
		log.WarnContext(ctx, "callers could not be told that this instance leaves", "error", err)
	}
	cancel()
	if drain := r.Drain(); drain > 0 {
		select {
		case <-time.After(drain):
		case <-lifecycle.Hurried(ctx):
		case <-ctx.Done():
		}
	}
	if close != nil {
		close(ctx)
	}
	remove, cancel := untilAborted(context.WithoutCancel(whole), abortedRemove)
	defer cancel()
	if err := r.Remove(remove); err != nil {
		log.WarnContext(ctx, "this instance stays listed until its lease ends", "error", err)
	}
}

// untilAborted returns a context that ends some time after the stop was aborted.
func untilAborted(ctx context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	aborted := lifecycle.Aborted(ctx)
	ctx, cancel := context.WithCancel(ctx)
	if aborted == nil {
		return ctx, cancel
	}
	go func() {
		select {
		case <-aborted:
		case <-ctx.Done():
			return
		}
		select {
		case <-time.After(grace):
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}
