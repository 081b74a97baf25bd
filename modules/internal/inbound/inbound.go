// Package inbound tells what is known of the request being served: to proxies of ours that stand in between, and to the calls that are
// made for it. web puts it in; others, which do not know web, take it out.
package inbound

import (
	"context"
	"net/http"
)

// Hop is the connection that a proxy made, where RemoteAddr says what that proxy told of its caller.
type Hop struct {
	Peer   string // RemoteAddr of the proxy
	Scheme string // by which the caller reached the proxy; "" when it did not say
}

type hopKey struct{}

// With returns the request as it came through a hop.
func With(r *http.Request, h Hop) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), hopKey{}, h))
}

// Scheme returns http or https: what the caller used.
func Scheme(r *http.Request) string {
	if h, ok := r.Context().Value(hopKey{}).(Hop); ok && h.Scheme != "" {
		return h.Scheme
	}
	if r.TLS != nil {
		return "https"
	}
	return "http"
}

// Peer returns the address of the other end of the connection.
func Peer(r *http.Request) string {
	if h, ok := r.Context().Value(hopKey{}).(Hop); ok {
		return h.Peer
	}
	return r.RemoteAddr
}
