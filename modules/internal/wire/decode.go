package wire

// DecodeApplications reads a registry or a delta in this format: see [DecodeApplications].
func (f Format) DecodeApplications(data []byte) (*Applications, error) {
	if f.xml() {
		return DecodeApplicationsXML(data)
	}
	return DecodeApplications(data)
}

// DecodeApplication reads the instances of one application in this format: see [DecodeApplication].
func (f Format) DecodeApplication(data []byte) (*Application, error) {
	if f.xml() {
		return DecodeApplicationXML(data)
	}
	return DecodeApplication(data)
}

// DecodeInstance reads one instance in this format: see [DecodeInstance].
func (f Format) DecodeInstance(data []byte) (*Instance, error) {
	if f.xml() {
		return DecodeInstanceXML(data)
	}
	return DecodeInstance(data)
}
