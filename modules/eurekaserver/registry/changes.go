package registry

import (
	"slices"
	"time"

	"github.com/archimedes-go/archimedes/modules/internal/wire"
)

// change is an entry of the delta. Only the latest of each instance counts.
type change struct {
	sequence int64
	at       time.Time
	app      *application
	id       string
	last     *wire.Instance // as it left; nil while it is listed, when its present state counts
}

func (c *change) superseded() bool { return c.app.told[c.id] != c }

// tell notes a change for the delta.
func (r *Registry) tell(app *application, id string, last *wire.Instance, now time.Time) {
	r.sequence++
	c := &change{r.sequence, now, app, id, last}
	app.told[id] = c
	r.queue = append(r.queue, c)
	app.all, app.delta, r.snapshot = nil, nil, nil
	if len(r.queue) <= r.cfg.MaxInstances {
		return
	}
	// More changes than instances can be listed: one entry for each will do, and clients that miss an older one notice by
	// the hash.
	r.queue = slices.DeleteFunc(r.queue, (*change).superseded)
	for len(r.queue) > r.cfg.MaxInstances/2 {
		r.untell()
	}
}

// forget drops changes that were told long enough.
func (r *Registry) forget(now time.Time) {
	for len(r.queue) > 0 && now.Sub(r.queue[0].at) > r.cfg.DeltaRetention {
		r.untell()
	}
}

// untell drops the oldest change.
func (r *Registry) untell() {
	c := r.queue[0]
	r.queue[0], r.queue = nil, r.queue[1:]
	if c.superseded() {
		return
	}
	delete(c.app.told, c.id)
	c.app.delta, r.snapshot = nil, nil
	r.close(c.app)
}

// latest returns the instances of an application that changed lately, in the order of their latest change.
func (a *application) latest() []*wire.Instance {
	changes := make([]*change, 0, len(a.told))
	for _, c := range a.told {
		changes = append(changes, c)
	}
	slices.SortFunc(changes, func(a, b *change) int { return int(a.sequence - b.sequence) })
	all := make([]*wire.Instance, 0, len(changes))
	for _, c := range changes {
		if l := a.byID[c.id]; l != nil {
			all = append(all, l.view())
		} else if c.last != nil {
			all = append(all, c.last)
		}
	}
	return all
}
