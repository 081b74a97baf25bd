package eureka

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/archimedes-go/archimedes/modules/discovery"
)

// work is what only the goroutine of Run knows.
type work struct {
	active      bool             // between Up and Down
	gone        bool             // nothing is written any more
	ready       bool             // readiness has accepted; what it says later does not move the status, as in Spring
	written     bool             // a registration was sent, whether or not it was answered
	interrupted bool             // a write was given up that the server may still carry out
	shown       discovery.Status // as the registry last took it; Unknown before that
	overridden  discovery.Status // by an override of the program's own; Unknown: none
	dirty       int64            // lastDirtyTimestamp, which only grows
	pause       time.Duration    // before the next try while no server answers
	due         time.Time        // of the next heartbeat or try
	tried       time.Time        // when the last write began
	registered  time.Time        // when the registry last listed it, or was asked whether it does
	seen        bool             // a snapshot has shown the instance as it was registered
	tookOver    bool             // the id was taken over from another instance
	reported    bool             // that two instances with one id are running
	beyond      bool             // an entry that nothing is newer than was cancelled, which is done once
	contested   bool             // the other took the id back: nothing is registered over it any more
	pushed      bool             // the registry has taken the instance with its latest metadata
}

// Run owns every write until ctx ends.
func (r *Registrar) Run(ctx context.Context) error {
	defer func() {
		if ctx.Err() != nil { // after a panic it starts again
			r.once.over.Do(func() { close(r.over) })
		}
	}()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	wall := newSteps(r.client.clock, r.log)
	for {
		var changed <-chan struct{}
		if r.readiness != nil {
			changed = r.readiness.Changed()
		}
		for c, ok := r.dequeue(); ok; c, ok = r.dequeue() {
			if c.ctx == nil {
				c.ctx = ctx
			}
			err := c.do(c.ctx)
			if c.done != nil {
				c.done <- err
			}
		}
		if r.work.active {
			if wall.forward() {
				r.client.CloseIdleConnections() // nobody knows what became of them
				r.work.due = time.Now()
			}
			_ = r.keep(ctx, false) // it has planned the next try
			timer.Reset(min(max(0, time.Until(r.work.due)), clockCheck))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		case <-r.wake:
		case <-changed:
		}
	}
}

// begin is Up.
func (r *Registrar) begin(address discovery.Address) {
	if r.work.active || r.work.gone {
		return
	}
	instance := r.build(address)
	if instance != nil && instance.App != upper(instance.App) { // as registries list it, and as it is looked for
		next := *instance
		next.App = upper(next.App)
		instance = &next
	}
	r.mu.Lock()
	if instance != nil && len(r.metadata) > 0 {
		instance.Metadata = instance.Metadata.With(r.metadata)
		clear(r.metadata)
	}
	r.instance = instance
	r.mu.Unlock()
	r.once.known.Do(func() { close(r.known) })
	r.work.active = instance != nil
}

// agree writes at once what the registry does not say yet.
func (r *Registrar) agree(ctx context.Context) error {
	if !r.work.active {
		return nil
	}
	return r.keep(ctx, true)
}

// keep writes what is due until the registry says what it should: a registration, an override, else a heartbeat. atOnce
// does not wait for the time that is planned for the next try.
func (r *Registrar) keep(ctx context.Context, atOnce bool) error {
	w := &r.work
	for range 4 { // a heartbeat, a registration and an override; more would be a server that forgets at once
		status, own := r.status()
		due := !time.Now().Before(w.due)
		var err error
		switch {
		case (w.pause > 0 || !r.Registered()) && !due && !atOnce:
			return nil // a try is planned
		case !r.Registered():
			if own != nil && *own != discovery.Up {
				status = discovery.Starting // or the server would take the override for nothing new, and keep none
			}
			err = r.register(ctx, status)
		case w.contested && due:
			err = r.renew(ctx, status)
		case w.contested:
			return nil
		case own != nil && *own != w.overridden:
			err = r.override(ctx, *own)
		case own == nil && w.overridden != discovery.Unknown:
			err = r.removeOverride(ctx, status)
		case status != w.shown || r.changed():
			err = r.register(ctx, status)
		case due:
			err = r.renew(ctx, status)
		default:
			return nil
		}
		if err != nil {
			return err
		}
		atOnce = false
	}
	return nil
}

// status is the program's own choice, else STARTING until it is ready for the first time, else what its health says when that is
// asked for, else eureka.instance.initial-status.
func (r *Registrar) status() (status discovery.Status, own *discovery.Status) {
	r.mu.Lock()
	own, health := r.own, r.health
	r.mu.Unlock()
	r.work.ready = r.work.ready || r.cfg.EnabledOnInit || r.readiness == nil || r.readiness.Accepting()
	switch {
	case own != nil:
		return *own, own
	case !r.work.ready:
		return discovery.Starting, nil
	case health != discovery.Up:
		return health, nil
	}
	return r.cfg.InitialStatus, nil
}

