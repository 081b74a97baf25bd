package wire

import (
	"math"
	"sync"

	"github.com/archimedes-go/archimedes/modules/discovery"
)

// DecodeApplications reads a registry or a delta, {"applications":{…}}. Of instances with one id all are kept, in their
// order. The error is a [*SyntaxError] or a [*ShapeError].
func DecodeApplications(data []byte) (*Applications, error) {
	d := newJSONDecoder(data)
	var registry *Applications
	err := d.root("applications", func(i int) int {
		registry = &Applications{}
		return d.applications(registry, i)
	})
	if err != nil {
		return nil, err
	}
	return registry, nil
}

// DecodeApplication reads the instances of one application, {"application":{…}}. The error is a [*SyntaxError] or a
// [*ShapeError].
func DecodeApplication(data []byte) (*Application, error) {
	d := newJSONDecoder(data)
	var app *Application
	err := d.root("application", func(i int) int {
		app = &Application{}
		return d.application(app, i)
	})
	if err != nil {
		return nil, err
	}
	return app, nil
}

// DecodeInstance reads one instance, {"instance":{…}}, with whatever it lacks: [Instance.ID] may be empty. It is compact: see
// [Instance.Compact]. The error is a [*SyntaxError], a [*ShapeError] or a [*ValueError].
func DecodeInstance(data []byte) (*Instance, error) {
	d := singles.Get().(*jsonDecoder)
	defer d.release()
	d.data = data
	var instance *Instance
	err := d.root("instance", func(i int) int {
		d.fault = nil
		instance = d.instance()
		return d.fields(instance, i)
	})
	if err == nil {
		err = d.fault
	}
	if err != nil {
		return nil, err
	}
	instance.own()
	return instance, nil
}

// jsonDecoder turns JSON into documents. Its methods follow the rules of [jsonScanner].
type jsonDecoder struct {
	jsonScanner
	*store
	list  []*Instance // of the application being read
	fault error       // a value of the last instance that an author of registrations should hear of

	center struct { // as it came last
		repeat
		value DataCenter
	}
	securePort struct {
		repeat
		value Port
	}
	// The members of each kind of object, as they came last.
	instanceOrder, portOrder, dataCenterOrder, leaseOrder, metadataOrder order
}

// singles read documents of one instance, which mostly look like the ones before.
var singles = sync.Pool{New: func() any { return &jsonDecoder{jsonScanner: jsonScanner{single: true}, store: newSharedStore()} }}

// release forgets the document.
func (d *jsonDecoder) release() {
	d.jsonScanner = jsonScanner{single: true, scratch: d.scratch[:0]}
	d.list, d.fault = nil, nil
	if cap(d.scratch)+cap(d.entries) <= chunkSize/16 { // what a hostile one needed is not worth keeping
		singles.Put(d)
	}
}

func newJSONDecoder(data []byte) *jsonDecoder {
	return &jsonDecoder{jsonScanner: jsonScanner{data: data}, store: newStore(len(data))}
}

// root reads the object around a document and gives the member called name to read.
func (d *jsonDecoder) root(name string, read func(i int) int) error {
	i := d.space(0)
	if d.peek(i) != '{' {
		return newShapeError(name, d.data)
	}
	i = d.enter(i)
	found := false
	for first := true; ; first = false {
		key, at, more := d.member(i, first)
		if !more {
			i = at
			break
		}
		if string(key) != name {
			i = d.skip(at)
			continue
		}
		if found = d.peek(at) == '{'; found {
			i = read(at)
		} else {
			i = d.skip(at)
		}
	}
	if i = d.space(i); i >= 0 && i < len(d.data) {
		d.fail(i, "more after the end")
	}
	if d.err != nil {
		return d.err
	}
	if !found {
		return newShapeError(name, d.data)
	}
	return nil
}

