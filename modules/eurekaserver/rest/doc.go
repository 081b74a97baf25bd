// Package rest is the HTTP face of a registry: the protocol that Eureka clients of every language speak, in JSON and XML.
//
//	handler := rest.New(registry.New(registry.DefaultConfig()))
//	http.Handle("/eureka/", handler)
//
// It takes its paths with /eureka, /eureka/v2 or without either. The answer to a heartbeat never has a body, since Java clients would
// read one as an instance.
package rest
