package eureka

import (
	"time"
)

// A registry that was restarted, or that lost its peers, answers with far less than there is. What it says is believed at once; that it
// says nothing of most instances of an application, or of all applications, only once it repeats it. Until then those
// instances are kept, behind the others.

// doubt is an instance that the last full answer did not hold.
type doubt struct {
	app, id string
	since   time.Time
	looks   int // since then, neither repeated nor refuted
}

// How long an instance is kept at the most that answers do not hold.
const (
	mostDoubtLooks = 3
	mostDoubt      = 90 * time.Second
)

// doubt keeps the instances whose absence is not believed yet. The draft holds a full answer.
func (d *draft) doubt(now time.Time) {
	doubted := map[[2]string]bool{}
	for _, one := range d.before.doubts {
		doubted[[2]string{one.app, one.id}] = true // its absence is repeated now
	}
	nothing := d.next.apps.len() == 0
	for name, before := range d.before.apps.all() {
		listed := d.next.apps.get(name).places()
		var lost []entry
		fresh := 0
		for at, i := range before.set.All {
			if doubted[[2]string{name, i.ID}] {
				continue
			}
			fresh++
			if _, ok := listed[i.ID]; !ok {
				lost = append(lost, before.entry(at))
			}
		}
		if !nothing && (fresh < 2 || 2*len(lost) <= fresh) {
			continue
		}
		for _, e := range lost {
			instance := *e.instance
			instance.Doubtful = true
			app := d.next.apps.get(name)
			if app == nil {
				app = &application{}
				d.next.apps.put(name, app)
			}
			app.add(entry{&instance, e.names})
			d.next.hold(name, e.names)
			d.next.doubts = append(d.next.doubts, doubt{app: name, id: instance.ID, since: now})
		}
	}
}

// settle ends doubts: when a delta whose hash fits repeats that the instances are gone, or when they have lasted too long.
func (d *draft) settle(hash string, now time.Time) {
	if len(d.before.doubts) == 0 {
		return
	}
	repeated := d.next.hash() == hash
	d.next.doubts = nil
	for _, one := range d.before.doubts {
		at := d.look(one.app, one.id)
		if at < 0 || !d.app.set.All[at].Doubtful {
			continue // it is back
		}
		if one.looks++; repeated || one.looks >= mostDoubtLooks || now.Sub(one.since) >= mostDoubt {
			d.drop(one.app, one.id)
			continue
		}
		d.next.doubts = append(d.next.doubts, one)
	}
}
