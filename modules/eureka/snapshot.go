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
	apps     table[application]   // by upper-case name
	holders  map[string][]string  // service → names of the applications that have had instances of it, sorted
	sets     table[discovery.Set] // by lower-case VIP, then lower-case application name where no VIP has it
	services []string             // the names of sets, sorted
	counts   wire.StatusCounts    // of what the server lists
	onlyUp   bool                 // sets hold nothing else
	doubts   []doubt
	taken    time.Time
}

// application is the instances of one name in the order of the registry.
type application struct {
	set   discovery.Set // that of every service which all of it and nobody else is called by
	names *names        // of all; nil when they differ
	each  []*names      // of each when they differ
}

// entry is one instance as it is listed. The zero value is one that is not.
type entry struct {
	instance *discovery.Instance
	names    *names
}

func (a *application) entry(at int) entry {
	switch {
	case at < 0:
		return entry{}
	case a.names != nil:
		return entry{a.set.All[at], a.names}
	}
	return entry{a.set.All[at], a.each[at]}
}

// add lists one more.
func (a *application) add(e entry) {
	a.set.All = append(a.set.All, nil)
	a.put(len(a.set.All)-1, e)
}

// put lists an entry at a place.
func (a *application) put(at int, e entry) {
	a.set.All[at] = e.instance
	switch {
	case len(a.set.All) == 1:
		a.names, a.each = e.names, nil
		return
	case a.names == e.names:
		return
	case a.names != nil:
		a.names, a.each = nil, slices.Repeat([]*names{a.names}, len(a.set.All))
	case at == len(a.each):
		a.each = append(a.each, nil)
	}
	a.each[at] = e.names
}

// find returns the place of an instance, -1 when there is none.
func (a *application) find(id string) int {
	if a == nil {
		return -1
	}
	return slices.IndexFunc(a.set.All, func(i *discovery.Instance) bool { return i != nil && i.ID == id })
}

// places returns those of all instances.
func (a *application) places() map[string]int {
	if a == nil {
		return nil
	}
	m := make(map[string]int, len(a.set.All))
	for at, i := range a.set.All {
		if i != nil {
			m[i.ID] = at
		}
	}
	return m
}

// same reports whether nothing is different.
func (a *application) same(b *application) bool {
	return b != nil && a.names == b.names && slices.Equal(a.each, b.each) && slices.Equal(a.set.All, b.set.All)
}

// called returns the instances with a VIP, and those of them that have the name as an application only.
func (a *application) called(service string, onlyUp bool) (byVIP, byApp []*discovery.Instance) {
	if a.names != nil && !onlyUp {
		switch is, vip := a.names.has(service); {
		case vip:
			return a.set.All, nil
		case is:
			return nil, a.set.All
		}
		return nil, nil
	}
	var of *names // of the instance before: neighbours mostly share them
	var is, vip bool
	for at, i := range a.set.All {
		if names := a.entry(at).names; names != of {
			of = names
			is, vip = of.has(service)
		}
		switch {
		case onlyUp && !i.Up():
		case vip:
			byVIP = a.grown(byVIP, i)
		case is:
			byApp = a.grown(byApp, i)
		}
	}
	return byVIP, byApp
}

func (a *application) grown(list []*discovery.Instance, i *discovery.Instance) []*discovery.Instance {
	if list == nil {
		list = make([]*discovery.Instance, 0, len(a.set.All))
	}
	return append(list, i)
}

// entry returns what is listed of an instance.
func (s *snapshot) entry(app, id string) entry {
	a := s.apps.get(app)
	return a.entry(a.find(id))
}

// find returns the set of a service, whatever the case of its name.
func (s *snapshot) find(service string) *discovery.Set {
	if set := s.sets.get(service); set != nil {
		return set
	}
	return s.sets.get(lower(service))
}

// set collects the instances of a service; nil when there are none. A name that is a VIP means that VIP; one that is an
// application only means the application.
func (s *snapshot) set(service string) *discovery.Set {
	var vip, app []*discovery.Instance
	holders := s.holders[service]
	for _, name := range holders {
		if a := s.apps.get(name); a != nil {
			byVIP, byApp := a.called(service, s.onlyUp)
			vip, app = joined(vip, byVIP), joined(app, byApp)
		}
	}
	if len(vip) == 0 {
		vip = app
	}
	switch {
	case len(vip) == 0:
		return nil
	case len(holders) > 1:
		return discovery.SetOf(vip) // two applications may use the same id
	}
	if a := s.apps.get(holders[0]); len(vip) == len(a.set.All) {
		return &a.set
	}
	return discovery.UniqueSet(vip)
}

// joined appends to a list, which an only one need not be copied for.
func joined(list, more []*discovery.Instance) []*discovery.Instance {
	if list == nil {
		return more
	}
	return append(slices.Clip(list), more...)
}

