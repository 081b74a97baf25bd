package wire

// Format is how a document is written: JSON or XML, full or compact (Netflix: X-Eureka-Accept). The compact form lacks
// metadata, lease, URLs and override, and exists for reading lists only: single instances are always full.
type Format uint8

// The formats.
const (
	JSON Format = iota
	XML
	CompactJSON
	CompactXML
)

// ContentType is the media type of documents in this format.
func (f Format) ContentType() string {
	if f.xml() {
		return "application/xml"
	}
	return "application/json"
}

func (f Format) xml() bool     { return f&1 != 0 }
func (f Format) compact() bool { return f >= CompactJSON }

// AppendApplications appends a registry or a delta.
func (f Format) AppendApplications(dst []byte, a *Applications) []byte {
	d := f.Applications(dst, a.Version, a.Hash)
	for i := range a.Applications {
		d.Application(a.Applications[i].Name)
		for _, instance := range a.Applications[i].Instances {
			d.Instance(instance)
		}
	}
	return d.End()
}

// AppendApplication appends the instances of one application.
func (f Format) AppendApplication(dst []byte, a *Application) []byte {
	d := f.Application(dst, a.Name)
	for _, instance := range a.Instances {
		d.Instance(instance)
	}
	return d.End()
}

// AppendInstance appends one instance as a document.
func (f Format) AppendInstance(dst []byte, i *Instance) []byte {
	if f.xml() {
		return appendXML(dst, i, f.compact())
	}
	dst = append(dst, `{"instance":`...)
	dst = appendJSON(dst, i, f.compact())
	return append(dst, '}')
}

// AppendFragment appends one instance as it stands inside a list, for [Document.Fragment].
func (f Format) AppendFragment(dst []byte, i *Instance) []byte {
	if f.xml() {
		return appendXML(dst, i, f.compact())
	}
	return appendJSON(dst, i, f.compact())
}

// AppendApplications appends a registry or a delta as [JSON].
func AppendApplications(dst []byte, a *Applications) []byte { return JSON.AppendApplications(dst, a) }

// AppendApplication appends the instances of one application as [JSON].
func AppendApplication(dst []byte, a *Application) []byte { return JSON.AppendApplication(dst, a) }

// AppendInstance appends one instance as a [JSON] document, as a client registers it.
func AppendInstance(dst []byte, i *Instance) []byte { return JSON.AppendInstance(dst, i) }

// AppendInstanceFragment appends one instance as it stands inside a [JSON] list.
func AppendInstanceFragment(dst []byte, i *Instance) []byte { return JSON.AppendFragment(dst, i) }

// AppendApplicationsXML appends a registry or a delta as [XML].
func AppendApplicationsXML(dst []byte, a *Applications) []byte { return XML.AppendApplications(dst, a) }

// AppendApplicationXML appends the instances of one application as [XML].
func AppendApplicationXML(dst []byte, a *Application) []byte { return XML.AppendApplication(dst, a) }

// AppendInstanceXML appends one instance as an [XML] document.
func AppendInstanceXML(dst []byte, i *Instance) []byte { return XML.AppendInstance(dst, i) }
