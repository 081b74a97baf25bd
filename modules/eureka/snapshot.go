package eureka

import (
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/internal/wire"
)

// snapshot is the registry at one moment. It is immutable; the next one shares what did not change.
type snapshot struct {
	apps     map[string]*application   // upper-case name
	sets     map[string]*discovery.Set // lower-case VIP, then lower-case application name where no VIP has it
	services []string                  // the keys of VIPs, sorted
	counts   wire.StatusCounts
	taken    time.Time
}

// application is the entries of one name, in the order of the registry.
type application struct {
	entries []*entry
}

// entry is one instance with the names it is found by.
type entry struct {
	instance *discovery.Instance
	vips     string // vipAddress and secureVipAddress, comma-separated
	dirty    int64  // lastDirtyTimestamp
}

// entry returns the entry of an instance, or nil.
func (s *snapshot) entry(app, id string) *entry {
	if a := s.apps[app]; a != nil {
		return a.find(id)
	}
	return nil
}

// after returns e for a snapshot that follows one with old. Where nothing changed that callers see they share the instance, so
// that sets stay the same.
func (e *entry) after(old *entry) *entry {
	switch {
	case old == nil || !old.same(e):
		return e
	case old.dirty == e.dirty:
		return old
	}
	e.instance = old.instance
	return e
}

// translation says how a wire instance becomes one that is called.
type translation struct{ preferIP bool }

func (t translation) entry(i *wire.Instance) *entry {
	host := i.HostName
	if t.preferIP && i.IPAddr != "" || host == "" {
		host = i.IPAddr
	}
	to := &discovery.Instance{
		Service: strings.ToLower(i.App), ID: i.ID(), IP: i.IPAddr, Status: i.Status, Metadata: i.Metadata,
		Zone: firstOf(zoneOf(i), i.Metadata.Get("zone")),
	}
	if i.Port.Enabled && i.Port.Number > 0 {
		to.Address = net.JoinHostPort(host, strconv.Itoa(i.Port.Number))
	}
	if i.SecurePort.Enabled && i.SecurePort.Number > 0 {
		to.SecureAddress = net.JoinHostPort(host, strconv.Itoa(i.SecurePort.Number))
	}
	vips := i.VIPAddress
	if i.SecureVIPAddress != "" && i.SecureVIPAddress != vips {
		vips += "," + i.SecureVIPAddress
	}
	return &entry{instance: to, vips: vips, dirty: i.LastDirty}
}

// zoneOf is the zone that Amazon's data centre tells.
func zoneOf(i *wire.Instance) string {
	if i.DataCenter.Name == wire.Amazon {
		return i.DataCenter.Metadata.Get("availability-zone")
	}
	return ""
}

func (e *entry) same(o *entry) bool {
	a, b := e.instance, o.instance
	return e.vips == o.vips && a.Service == b.Service && a.ID == b.ID && a.Address == b.Address && a.SecureAddress == b.SecureAddress &&
		a.IP == b.IP && a.Zone == b.Zone && a.Status == b.Status && slices.Equal(a.Metadata, b.Metadata)
}

// full makes a snapshot of a whole registry, keeping the entries and sets of before where nothing changed.
func (t translation) full(all *Applications, before *snapshot) *snapshot {
	next := &snapshot{apps: make(map[string]*application, len(all.Applications)), taken: time.Now()}
	for n := range all.Applications {
		from := &all.Applications[n]
		name := strings.ToUpper(from.Name)
		var known map[string]*entry
		if before != nil && before.apps[name] != nil {
			known = before.apps[name].byID()
		}
		app := next.apps[name]
		if app == nil {
			app = &application{entries: make([]*entry, 0, len(from.Instances))}
			next.apps[name] = app
		}
		for _, i := range from.Instances {
			e := t.entry(i)
			app.put(e.after(known[e.instance.ID]))
		}
	}
	next.index(before, nil)
	return next
}

