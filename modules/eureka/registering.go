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
	shown       discovery.Status // as last registered
	dirty       int64            // lastDirtyTimestamp, which only grows
	pause       time.Duration    // before the next try while no server answers
	due         time.Time        // of the next heartbeat or try
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
	for {
		var changed <-chan struct{}
		if r.readiness != nil {
			changed = r.readiness.Changed()
		}
		for c, ok := r.next(); ok; c, ok = r.next() {
			if c.ctx == nil {
				c.ctx = ctx
			}
			err := c.do(c.ctx)
			if c.done != nil {
				c.done <- err
			}
		}
		if r.work.active {
			r.keep(ctx)
			timer.Reset(max(0, time.Until(r.work.due)))
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
	r.mu.Lock()
	r.instance = instance
	r.mu.Unlock()
	r.once.known.Do(func() { close(r.known) })
	r.work.active = instance != nil
}

// keep writes what is due: a registration, when the status changed or the registry does not list us, else a heartbeat.
func (r *Registrar) keep(ctx context.Context) {
	w := &r.work
	status := r.status()
	switch {
	case !r.Registered() && !time.Now().Before(w.due), r.Registered() && status != w.shown:
		r.register(ctx, status)
	case r.Registered() && !time.Now().Before(w.due):
		r.renew(ctx, status)
	}
}

// status is the program's own choice, else STARTING until it is ready for the first time, else
// eureka.instance.initial-status.
func (r *Registrar) status() discovery.Status {
	r.mu.Lock()
	own := r.own
	r.mu.Unlock()
	r.work.ready = r.work.ready || r.readiness == nil || r.readiness.Accepting()
	switch {
	case own != nil:
		return *own
	case !r.work.ready:
		return discovery.Starting
	}
	return r.cfg.InitialStatus
}

func (r *Registrar) renew(ctx context.Context, status discovery.Status) {
	i := r.current()
	err := r.write(ctx, func(ctx context.Context) error { return r.client.Renew(ctx, i.App, i.ID(), status, i.LastDirty) })
	switch {
	case err == nil:
		r.succeeded(ctx, nil)
	case errors.Is(err, ErrUnknownInstance):
		r.log.InfoContext(ctx, "the registry has forgotten this instance; registering again", "app", i.App, "id", i.ID())
		r.setListed(false)
		r.register(ctx, status)
	default:
		r.failed(ctx, err)
	}
}

// register writes the whole instance with a status, as a newer version.
func (r *Registrar) register(ctx context.Context, status discovery.Status) {
	i := r.renewed(status)
	listed := r.Registered()
	err := r.write(ctx, func(ctx context.Context) error { return r.client.Register(ctx, i) })
	if err != nil {
		r.failed(ctx, err)
		return
	}
	r.work.shown = status
	r.setListed(true)
	r.succeeded(ctx, func() {
		if !listed {
			r.log.InfoContext(ctx, "instance registered", "app", i.App, "id", i.ID(), "status", status.String())
		} else {
			r.log.InfoContext(ctx, "instance changed its status", "app", i.App, "id", i.ID(), "status", status.String())
		}
	})
}

// renewed makes the instance one with this status and a newer time. A server takes the newer of two versions.
func (r *Registrar) renewed(status discovery.Status) *Instance {
	next := *r.current()
	next.Status = status
	r.work.dirty = max(time.Now().UnixMilli(), r.work.dirty+1)
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

func (r *Registrar) succeeded(ctx context.Context, say func()) {
	w := &r.work
	r.client.outage.over(ctx, "registration")
	if say != nil {
		say()
	}
	w.pause = 0
	w.due = time.Now().Add(jitter(r.cfg.RenewInterval))
}

// failed plans the next try: soon at first, at most an interval or a third of the lease later, so that a server that is
// back has the instance within one interval.
func (r *Registrar) failed(ctx context.Context, err error) {
	w := &r.work
	if ctx.Err() != nil || errors.Is(err, context.Canceled) {
		return
	}
	r.client.outage.met(ctx, "registration", err)
	longest := min(r.cfg.RenewInterval, r.cfg.LeaseDuration/3) * 8 / 10
	w.pause = min(max(2*w.pause, 500*time.Millisecond), longest)
	w.due = time.Now().Add(jitter(w.pause))
}

// jitter spreads clients that started together: 90 to 100 % of d.
func jitter(d time.Duration) time.Duration { return d - rand.N(d/10+1) }

// down is Down.
func (r *Registrar) down(ctx context.Context) error {
	w := &r.work
	w.active = false
	if !w.written || w.gone {
		return nil
	}
	i := r.renewed(discovery.Down)
	err := r.client.Register(ctx, i)
	if err == nil {
		w.shown = discovery.Down
		r.log.InfoContext(ctx, "instance is leaving", "app", i.App, "id", i.ID(), "status", discovery.Down.String())
	}
	return err
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
	// Half of the time for the first try: a server that hangs must leave some for the check and the second.
	first, cancel := ctx, context.CancelFunc(func() {})
	if deadline, ok := ctx.Deadline(); ok {
		first, cancel = context.WithTimeout(ctx, time.Until(deadline)/2)
	}
	err := r.client.Cancel(first, i.App, i.ID())
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
	case stored.HostName != i.HostName || stored.IPAddr != i.IPAddr || stored.Port != i.Port || stored.SecurePort != i.SecurePort:
		r.setListed(false)
		r.log.InfoContext(ctx, "another instance has taken this id over; it stays listed", "app", i.App, "id", i.ID(), "host", stored.HostName, "port", stored.Port.Number)
		return nil
	}
	if err = r.client.Cancel(ctx, i.App, i.ID()); err == nil || errors.Is(err, ErrUnknownInstance) {
		r.left(ctx, i)
		return nil
	}
	return err
}

func (r *Registrar) left(ctx context.Context, i *Instance) {
	r.setListed(false)
	r.log.InfoContext(ctx, "instance deregistered", "app", i.App, "id", i.ID())
}
