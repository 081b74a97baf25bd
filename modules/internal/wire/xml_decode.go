package wire

import (
	"bytes"

	"github.com/archimedes-go/archimedes/modules/discovery"
)

// DecodeApplicationsXML is [DecodeApplications] for <applications>.
func DecodeApplicationsXML(data []byte) (*Applications, error) {
	registry := &Applications{}
	d := newXMLDecoder(data)
	if err := d.root("applications", func() { d.applications(registry) }); err != nil {
		return nil, err
	}
	return registry, nil
}

// DecodeApplicationXML is [DecodeApplication] for <application>.
func DecodeApplicationXML(data []byte) (*Application, error) {
	app := &Application{}
	d := newXMLDecoder(data)
	if err := d.root("application", func() { d.application(app) }); err != nil {
		return nil, err
	}
	return app, nil
}

// DecodeInstanceXML is [DecodeInstance] for <instance>.
func DecodeInstanceXML(data []byte) (*Instance, error) {
	d := newXMLDecoder(data)
	d.perSlab = 1 // who keeps it keeps no room for others
	instance := d.instance()
	err := d.root("instance", func() { d.fields(instance) })
	if err == nil {
		err = d.fault
	}
	if err != nil {
		return nil, err
	}
	instance.Compact()
	return instance, nil
}

// xmlDecoder turns XML into documents. Its methods read the element that was just stepped into, to its end.
type xmlDecoder struct {
	xmlScanner
	*store
	list  []*Instance // of the application being read
	fault error       // a value that an author of registrations should hear of
}

func newXMLDecoder(data []byte) *xmlDecoder {
	return &xmlDecoder{xmlScanner: xmlScanner{data: data}, store: newStore(len(data))}
}

// root reads a document whose root is called name.
func (d *xmlDecoder) root(name string, read func()) error {
	data := bytes.TrimSpace(d.data)
	if len(data) == 0 || data[0] != '<' || bytes.HasPrefix(data, []byte("<!D")) || bytes.HasPrefix(data, []byte("<!d")) {
		return newShapeError(name, data)
	}
	found, ok := d.xmlScanner.root()
	if d.err != nil {
		return d.err
	}
	if !ok || string(found) != name {
		return newShapeError(name, data)
	}
	read()
	return d.end()
}

func (d *xmlDecoder) applications(registry *Applications) {
	for {
		tag, ok := d.child()
		if !ok {
			return
		}
		switch string(tag) {
		case "versions__delta":
			registry.Version = string(d.text())
		case "apps__hashcode":
			registry.Hash = string(d.text())
		case "application":
			registry.Applications = append(registry.Applications, Application{})
			app := &registry.Applications[len(registry.Applications)-1]
			d.application(app)
			registry.Skipped += app.Skipped
		default:
			d.skip()
		}
	}
}

func (d *xmlDecoder) application(app *Application) {
	d.list = d.list[:0]
	for {
		tag, ok := d.child()
		if !ok {
			break
		}
		switch string(tag) {
		case "name":
			app.Name = d.intern(upper(d.text()))
		case "instance":
			instance := d.instance()
			if d.fields(instance); instance.ID() == "" {
				app.Skipped++
			} else {
				d.list = append(d.list, instance)
			}
		default:
			d.skip()
		}
	}
	complete(app, d.list)
}