func (r *Registrar) renew(ctx context.Context, status discovery.Status) error {
	i := r.current()
	err := r.write(ctx, func(ctx context.Context) error { return r.client.Renew(ctx, i.App, i.ID(), status, i.LastDirty) })
	return r.wrote(ctx, StatusUpdate, err, nil)
}

// override makes a server show a status whatever is registered. Registering alone could not: a server keeps UP against
// OUT_OF_SERVICE and the other way round (Netflix: LeaseExistsRule).
func (r *Registrar) override(ctx context.Context, status discovery.Status) error {
	i := r.current()
	err := r.write(ctx, func(ctx context.Context) error {
		return r.client.Override(ctx, i.App, i.ID(), status, i.LastDirty)
	})
	return r.wrote(ctx, StatusUpdate, err, func() {
		r.work.overridden = status
		r.shows(ctx, status)
	})
}

// removeOverride ends it, and leaves it to the registration that follows to say what the instance now is.
func (r *Registrar) removeOverride(ctx context.Context, interim discovery.Status) error {
	i := r.current()
	err := r.write(ctx, func(ctx context.Context) error {
		return r.client.RemoveOverride(ctx, i.App, i.ID(), interim, i.LastDirty)
	})
	return r.wrote(ctx, StatusUpdate, err, func() { r.work.overridden = discovery.Unknown })
}

// register writes the whole instance with a status, as a newer version.
func (r *Registrar) register(ctx context.Context, status discovery.Status) error {
	i := r.renewed(status)
	err := r.write(ctx, func(ctx context.Context) error { return r.client.Register(ctx, i) })
	return r.wrote(ctx, Registration, err, func() {
		if listed := r.Registered(); !listed {
			r.setListed(true)
			r.work.registered = time.Now()
			r.log.InfoContext(ctx, "instance registered", "app", i.App, "id", i.ID(), "status", status.String())
			r.client.events.changed(r.work.shown, status)
			r.work.shown = status
		}
		r.work.pushed = true
		r.shows(ctx, status)
	})
}

// changed reports whether there is metadata that the registry has not taken.
func (r *Registrar) changed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.work.pushed || len(r.metadata) > 0
}

// shows notes what the registry shows from now on.
func (r *Registrar) shows(ctx context.Context, status discovery.Status) {
	if status == r.work.shown {
		return
	}
	i := r.current()
	r.log.InfoContext(ctx, "instance changed its status", "app", i.App, "id", i.ID(), "status", status.String())
	r.client.events.changed(r.work.shown, status)
	r.work.shown = status
}

// wrote takes in how a write went. That a server does not know the instance is no failure: it is registered again.
func (r *Registrar) wrote(ctx context.Context, op Operation, err error, then func()) error {
	switch {
	case err == nil:
		r.client.outage.over(ctx, "registration")
		known := r.Registered()
		if then != nil {
			then()
		}
		r.work.pause = 0
		r.work.due = time.Now().Add(r.next(!known))
		return nil
	case op != Registration && errors.Is(err, ErrUnknownInstance):
		i := r.current()
		r.log.InfoContext(ctx, "the registry has forgotten this instance; registering again", "app", i.App, "id", i.ID())
		r.setListed(false)
		r.work.overridden, r.work.due = discovery.Unknown, time.Now()
		return nil
	}
	r.failed(ctx, op, err)
	return err
}

// renewed makes the instance one with this status and a newer time. A server takes the newer of two versions.
func (r *Registrar) renewed(status discovery.Status) *Instance {
	next := *r.current()
	next.Status = status
	r.mu.Lock()
	if len(r.metadata) > 0 {
		next.Metadata = next.Metadata.With(r.metadata)
		clear(r.metadata)
		r.work.pushed = false
	}
	r.mu.Unlock()
	r.work.dirty = max(r.client.clock().UnixMilli(), r.work.dirty+1)
	next.LastDirty, next.LastUpdated = r.work.dirty, r.work.dirty
	r.mu.Lock()
	r.instance = &next
	r.mu.Unlock()
	r.work.written = true
	return &next
}

func (r *Registrar) current() *Instance { r.mu.Lock(); defer r.mu.Unlock(); return r.instance }

func (r *Registrar) setListed(listed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.listed = listed
	r.ever = r.ever || listed
	if listed {
		r.once.first.Do(func() { close(r.first) })
	}
}

// write bounds a write by its deadline and lets a step interrupt it.
func (r *Registrar) write(ctx context.Context, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, r.deadline())
	defer cancel()
	r.work.tried = time.Now()
	r.mu.Lock()
	for _, waiting := range r.queue {
		if waiting.stop {
			r.mu.Unlock()
			return context.Canceled
		}
	}
	r.cancel = cancel
	r.mu.Unlock()
	err := do(ctx)
	r.mu.Lock()
	r.cancel = nil
	r.mu.Unlock()
	if err != nil && noAnswer(err) {
		r.work.interrupted = true
	}
	return err
}

