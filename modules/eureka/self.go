package eureka

import (
	"context"
	"time"
)

// Follow compares what the registry shows of this program with what was registered, after each look of replica, until ctx ends.
// A server keeps the entry with the newer time, so that a program restarted with its clock set back is answered 204 and shown with what
// it was before: such an entry is registered again as newer still. One that leads to another address belongs to an instance of
// the same id: it is taken over once, and if it comes back both live, which is an error that is logged once; then the
// entry is left to the other.
func (r *Registrar) Follow(ctx context.Context, replica *Replica) error {
	for {
		looked := replica.nextLook()
		if i := r.current(); i != nil {
			if s := replica.now.Load(); s != nil {
				own, shown := translation{preferIP: replica.to.preferIP}.entry(i, entry{}), s.entry(i.App, i.ID())
				r.enqueue(command{do: func(ctx context.Context) error { return r.compare(ctx, own, shown) }})
			}
		}
		select {
		case <-looked:
		case <-ctx.Done():
			return nil
		}
	}
}

// FollowAlone is [Registrar.Follow] for a program that fetches no registry: it asks a server for the one entry, within an interval
// of heartbeats at first and then once in ten.
func (r *Registrar) FollowAlone(ctx context.Context) error {
	for pause := r.cfg.RenewInterval; ; pause = 10 * r.cfg.RenewInterval {
		select {
		case <-time.After(between(pause/2, pause)):
		case <-ctx.Done():
			return nil
		}
		r.enqueue(command{do: func(ctx context.Context) error {
			if !r.work.active || !r.Registered() {
				return nil
			}
			i := r.current()
			stored, err := r.stored(ctx, i)
			if err != nil {
				return r.wrote(ctx, StatusUpdate, err, nil)
			}
			return r.compare(ctx, translation{}.entry(i, entry{}), translation{}.entry(stored, entry{}))
		}})
	}
}

// lastRevision is the end of the year 9999: no clock is that wrong, and what is newer than that can hardly be outdone.
const lastRevision = 253_402_300_799_999

// compare takes in what a snapshot shows of this program; nothing when it is not in it.
func (r *Registrar) compare(ctx context.Context, own, shown entry) error {
	w := &r.work
	switch {
	case !w.active || !r.Registered():
		return nil
	case shown.instance == nil:
		return r.missed(ctx)
	case !w.contested && shown.instance.Revision < w.dirty && !shown.leadsTo(own):
		// Servers answer from caches, and a replica does not tell two registrations with the same content: ask.
		i := r.current()
		stored, err := r.stored(ctx, i)
		if err != nil {
			return nil // heartbeats meet it too
		}
		shown = translation{}.entry(stored, entry{})
		own = translation{}.entry(i, entry{})
	}
	switch {
	case shown.instance.Revision <= w.dirty && shown.leadsTo(own):
		w.seen, w.contested = true, w.contested && shown.instance.Revision < w.dirty
		return nil
	case shown.instance.Revision < w.dirty, w.beyond && shown.instance.Revision > lastRevision:
		return nil
	case shown.leadsTo(own):
		r.log.WarnContext(ctx, "the registry kept an entry of this instance that says to be newer; registering again as newer still",
			"id", own.instance.ID, "entry", time.UnixMilli(shown.instance.Revision), "own", time.UnixMilli(w.dirty))
	default:
		// What was left behind and is newer than ours all the same is of the future, by the error of a clock. All else is alive.
		if alive := w.seen || w.tookOver || shown.instance.Revision <= r.client.clock().UnixMilli(); alive && !w.reported {
			w.reported = true
			r.log.ErrorContext(ctx, "two instances with one id are running, and callers reach only one of them; give each an eureka.instance.instance-id of its own",
				"id", own.instance.ID, "own", own.address(), "other", shown.address())
		} else if !alive {
			r.log.WarnContext(ctx, "another instance is registered with this instance's id; taking the id over",
				"id", own.instance.ID, "own", own.address(), "other", shown.address())
		}
		if w.tookOver {
			w.contested = true
			return nil
		}
		w.tookOver = true
	}
	if shown.instance.Revision > lastRevision { // there is nothing newer: it has to go
		w.beyond = true
		i := r.current()
		if err := r.write(ctx, func(ctx context.Context) error { return r.client.cancelOnce(ctx, i.App, i.ID()) }); err != nil {
			return r.wrote(ctx, StatusUpdate, err, nil)
		}
		status, _ := r.status()
		return r.register(ctx, status)
	}
	w.dirty = shown.instance.Revision // what is registered next is newer by one at least
	status, _ := r.status()
	return r.register(ctx, status)
}

// leadsTo reports whether callers of both entries reach the same address.
func (e entry) leadsTo(o entry) bool {
	a, b := e.instance, o.instance
	return a.Address == b.Address && a.SecureAddress == b.SecureAddress && a.IP == b.IP
}

func (e entry) address() string {
	return firstOf(e.instance.Address, e.instance.SecureAddress) + " (" + e.instance.IP + ")"
}

func sameAddress(a, b *Instance) bool {
	return a.HostName == b.HostName && a.IPAddr == b.IPAddr && a.Port == b.Port && a.SecurePort == b.SecurePort
}

// missed asks the server itself for an instance that a snapshot lacks: snapshots of servers that cache lag by half a minute, and
// when a server has lost the instance the next heartbeat says so, unless another server answers it.
func (r *Registrar) missed(ctx context.Context) error {
	i := r.current()
	if time.Since(r.work.registered) < 2*r.cfg.RenewInterval {
		return nil
	}
	r.work.registered = time.Now() // not after each look
	_, err := r.stored(ctx, i)
	return r.wrote(ctx, StatusUpdate, err, nil)
}

// stored is what a server has of an instance, now.
func (r *Registrar) stored(ctx context.Context, i *Instance) (stored *Instance, err error) {
	err = r.write(ctx, func(ctx context.Context) error {
		stored, err = r.client.Instance(ctx, i.App, i.ID())
		return err
	})
	return stored, err
}

// foreign reports whether the entry under this instance's id is known to be another's.
func (r *Registrar) foreign(ctx context.Context) bool {
	if !r.work.contested {
		return false
	}
	i := r.current()
	stored, err := r.client.Instance(ctx, i.App, i.ID())
	return err == nil && !sameAddress(stored, i)
}
