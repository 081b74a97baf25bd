package wire

// Document writes a list piece by piece, so that a server that keeps every instance encoded only joins what it has:
//
//	d := wire.JSON.Applications(nil, "7", hash)
//	d.Application("ORDERS")
//	d.Fragment(encoded) // by Format.AppendFragment of the same format
//	body := d.End()
type Document struct {
	dst       []byte
	format    Format
	single    bool // one application is the document
	open      bool // inside an application
	apps      int
	instances int // in the open application
}

// Applications begins a registry or a delta, appended to dst.
func (f Format) Applications(dst []byte, version, hash string) *Document {
	if f.xml() {
		dst = append(dst, "<applications><versions__delta>"...)
		dst = appendEscaped(dst, version)
		dst = append(dst, "</versions__delta><apps__hashcode>"...)
		dst = appendEscaped(dst, hash)
		dst = append(dst, "</apps__hashcode>"...)
	} else {
		dst = appendString(append(dst, `{"applications":{"versions__delta":`...), version)
		dst = appendString(append(dst, `,"apps__hashcode":`...), hash)
		dst = append(dst, `,"application":[`...)
	}
	return &Document{dst: dst, format: f}
}

// Split returns what stands before the applications of a registry that has none yet, and what stands behind them, so that a
// server that keeps applications encoded ([Format.AppendListed]) and packed only joins what it has.
func (d *Document) Split() (opening, closing []byte) {
	n := len(d.dst)
	whole := d.End()
	return whole[:n:n], whole[n:]
}

// Separator stands between the applications of a registry.
func (f Format) Separator() []byte {
	if f.xml() {
		return nil
	}
	return comma
}

var comma = []byte{','}

// AppendListed appends an application as it stands in a registry.
func (f Format) AppendListed(dst []byte, a *Application) []byte {
	d := &Document{dst: dst, format: f}
	d.begin(a.Name)
	for _, instance := range a.Instances {
		d.Instance(instance)
	}
	d.end()
	return d.dst
}

// Application begins a document that is one application, appended to dst.
func (f Format) Application(dst []byte, name string) *Document {
	d := &Document{dst: dst, format: f, single: true}
	if !f.xml() {
		d.dst = append(d.dst, `{"application":`...)
	}
	d.begin(name)
	return d
}

// Application begins the next application of a registry. What follows are its instances.
func (d *Document) Application(name string) {
	d.end()
	if !d.format.xml() && d.apps > 0 {
		d.dst = append(d.dst, ',')
	}
	d.begin(name)
}

// Instance adds an instance to the application begun last.
func (d *Document) Instance(i *Instance) {
	d.comma()
	d.dst = d.format.AppendFragment(d.dst, i)
}

// Fragment adds an instance that [Format.AppendFragment] encoded in the format of the document.
func (d *Document) Fragment(encoded []byte) {
	d.comma()
	d.dst = append(d.dst, encoded...)
}

// End closes what is open and returns the document.
func (d *Document) End() []byte {
	d.end()
	switch {
	case d.format.xml() && !d.single:
		d.dst = append(d.dst, "</applications>"...)
	case d.format.xml():
	case d.single:
		d.dst = append(d.dst, '}')
	default:
		d.dst = append(d.dst, "]}}"...)
	}
	return d.dst
}

func (d *Document) begin(name string) {
	d.open, d.instances = true, 0
	d.apps++
	if d.format.xml() {
		d.dst = appendElement(append(d.dst, "<application>"...), "name", name)
		return
	}
	d.dst = appendString(append(d.dst, `{"name":`...), name)
	d.dst = append(d.dst, `,"instance":[`...)
}

func (d *Document) end() {
	if !d.open {
		return
	}
	d.open = false
	if d.format.xml() {
		d.dst = append(d.dst, "</application>"...)
	} else {
		d.dst = append(d.dst, "]}"...)
	}
}

func (d *Document) comma() {
	if !d.format.xml() && d.instances > 0 {
		d.dst = append(d.dst, ',')
	}
	d.instances++
}