// delta applies changes to a copy. Every entry stands for the latest state of its instance, so applying one twice does no
// harm.
func (t translation) delta(changes *Applications, before *snapshot) *snapshot {
	next := &snapshot{apps: maps.Clone(before.apps), taken: time.Now()}
	copied := make(map[string]bool)
	touched := make(map[string]bool)
	for n := range changes.Applications {
		from := &changes.Applications[n]
		name := strings.ToUpper(from.Name)
		for _, i := range from.Instances {
			if i.Action == wire.None {
				continue
			}
			app := next.apps[name]
			e := t.entry(i)
			var old *entry
			if app != nil {
				old = app.find(e.instance.ID)
			}
			if e = e.after(old); i.Action == wire.Deleted && old == nil || i.Action != wire.Deleted && e == old {
				continue
			}
			if !copied[name] {
				copied[name] = true
				if app == nil {
					app = &application{}
				} else {
					app = &application{entries: slices.Clone(app.entries)}
				}
				next.apps[name] = app
			}
			if i.Action == wire.Deleted {
				app.drop(e.instance.ID)
			} else {
				app.put(e)
			}
			if i.Action != wire.Deleted && old != nil && old.instance == e.instance {
				continue // callers see no change
			}
			for _, one := range []*entry{old, e} {
				if one != nil {
					for _, service := range one.services() {
						touched[service] = true
					}
				}
			}
		}
		if app := next.apps[name]; app != nil && len(app.entries) == 0 {
			delete(next.apps, name)
		}
	}
	if len(touched) == 0 {
		next.sets, next.services, next.counts = before.sets, before.services, before.counts
		return next
	}
	next.index(before, touched)
	return next
}

func (a *application) byID() map[string]*entry {
	m := make(map[string]*entry, len(a.entries))
	for _, e := range a.entries {
		m[e.instance.ID] = e
	}
	return m
}

func (a *application) find(id string) *entry {
	for _, e := range a.entries {
		if e.instance.ID == id {
			return e
		}
	}
	return nil
}

func (a *application) put(e *entry) {
	for n, known := range a.entries {
		if known.instance.ID == e.instance.ID {
			a.entries[n] = e
			return
		}
	}
	a.entries = append(a.entries, e)
}

func (a *application) drop(id string) {
	a.entries = slices.DeleteFunc(a.entries, func(e *entry) bool { return e.instance.ID == id })
}

// services returns the lower-case names that an entry is found by.
func (e *entry) services() []string {
	names := []string{e.instance.Service}
	for _, vip := range strings.Split(e.vips, ",") {
		if vip = strings.ToLower(strings.TrimSpace(vip)); vip != "" && !slices.Contains(names, vip) {
			names = append(names, vip)
		}
	}
	return names
}

// index builds the sets of services; those of untouched ones are taken over. A name that is a VIP means that VIP; one that is
// an application only means the application.
func (s *snapshot) index(before *snapshot, touched map[string]bool) {
	vips := make(map[string][]*discovery.Instance)
	apps := make(map[string][]*discovery.Instance)
	for _, name := range slices.Sorted(maps.Keys(s.apps)) {
		for _, e := range s.apps[name].entries {
			s.counts[min(e.instance.Status, discovery.Unknown)]++
			for n, service := range e.services() {
				if touched != nil && !touched[service] {
					continue
				}
				isVIP := n > 0 || containsVIP(e.vips, service)
				if isVIP {
					vips[service] = append(vips[service], e.instance)
				} else {
					apps[service] = append(apps[service], e.instance)
				}
			}
		}
	}
	s.sets = make(map[string]*discovery.Set)
	if touched != nil {
		for service, set := range before.sets {
			if !touched[service] {
				s.sets[service] = set
			}
		}
	}
	for _, found := range []map[string][]*discovery.Instance{vips, apps} {
		for service, instances := range found {
			if s.sets[service] != nil {
				continue
			}
			if before != nil && before.sets[service] != nil && slices.Equal(before.sets[service].All, instances) {
				s.sets[service] = before.sets[service]
				continue
			}
			s.sets[service] = discovery.SetOf(instances)
		}
	}
	s.services = slices.Sorted(maps.Keys(s.sets))
}

func containsVIP(vips, service string) bool {
	for _, vip := range strings.Split(vips, ",") {
		if strings.EqualFold(strings.TrimSpace(vip), service) {
			return true
		}
	}
	return false
}
