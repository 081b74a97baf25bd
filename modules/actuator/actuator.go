package actuator

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"github.com/archimedes-go/archimedes/modules/actuator/endpoint"
	"github.com/archimedes-go/archimedes/modules/internal/inbound"
)

// Handler serves endpoints below a base path. It is safe for concurrent use.
type Handler struct {
	base      string
	endpoints map[string]endpoint.Endpoint // canonical id → endpoint
	order     []endpoint.Endpoint
}

// New returns a handler of the endpoints that cfg exposes, below prefix and the base path of cfg.
func New(cfg Config, prefix string, endpoints ...endpoint.Endpoint) *Handler {
	h := &Handler{base: strings.TrimSuffix(strings.TrimSuffix(prefix, "/")+cfg.BasePath, "/"), endpoints: map[string]endpoint.Endpoint{}}
	for _, e := range endpoints {
		if cfg.Exposure.exposes(e.ID) {
			h.endpoints[canonical(e.ID)] = e
			h.order = append(h.order, e)
		}
	}
	slices.SortFunc(h.order, func(a, b endpoint.Endpoint) int { return cmp.Compare(a.ID, b.ID) })
	return h
}

// Base returns the path below which the endpoints are.
func (h *Handler) Base() string { return h.base }

// Exposed returns how many endpoints are served.
func (h *Handler) Exposed() int { return len(h.order) }

// ServeHTTP answers for the index and every exposed endpoint; anything else is 404.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rest, ok := strings.CutPrefix(r.URL.Path, h.base)
	if !ok || rest != "" && rest[0] != '/' {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	if rest == "" || rest == "/" {
		h.index(w, r)
		return
	}
	id, below, _ := strings.Cut(rest[1:], "/")
	e, ok := h.endpoints[canonical(id)]
	if !ok {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	inner := r.Clone(r.Context())
	inner.URL.Path, inner.URL.RawPath = "/"+below, ""
	e.Handler.ServeHTTP(w, inner)
}

// link is one entry of the index.
type link struct {
	Href      string `json:"href"`
	Templated bool   `json:"templated"`
}

func (h *Handler) index(w http.ResponseWriter, r *http.Request) {
	if h.base == "" { // the program's own root
		w.WriteHeader(http.StatusNotFound)
		return
	}
	if !endpoint.AllowRead(w, r) {
		return
	}
	self := inbound.Scheme(r) + "://" + r.Host + inbound.Of(r).Root + h.base
	links := map[string]link{"self": {Href: self}}
	for _, e := range h.order {
		links[e.ID] = link{Href: self + "/" + e.ID}
		for name, path := range e.Paths {
			links[name] = link{Href: self + "/" + e.ID + path, Templated: true}
		}
	}
	endpoint.WriteJSON(w, r, http.StatusOK, map[string]any{"_links": links})
}