// applications reads the object at i.
func (d *jsonDecoder) applications(registry *Applications, i int) int {
	i = d.enter(i)
	for first := true; ; first = false {
		key, at, more := d.member(i, first)
		if !more {
			return at
		}
		switch string(key) {
		case "versions__delta":
			i = d.copied(&registry.Version, at)
		case "apps__hashcode":
			i = d.copied(&registry.Hash, at)
		case "application":
			registry.Applications, registry.Skipped = nil, 0
			i = d.each(at, &registry.Skipped, func(i int) int {
				registry.Applications = append(registry.Applications, Application{})
				app := &registry.Applications[len(registry.Applications)-1]
				i = d.application(app, i)
				registry.Skipped += app.Skipped
				return i
			})
		default:
			i = d.skip(at)
		}
	}
}

// each reads the object at i, or every object of the array there. Whatever else is in the array is counted as skipped.
func (d *jsonDecoder) each(i int, skipped *int, read func(i int) int) int {
	switch d.peek(i) {
	case '{':
		return read(i)
	case '[':
	default:
		return d.skip(i)
	}
	i = d.enter(i)
	for first := true; ; first = false {
		at, more := d.element(i, first)
		if !more {
			return at
		}
		if d.peek(at) == '{' {
			i = read(at)
		} else {
			*skipped++
			i = d.skip(at)
		}
	}
}

// application reads the object at i.
func (d *jsonDecoder) application(app *Application, i int) int {
	d.list = d.list[:0]
	i = d.enter(i)
	for first := true; ; first = false {
		key, at, more := d.member(i, first)
		if !more {
			i = at
			break
		}
		switch string(key) {
		case "name":
			i = d.upper(&app.Name, at, &repeat{})
		case "instance":
			d.list, app.Skipped = d.list[:0], 0
			i = d.each(at, &app.Skipped, func(i int) int {
				instance := d.instance()
				if i = d.fields(instance, i); instance.ID() == "" {
					app.Skipped++
				} else {
					d.list = append(d.list, instance)
				}
				return i
			})
		default:
			i = d.skip(at)
		}
	}
	complete(app, d.list)
	return i
}

// complete gives app its instances, and each the name where only the other has it.
func complete(app *Application, instances []*Instance) {
	app.Instances = append(make([]*Instance, 0, len(instances)), instances...)
	for _, instance := range app.Instances {
		switch {
		case instance.App == "":
			instance.App = app.Name
		case app.Name == "":
			app.Name = instance.App
		}
	}
}

// fields reads the object at i into instance.
func (d *jsonDecoder) fields(instance *Instance, i int) int {
	override := discovery.Unknown // by the other spelling
	i = d.enter(i)
	w := walk{order: &d.instanceOrder}
	for {
		key, at, more := d.next(i, &w)
		if !more {
			i = at
			break
		}
		switch string(key) {
		case "instanceId":
			i = d.copied(&instance.InstanceID, at)
		case "hostName":
			i = d.copied(&instance.HostName, at)
		case "app":
			i = d.upper(&instance.App, at, &d.remembered(&w).last)
		case "appGroupName":
			i = d.upper(&instance.AppGroupName, at, &d.remembered(&w).last)
		case "ipAddr":
			i = d.copied(&instance.IPAddr, at)
		case "sid":
			i = d.interned(&instance.SID, at, &d.remembered(&w).last)
		case "status":
			i = d.status(&instance.Status, discovery.Up, at)
		case "overriddenStatus":
			i = d.status(&instance.OverriddenStatus, discovery.Unknown, at)
		case "overriddenstatus":
			i = d.status(&override, discovery.Unknown, at)
		case "port":
			i = d.port(&instance.Port, unsaid.Port, "port", at)
		case "securePort":
			if i = d.again(at, &d.securePort.repeat); i > 0 {
				instance.SecurePort = d.securePort.value
				continue
			}
			i = d.port(&instance.SecurePort, unsaid.SecurePort, "securePort", at)
			if !d.single || d.fault == nil { // which would be heard of only once
				d.keep(&d.securePort.repeat, at, i, "")
				d.securePort.value = instance.SecurePort
			}
		case "countryId":
			i = d.small(&instance.CountryID, unsaid.CountryID, at)
		case "dataCenterInfo":
			if i = d.again(at, &d.center.repeat); i > 0 {
				instance.DataCenter = d.center.value
				continue
			}
			i = d.dataCenter(&instance.DataCenter, at)
			if !d.single || instance.DataCenter.Metadata == nil { // who is compact has entries of its own
				d.keep(&d.center.repeat, at, i, "")
				d.center.value = instance.DataCenter
			}
		case "leaseInfo":
			i = d.lease(&instance.Lease, at)
		case "metadata":
			i = d.pairsOf(&instance.Metadata, at)
		case "homePageUrl":
			i = d.link(&instance.HomePageURL, at)
		case "statusPageUrl":
			i = d.link(&instance.StatusPageURL, at)
		case "healthCheckUrl":
			i = d.link(&instance.HealthCheckURL, at)
		case "secureHealthCheckUrl":
			i = d.link(&instance.SecureHealthCheckURL, at)
		case "vipAddress":
			i = d.interned(&instance.VIPAddress, at, &d.remembered(&w).last)
		case "secureVipAddress":
			i = d.interned(&instance.SecureVIPAddress, at, &d.remembered(&w).last)
		case "isCoordinatingDiscoveryServer":
			i = d.flag(&instance.Coordinating, false, at)
		case "lastUpdatedTimestamp":
			i = d.time(&instance.LastUpdated, at)
		case "lastDirtyTimestamp":
			i = d.time(&instance.LastDirty, at)
		case "actionType":
			var text []byte
			text, i = d.wordAt(at)
			instance.Action = action(text)
		case "asgName":
			i = d.interned(&instance.ASGName, at, &d.remembered(&w).last)
		default:
			if d.single && instance.App == "" && d.peek(at) == '{' {
				// Netflix's server takes the end of an object that it does not know for that of the instance.
				d.fault = &ValueError{Field: beginning(key), Value: beginning(d.data[at:]), Problem: "is not known and stands before app: a Eureka server would read no further"}
			}
			i = d.skip(at)
		}
	}
	if instance.OverriddenStatus == discovery.Unknown {
		instance.OverriddenStatus = override
	}
	return i
}

