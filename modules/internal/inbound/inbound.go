// Package inbound tells what is known of the request being served: to proxies of ours that stand in between, and to the calls that are
// made for it. web puts it in; others, which do not know web, take it out.
package inbound

import (
	"context"
	"net/http"
)

// Hop is what stood between the caller and the handler: a proxy, where RemoteAddr says what that told of its caller, and a path under
// which the handler is.
type Hop struct {
	Peer   string // RemoteAddr of the proxy; "" without one
	Scheme string // by which the caller reached the proxy; "" when it did not say
	Root   string // what the caller's path began with and URL.Path lacks, such as a context path; ""
}

type hopKey struct{}

// With returns the request as it came through a hop.
func With(r *http.Request, h Hop) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), hopKey{}, h))
}

// Of returns the hop of a request.
func Of(r *http.Request) Hop {
	h, _ := r.Context().Value(hopKey{}).(Hop)
	return h
}

// Scheme returns http or https: what the caller used.
func Scheme(r *http.Request) string {
	if h := Of(r); h.Scheme != "" {
		return h.Scheme
	}
	if r.TLS != nil {
		return "https"
	}
	return "http"
}

// Peer returns the address of the other end of the connection.
func Peer(r *http.Request) string {
	if h := Of(r); h.Peer != "" {
		return h.Peer
	}
	return r.RemoteAddr
}

// Path returns the path that the caller asked for, with what stands before URL.Path.
func Path(r *http.Request) string { return Of(r).Root + r.URL.Path }