// full makes a snapshot of a whole registry, keeping the instances and sets of before where nothing changed. before may be nil.
func (t translation) full(all *Applications, before *snapshot, now time.Time) *snapshot {
	if before == nil {
		before = &snapshot{}
	}
	next := &snapshot{
		apps: newTable[application](len(all.Applications)), holders: make(map[string][]string, len(all.Applications)),
		sets: newTable[discovery.Set](len(all.Applications)), taken: now, onlyUp: t.onlyUp,
	}
	for n := range all.Applications {
		from := &all.Applications[n]
		name, many := upper(from.Name), len(from.Instances)
		was := before.apps.get(name)
		known := was.places()
		app := next.apps.get(name)
		if app == nil {
			app = &application{}
			app.set.All = make([]*discovery.Instance, 0, many)
			next.apps.put(name, app)
		}
		at := app.places()
		for _, i := range from.Instances {
			var old entry
			if place, listed := known[i.ID()]; listed {
				old = was.entry(place)
			}
			e := t.entry(i, old)
			if place, twice := at[e.instance.ID]; twice {
				app.put(place, e)
				continue
			}
			at[e.instance.ID] = len(app.set.All)
			app.add(e)
		}
	}
	for _, name := range next.apps.names() {
		app := next.apps.get(name)
		if was := before.apps.get(name); app.same(was) {
			app = was
			next.apps.put(name, was)
		}
		var of *names
		for at, i := range app.set.All {
			next.counts[min(i.Status, discovery.Unknown)]++
			if names := app.entry(at).names; names != of {
				of = names
				next.hold(name, names)
			}
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

// hold notes the services of an application. The snapshot must own its holders.
func (s *snapshot) hold(app string, names *names) {
	for _, service := range names.services {
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
	next := *before
	next.taken, next.apps = now, before.apps.copy()
	d := &draft{next: &next, before: before, touched: make(map[string]bool, len(changes.Applications))}
	for n := range changes.Applications {
		from := &changes.Applications[n]
		name := upper(from.Name)
		for _, i := range from.Instances {
			switch i.Action {
			case wire.None:
			case wire.Deleted:
				d.drop(name, i.ID())
			default:
				d.put(name, i, t)
			}
		}
	}
	d.settle(changes.Hash, now)
	if len(d.touched) > 0 {
		next.sets = before.sets.copy()
	}
	d.finish()
	return &next
}

// draft is a snapshot in the making, which shares with the one before what does not change.
type draft struct {
	next, before *snapshot
	app          opened          // the one that is worked at: changes of one application come together
	holes        map[string]bool // applications with instances that were dropped
	touched      map[string]bool // services whose sets are made anew
	held         bool            // holders are the draft's own
}

// opened is an application of a draft.
type opened struct {
	*application
	name  string
	was   *application   // in the snapshot before
	looks int            // without at
	at    map[string]int // places of the instances by id, once there were some looks
}

// fewLooks is how many instances are looked for in an application before an index is worth its while.
const fewLooks = 8

// look opens an application, and returns the place of an instance in it or -1.
func (d *draft) look(name, id string) int {
	app := &d.app
	if app.application == nil || app.name != name {
		*app = opened{application: d.next.apps.get(name), was: d.before.apps.get(name), name: name}
		if app.was == nil {
			app.was = &application{}
		}
		if app.application == nil {
			app.application = app.was
		}
	}
	if app.at == nil {
		if app.looks++; app.looks <= fewLooks {
			return app.find(id)
		}
		app.at = app.places()
	}
	if at, ok := app.at[id]; ok {
		return at
	}
	return -1
}

// change makes the opened application one that may be changed.
func (d *draft) change() *application {
	app := &d.app
	if app.application == app.was {
		app.application = &application{names: app.was.names, each: slices.Clone(app.was.each)}
		app.set.All = slices.Clone(app.was.set.All)
		d.next.apps.put(app.name, app.application)
	}
	return app.application
}

// put lists an instance, or replaces what is listed under its id.
func (d *draft) put(name string, i *wire.Instance, t translation) {
	at := d.look(name, i.ID())
	old := d.app.entry(at)
	e := t.entry(i, old)
	if e == old {
		return // callers see no change
	}
	app := d.change()
	if at >= 0 {
		app.put(at, e)
	} else {
		app.add(e)
		if d.app.at != nil {
			d.app.at[e.instance.ID] = len(app.set.All) - 1
		}
	}
	d.count(old.instance, e.instance)
	d.touch(e.names)
	if old.names != e.names {
		d.touch(old.names)
		if !d.held {
			d.held = true
			d.next.holders = maps.Clone(d.next.holders)
		}
		d.next.hold(name, e.names)
	}
}

// drop takes an instance off the list.
func (d *draft) drop(name, id string) {
	at := d.look(name, id)
	if at < 0 {
		return
	}
	app := d.change()
	old := app.entry(at)
	d.count(old.instance, nil)
	d.touch(old.names)
	app.set.All[at] = nil // until finish
	delete(d.app.at, id)
	if d.holes == nil {
		d.holes = map[string]bool{}
	}
	d.holes[name] = true
}

// count keeps the counts that the hash is made of; what is doubted is not listed by the server.
func (d *draft) count(old, now *discovery.Instance) {
	if old != nil && !old.Doubtful {
		d.next.counts[min(old.Status, discovery.Unknown)]--
	}
	if now != nil && !now.Doubtful {
		d.next.counts[min(now.Status, discovery.Unknown)]++
	}
}

func (d *draft) touch(names *names) {
	if names != nil {
		for _, service := range names.services {
			d.touched[service] = true
		}
	}
}

// finish closes the gaps, and makes the sets of what was touched. One whose instances are those of before stays the same set.
func (d *draft) finish() {
	s := d.next
	for name := range d.holes {
		app, holed := &application{}, s.apps.get(name)
		for at, i := range holed.set.All {
			if i != nil {
				app.add(holed.entry(at))
			}
		}
		if s.apps.put(name, app); len(app.set.All) == 0 {
			s.apps.drop(name)
		}
	}
	same := true
	for service := range d.touched {
		set, old := s.set(service), d.before.sets.get(service)
		switch {
		case set == nil:
			s.sets.drop(service)
		case old != nil && slices.Equal(old.All, set.All):
			s.sets.put(service, old)
		default:
			s.sets.put(service, set)
			same = same && old != nil
		}
	}
	if !same || s.sets.len() != d.before.sets.len() || s.services == nil {
		s.services = s.sets.names()
	}
}