// deadline is that of a heartbeat: a quarter of the interval, at least 1 s and at most 5 s.
func (r *Registrar) deadline() time.Duration {
	return min(max(r.cfg.RenewInterval/4, time.Second), 5*time.Second)
}

// failed plans the next try: soon at first, at most an interval or a third of the lease after the one that failed began, so that a
// server that is back has the instance within one interval, also when it is back while a try hangs.
func (r *Registrar) failed(ctx context.Context, op Operation, err error) {
	w := &r.work
	if errors.Is(err, context.Canceled) {
		return
	}
	r.client.outage.met(ctx, "registration", err)
	r.client.events.failed(op, err)
	longest := min(r.cfg.RenewInterval, r.cfg.LeaseDuration/3)
	if op == StatusUpdate && r.Registered() && !r.changed() {
		w.pause = longest // heartbeats keep their rhythm, or all clients of a server would come at once when it is back
	} else {
		w.pause = min(max(2*w.pause, 500*time.Millisecond), longest)
	}
	w.due = w.tried.Add(between(w.pause*6/10, w.pause))
	var busy *StatusError
	if errors.As(err, &busy) && busy.RetryAfter > 0 { // as it asks, but not beyond a third of the lease
		asked := time.Now().Add(min(between(busy.RetryAfter, busy.RetryAfter*11/10), longest))
		if asked.After(w.due) {
			w.due = asked
		}
	}
}

// Clients of one server must not come at once, however they started or were sent away: each waits a part of the time that
// it may, chosen by chance.

// next returns when the next heartbeat is due: within an interval, and early the first time.
func (r *Registrar) next(first bool) time.Duration {
	if first {
		return between(r.cfg.RenewInterval/3, r.cfg.RenewInterval)
	}
	return between(r.cfg.RenewInterval*8/10, r.cfg.RenewInterval)
}

// between returns a duration by chance.
func between(least, most time.Duration) time.Duration { return least + rand.N(most-least+1) }

// down is Down.
func (r *Registrar) down(ctx context.Context) error {
	w := &r.work
	w.active = false
	if !w.written || w.gone || r.foreign(ctx) {
		return nil
	}
	i := r.renewed(discovery.Down)
	err := r.client.Register(ctx, i)
	if err != nil {
		r.client.events.failed(StatusUpdate, err)
		return err
	}
	r.log.InfoContext(ctx, "instance is leaving", "app", i.App, "id", i.ID(), "status", discovery.Down.String())
	r.client.events.changed(w.shown, discovery.Down)
	w.shown = discovery.Down
	return nil
}

// leave is Remove.
func (r *Registrar) leave(ctx context.Context) error {
	w := &r.work
	w.active = false
	if w.gone || !w.written || !r.remove {
		w.gone = true
		return nil
	}
	w.gone = true
	i := r.current()
	if r.foreign(ctx) {
		r.yielded(ctx, i)
		return nil
	}
	// Half of the time for the first try: a server that hangs must leave some for the check and the second.
	first, cancel := ctx, context.CancelFunc(func() {})
	if deadline, ok := ctx.Deadline(); ok {
		first, cancel = context.WithTimeout(ctx, time.Until(deadline)/2)
	}
	err := r.client.cancelOnce(first, i.App, i.ID())
	cancel()
	if errors.Is(err, ErrUnknownInstance) {
		err = nil
	}
	if err == nil && !w.interrupted {
		r.left(ctx, i)
		return nil
	}
	// No answer, or an earlier write that the server may have carried out after the cancel: look.
	stored, found := r.client.Instance(ctx, i.App, i.ID())
	switch {
	case errors.Is(found, ErrUnknownInstance):
		r.left(ctx, i)
		return nil
	case found != nil && err == nil:
		return nil // cancelled; that nothing came back cannot be told
	case found != nil:
		return err
	case !sameAddress(stored, i):
		r.yielded(ctx, i)
		return nil
	}
	if err = r.client.cancelOnce(ctx, i.App, i.ID()); err == nil || errors.Is(err, ErrUnknownInstance) {
		r.left(ctx, i)
		return nil
	}
	return err
}

// yielded says that the id is another's now.
func (r *Registrar) yielded(ctx context.Context, i *Instance) {
	r.setListed(false)
	r.log.InfoContext(ctx, "another instance has taken this id over; it stays listed", "app", i.App, "id", i.ID())
}

func (r *Registrar) left(ctx context.Context, i *Instance) {
	r.setListed(false)
	r.log.InfoContext(ctx, "instance deregistered", "app", i.App, "id", i.ID())
}
