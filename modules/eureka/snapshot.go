package eureka

import (
	"maps"
	"slices"
	"time"

	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/internal/wire"
)

// snapshot is the registry at one moment. It is immutable; the next one shares what did not change.
type snapshot struct {
	apps     map[string]*application   // upper-case name
	holders  map[string][]string       // service → names of the applications that have had instances of it, sorted
	sets     map[string]*discovery.Set // lower-case VIP, then lower-case application name where no VIP has it
	services []string                  // the keys of sets, sorted
	counts   wire.StatusCounts         // of what the server lists
	onlyUp   bool                      // sets hold nothing else
	doubts   []doubt
	taken    time.Time
}

// application is the entries of one name, in the order of the registry.
type application struct {
	entries []*entry
}

func (a *application) find(id string) *entry {
	if a != nil {
		for _, e := range a.entries {
			if e.instance.ID == id {
				return e
			}
		}
	}
	return nil
}

// entry returns the entry of an instance, or nil.
func (s *snapshot) entry(app, id string) *entry { return s.apps[app].find(id) }

// find returns the set of a service, whatever the case of its name.
func (s *snapshot) find(service string) *discovery.Set {
	if set, ok := s.sets[service]; ok {
		return set
	}
	return s.sets[lower(service)]
}

// set collects the instances of a service; nil when there are none. A name that is a VIP means that VIP; one that is an
// application only means the application.
func (s *snapshot) set(service string) *discovery.Set {
	var vip, app []*discovery.Instance
	holders := s.holders[service]
	for _, name := range holders {
		a := s.apps[name]
		if a == nil {
			continue
		}
		var of *names // of the entry before: neighbours mostly share them
		var is, byVIP bool
		for _, e := range a.entries {
			if e.names != of {
				of = e.names
				is, byVIP = of.has(service)
			}
			switch {
			case s.onlyUp && !e.instance.Up():
			case byVIP:
				vip = grown(vip, a, e)
			case is:
				app = grown(app, a, e)
			}
		}
	}
	if len(vip) == 0 {
		vip = app
	}
	switch {
	case len(vip) == 0:
		return nil
	case len(holders) == 1:
		return discovery.UniqueSet(vip)
	}
	return discovery.SetOf(vip) // two applications may use the same id
}

func grown(list []*discovery.Instance, a *application, e *entry) []*discovery.Instance {
	if list == nil {
		list = make([]*discovery.Instance, 0, len(a.entries))
	}
	return append(list, e.instance)
}