// port reads a port in whatever shape: an object, a number, a text.
func (d *jsonDecoder) port(p *Port, otherwise Port, field string, i int) int {
	*p = otherwise
	var fault error
	if d.peek(i) != '{' {
		text, next := d.wordAt(i)
		if fault = p.set(field, text); fault != nil {
			d.fault = fault
		}
		p.settle()
		return next
	}
	i = d.enter(i)
	w := walk{order: &d.portOrder}
	for {
		key, at, more := d.next(i, &w)
		if !more {
			i = at
			break
		}
		switch string(key) {
		case "$":
			if n, next := d.whole(at); next > 0 && n <= math.MaxUint16 {
				p.Number, i, fault = int(n), next, nil
				continue
			}
			var text []byte
			text, i = d.wordAt(at)
			fault = p.set(field, text)
		case "@enabled":
			i = d.flag(&p.Enabled, otherwise.Enabled, at)
		default:
			i = d.skip(at)
		}
	}
	if fault != nil {
		p.Enabled = false // the switch may have come later
		d.fault = fault
	}
	p.settle()
	return i
}

func (d *jsonDecoder) dataCenter(c *DataCenter, i int) int {
	*c = DataCenter{}
	if d.peek(i) != '{' {
		return d.skip(i)
	}
	c.Nameless = true
	i = d.enter(i)
	w := walk{order: &d.dataCenterOrder}
	for {
		key, at, more := d.next(i, &w)
		if !more {
			return at
		}
		switch string(key) {
		case "name":
			var text []byte
			text, i = d.wordAt(at)
			c.Name = dataCenterName(text)
			c.Nameless = c.Name == ""
		case "metadata":
			i = d.pairsOf(&c.Metadata, at)
		default:
			i = d.skip(at)
		}
	}
}

