// Package rest is the HTTP face of a registry: the protocol that Eureka clients of every language speak, in JSON and XML.
//
//	handler := rest.New(registry.New(registry.DefaultConfig()))
//	http.Handle("/eureka/", handler)
//	go handler.Run(ctx) // frees documents that nobody asks for any more
//
// It takes its paths with /eureka, /eureka/v2 or without either. The answer to a heartbeat never has a body, since Java clients would
// read one as an instance.
//
// There are no remote regions: a fetch that names some gets what is registered here, as from a Netflix server that does not know
// them. Anything else would cost its client the registry. The log says so once.
//
// Where it differs from Netflix's: 400 where that says 500; a port that is a plain number, a data centre without @class and unknown
// fields are taken (an object that stands before app is a 400 there and here); a single instance in XML shows its true status; JSON
// is labelled as JSON whatever else was accepted.
package rest