// full makes a snapshot of a whole registry, keeping the entries and sets of before where nothing changed. before may be nil.
func (t translation) full(all *Applications, before *snapshot, now time.Time) *snapshot {
	if before == nil {
		before = &snapshot{}
	}
	next := &snapshot{
		apps: make(map[string]*application, len(all.Applications)), holders: make(map[string][]string, len(all.Applications)),
		sets: make(map[string]*discovery.Set, len(all.Applications)), taken: now, onlyUp: t.onlyUp,
	}
	for n := range all.Applications {
		from := &all.Applications[n]
		name := upper(from.Name)
		known := before.apps[name].byID()
		app := next.apps[name]
		if app == nil {
			app = &application{entries: make([]*entry, 0, len(from.Instances))}
			next.apps[name] = app
		}
		at := make(map[string]int, len(from.Instances)+len(app.entries))
		for i, e := range app.entries {
			at[e.instance.ID] = i
		}
		for _, i := range from.Instances {
			e := t.entry(i)
			e = e.after(known[e.instance.ID])
			if place, twice := at[e.instance.ID]; twice {
				app.entries[place] = e
				continue
			}
			at[e.instance.ID] = len(app.entries)
			app.entries = append(app.entries, e)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(next.apps)) {
		for _, e := range next.apps[name].entries {
			next.counts[min(e.instance.Status, discovery.Unknown)]++
			next.hold(name, e)
		}
	}
	d := &draft{next: next, before: before, touched: map[string]bool{}}
	d.doubt(now)
	for service := range next.holders {
		d.touched[service] = true
	}
	d.finish()
	return next
}

func (a *application) byID() map[string]*entry {
	if a == nil {
		return nil
	}
	m := make(map[string]*entry, len(a.entries))
	for _, e := range a.entries {
		m[e.instance.ID] = e
	}
	return m
}

// hold notes the services of an entry. The snapshot must own its holders.
func (s *snapshot) hold(app string, e *entry) {
	for _, service := range e.names.services {
		holders := s.holders[service]
		if n := len(holders); n > 0 && holders[n-1] == app {
			continue
		}
		if at, found := slices.BinarySearch(holders, app); !found {
			s.holders[service] = slices.Insert(slices.Clone(holders), at, app)
		}
	}
}

// delta applies changes to a copy. Every entry stands for the latest state of its instance, so applying one twice does no
// harm.
func (t translation) delta(changes *Applications, before *snapshot, now time.Time) *snapshot {
	d := newDraft(before, now, len(changes.Applications))
	for n := range changes.Applications {
		from := &changes.Applications[n]
		name := upper(from.Name)
		for _, i := range from.Instances {
			switch i.Action {
			case wire.None:
			case wire.Deleted:
				d.drop(name, i.ID())
			default:
				d.put(name, t.entry(i))
			}
		}
	}
	d.settle(changes.Hash, now)
	d.finish()
	return d.next
}

// draft is a snapshot in the making: a copy of the one before that shares what does not change.
type draft struct {
	next, before *snapshot
	own          map[string]*owned                // applications that are looked at
	touched      map[string]bool                  // services whose sets are made anew
	patched      map[string][]*discovery.Instance // services whose sets keep their order, with instances in place of others
	held         bool                             // holders are the draft's own
}

// owned is an application of a draft.
type owned struct {
	*application
	copied bool           // may be changed
	looks  int            // without at
	at     map[string]int // places of the entries by id, once there were some looks
}

// fewLooks is how many entries are looked for in an application before an index is worth its while.
const fewLooks = 8

// newDraft copies a snapshot, for changes in about so many applications.
func newDraft(before *snapshot, now time.Time, changes int) *draft {
	next := *before
	next.taken = now
	next.apps = maps.Clone(before.apps)
	return &draft{next: &next, before: before, own: make(map[string]*owned, changes), touched: map[string]bool{},
		patched: make(map[string][]*discovery.Instance, changes)}
}

// look returns an application, and the place of an entry in it or -1.
func (d *draft) look(name, id string) (*owned, int) {
	app := d.own[name]
	if app == nil {
		if app = (&owned{application: d.next.apps[name]}); app.application == nil {
			app.application, app.copied = &application{}, true
		}
		d.own[name] = app
	}
	if app.at == nil {
		if app.looks++; app.looks <= fewLooks {
			return app, slices.IndexFunc(app.entries, func(e *entry) bool { return e != nil && e.instance.ID == id })
		}
		app.at = make(map[string]int, len(app.entries))
		for at, e := range app.entries {
			if e != nil {
				app.at[e.instance.ID] = at
			}
		}
	}
	if at, ok := app.at[id]; ok {
		return app, at
	}
	return app, -1
}

// change makes an application one that may be changed.
func (d *draft) change(name string, app *owned) {
	if !app.copied {
		app.application, app.copied = &application{entries: slices.Clone(app.entries)}, true
	}
	d.next.apps[name] = app.application
}

// put lists an entry, or replaces what is listed under its id.
func (d *draft) put(name string, e *entry) {
	app, at := d.look(name, e.instance.ID)
	var old *entry
	if at >= 0 {
		old = app.entries[at]
	}
	if e = e.after(old); e == old {
		return
	}
	d.change(name, app)
	if old != nil {
		app.entries[at] = e
	} else {
		app.entries = append(app.entries, e)
		if app.at != nil {
			app.at[e.instance.ID] = len(app.entries) - 1
		}
	}
	d.count(old, e)
	if old != nil && old.instance == e.instance {
		return // callers see no change
	}
	if old != nil && old.names == e.names && (!d.next.onlyUp || old.instance.Up() == e.instance.Up()) {
		d.patch(old, e)
		return
	}
	d.touch(old)
	if old == nil || old.names != e.names {
		if !d.held {
			d.held = true
			d.next.holders = maps.Clone(d.next.holders)
		}
		d.next.hold(name, e)
		d.touch(e)
	}
}

// drop takes an entry off the list.
func (d *draft) drop(name, id string) {
	app, at := d.look(name, id)
	if at < 0 {
		return
	}
	d.change(name, app)
	old := app.entries[at]
	app.entries[at] = nil // until finish
	delete(app.at, id)
	d.count(old, nil)
	d.touch(old)
}

// count keeps the counts that the hash is made of; what is doubted is not listed by the server.
func (d *draft) count(old, e *entry) {
	if old != nil && !old.instance.Doubtful {
		d.next.counts[min(old.instance.Status, discovery.Unknown)]--
	}
	if e != nil && !e.instance.Doubtful {
		d.next.counts[min(e.instance.Status, discovery.Unknown)]++
	}
}

func (d *draft) touch(e *entry) {
	if e != nil {
		for _, service := range e.names.services {
			d.touched[service] = true
		}
	}
}

// patch puts an instance where another stands in the sets that both belong to.
func (d *draft) patch(old, e *entry) {
	for _, service := range e.names.services {
		list, patched := d.patched[service]
		if !patched {
			if set := d.before.sets[service]; set != nil {
				list = slices.Clone(set.All)
			}
			d.patched[service] = list
		}
		if at := slices.Index(list, old.instance); at >= 0 {
			list[at] = e.instance
		}
	}
}

// finish closes the gaps, and makes the sets of what was touched. One whose instances are those of before stays the same set.
func (d *draft) finish() {
	s := d.next
	for name, app := range d.own {
		if !app.copied {
			continue
		}
		if app.entries = slices.DeleteFunc(app.entries, func(e *entry) bool { return e == nil }); len(app.entries) == 0 {
			delete(s.apps, name)
		}
	}
	if len(d.touched) == 0 && len(d.patched) == 0 {
		return
	}
	s.sets = maps.Clone(d.before.sets)
	if s.sets == nil {
		s.sets = map[string]*discovery.Set{}
	}
	if d.own == nil { // in a draft of changes nobody stops holding a name
		for service := range s.sets {
			if _, held := s.holders[service]; !held {
				delete(s.sets, service)
			}
		}
	}
	same := len(s.sets) == len(d.before.sets)
	for service := range d.touched {
		set, old := s.set(service), s.sets[service]
		switch {
		case set == nil && old != nil:
			delete(s.sets, service)
			same = false
		case set != nil && (old == nil || !slices.Equal(old.All, set.All)):
			s.sets[service] = set
			same = same && old != nil
		}
	}
	for service, list := range d.patched {
		if old := s.sets[service]; old != nil && !d.touched[service] && !slices.Equal(old.All, list) {
			s.sets[service] = discovery.UniqueSet(list)
		}
	}
	if !same || s.services == nil {
		s.services = slices.Sorted(maps.Keys(s.sets))
	}
}