func (d *jsonDecoder) lease(l *Lease, i int) int {
	*l = Lease{}
	if d.peek(i) != '{' {
		return d.skip(i)
	}
	var alias int64
	i = d.enter(i)
	w := walk{order: &d.leaseOrder}
	for {
		key, at, more := d.next(i, &w)
		if !more {
			i = at
			break
		}
		switch string(key) {
		case "renewalIntervalInSecs":
			i = d.small(&l.RenewalInterval, 0, at)
		case "durationInSecs":
			i = d.small(&l.Duration, 0, at)
		case "registrationTimestamp":
			i = d.time(&l.Registration, at)
		case "lastRenewalTimestamp":
			i = d.time(&l.LastRenewal, at)
		case "renewalTimestamp":
			i = d.time(&alias, at)
		case "evictionTimestamp":
			i = d.time(&l.Eviction, at)
		case "serviceUpTimestamp":
			i = d.time(&l.ServiceUp, at)
		default:
			i = d.skip(at)
		}
	}
	if l.LastRenewal == 0 {
		l.LastRenewal = alias
	}
	return i
}

// pairsOf reads metadata. A null in it is the text "null", which is what Netflix's server stores; nested values are left
// out.
func (d *jsonDecoder) pairsOf(to *discovery.Metadata, i int) int {
	*to = nil
	if d.peek(i) != '{' {
		return d.skip(i)
	}
	i = d.enter(i)
	d.begin()
	w := walk{order: &d.metadataOrder}
	for {
		key, at, more := d.next(i, &w)
		if !more {
			i = at
			break
		}
		m := d.remembered(&w)
		if m.key == "" && len(key) > 0 {
			m.key = d.intern(key)
		}
		name := m.key
		if next := d.again(at, &m.last); next > 0 {
			d.add(name, m.last.text)
			i = next
			continue
		}
		value, kind, next := d.scalar(at)
		i = next
		switch {
		case kind == nested || marker(name, value):
		case kind == absent:
			d.add(name, "null")
		default:
			text := d.perhaps(value, &m.alone)
			d.add(name, text)
			d.keep(&m.last, at, next, text)
		}
	}
	*to = d.metadata()
	return i
}

// wordAt reads a scalar as text; null and nested values are none.
func (d *jsonDecoder) wordAt(i int) ([]byte, int) {
	text, _, i := d.scalar(i)
	return text, i
}

func (d *jsonDecoder) copied(to *string, i int) int {
	text, _, i := d.scalar(i)
	*to = d.texts.text(text)
	return i
}

// interned reads text that is mostly the same as in the object before.
func (d *jsonDecoder) interned(to *string, i int, last *repeat) int {
	if next := d.again(i, last); next > 0 {
		*to = last.text
		return next
	}
	text, _, next := d.scalar(i)
	*to = d.intern(text)
	d.keep(last, i, next, *to)
	return next
}

// upper is interned for names, which are in upper case.
func (d *jsonDecoder) upper(to *string, i int, last *repeat) int {
	if next := d.again(i, last); next > 0 {
		*to = last.text
		return next
	}
	text, _, next := d.scalar(i)
	*to = d.intern(upper(text))
	d.keep(last, i, next, *to)
	return next
}

func (d *jsonDecoder) link(to *string, i int) int {
	text, _, i := d.scalar(i)
	*to = d.links.text(text)
	return i
}

func (d *jsonDecoder) status(to *discovery.Status, otherwise discovery.Status, i int) int {
	text, kind, i := d.scalar(i)
	if *to = otherwise; kind == textual || kind == literal {
		*to = status(text)
	}
	return i
}

// flag reads true, false, either as text, or a number, of which 0 is false.
func (d *jsonDecoder) flag(to *bool, otherwise bool, i int) int {
	text, kind, i := d.scalar(i)
	value, ok := flag(text)
	if !ok && kind == literal {
		var n int64
		n, ok = number(text)
		value = n != 0
	}
	if *to = otherwise; ok {
		*to = value
	}
	return i
}

func (d *jsonDecoder) small(to *int, otherwise int, i int) int {
	if n, next := d.whole(i); next > 0 && n <= math.MaxInt32 {
		*to = int(n)
		return next
	}
	text, _, i := d.scalar(i)
	n, ok := smallNumber(text)
	if *to = otherwise; ok {
		*to = n
	}
	return i
}

func (d *jsonDecoder) time(to *int64, i int) int {
	if n, next := d.whole(i); next > 0 {
		*to = n
		return next
	}
	text, _, i := d.scalar(i)
	n, ok := number(text)
	if *to = 0; ok {
		*to = n
	}
	return i
}