func (d *xmlDecoder) fields(instance *Instance) {
	override := discovery.Unknown // by the other spelling
	for {
		tag, ok := d.child()
		if !ok {
			break
		}
		switch string(tag) {
		case "instanceId":
			instance.InstanceID = d.texts.text(d.text())
		case "hostName":
			instance.HostName = d.texts.text(d.text())
		case "app":
			instance.App = d.intern(upper(d.text()))
		case "appGroupName":
			instance.AppGroupName = d.intern(upper(d.text()))
		case "ipAddr":
			instance.IPAddr = d.texts.text(d.text())
		case "sid":
			instance.SID = d.intern(d.text())
		case "status":
			instance.Status = status(upper(d.text()))
		case "overriddenstatus":
			instance.OverriddenStatus = status(upper(d.text()))
		case "overriddenStatus":
			override = status(upper(d.text()))
		case "port":
			d.port(&instance.Port, unsaid.Port, "port")
		case "securePort":
			d.port(&instance.SecurePort, unsaid.SecurePort, "securePort")
		case "countryId":
			d.small(&instance.CountryID, unsaid.CountryID)
		case "dataCenterInfo":
			d.dataCenter(&instance.DataCenter)
		case "leaseInfo":
			d.lease(&instance.Lease)
		case "metadata":
			instance.Metadata = d.pairsOf()
		case "homePageUrl":
			instance.HomePageURL = d.links.text(d.text())
		case "statusPageUrl":
			instance.StatusPageURL = d.links.text(d.text())
		case "healthCheckUrl":
			instance.HealthCheckURL = d.links.text(d.text())
		case "secureHealthCheckUrl":
			instance.SecureHealthCheckURL = d.links.text(d.text())
		case "vipAddress":
			instance.VIPAddress = d.intern(d.text())
		case "secureVipAddress":
			instance.SecureVIPAddress = d.intern(d.text())
		case "isCoordinatingDiscoveryServer":
			instance.Coordinating, _ = flag(d.text())
		case "lastUpdatedTimestamp":
			instance.LastUpdated, _ = number(d.text())
		case "lastDirtyTimestamp":
			instance.LastDirty, _ = number(d.text())
		case "actionType":
			instance.Action = action(d.text())
		case "asgName":
			instance.ASGName = d.intern(d.text())
		default:
			d.skip()
		}
	}
	if instance.OverriddenStatus == discovery.Unknown {
		instance.OverriddenStatus = override
	}
}

func (d *xmlDecoder) port(p *Port, otherwise Port, field string) {
	*p = otherwise
	if on, ok := flag(d.enabled); ok {
		p.Enabled = on
	}
	if err := p.set(field, d.text()); err != nil {
		d.fault = err
	}
	p.settle()
}

func (d *xmlDecoder) dataCenter(c *DataCenter) {
	*c = DataCenter{Nameless: true}
	for {
		tag, ok := d.child()
		if !ok {
			return
		}
		switch string(tag) {
		case "name":
			c.Name = dataCenterName(d.text())
			c.Nameless = c.Name == ""
		case "metadata":
			c.Metadata = d.pairsOf()
		default:
			d.skip()
		}
	}
}

func (d *xmlDecoder) lease(l *Lease) {
	*l = Lease{}
	var alias int64
	for {
		tag, ok := d.child()
		if !ok {
			break
		}
		switch string(tag) {
		case "renewalIntervalInSecs":
			d.small(&l.RenewalInterval, 0)
		case "durationInSecs":
			d.small(&l.Duration, 0)
		case "registrationTimestamp":
			l.Registration, _ = number(d.text())
		case "lastRenewalTimestamp":
			l.LastRenewal, _ = number(d.text())
		case "renewalTimestamp":
			alias, _ = number(d.text())
		case "evictionTimestamp":
			l.Eviction, _ = number(d.text())
		case "serviceUpTimestamp":
			l.ServiceUp, _ = number(d.text())
		default:
			d.skip()
		}
	}
	if l.LastRenewal == 0 {
		l.LastRenewal = alias
	}
}

// pairsOf reads metadata: every element is an entry.
func (d *xmlDecoder) pairsOf() discovery.Metadata {
	d.begin()
	for {
		tag, ok := d.child()
		if !ok {
			return d.metadata()
		}
		key := d.intern(d.metadataKey(tag))
		if value := d.text(); !marker(key, value) {
			d.add(key, d.intern(value))
		}
	}
}

func (d *xmlDecoder) small(to *int, otherwise int) {
	n, ok := smallNumber(d.text())
	if *to = otherwise; ok {
		*to = n
	}
}
