// Package endpoint is what a module contributes to the actuator: an id and a handler below /actuator/{id}.
//
//	fx.Provide(endpoint.As(func(jobs *Jobs) endpoint.Endpoint {
//		return endpoint.Read("jobs", func(ctx context.Context) (any, error) { return jobs.Report(ctx) })
//	}))
package endpoint

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
)

// Endpoint is one management endpoint. Its handler sees the path below the endpoint: "/" for /actuator/{id} itself.
type Endpoint struct {
	ID      string // letters, digits, dots and dashes
	Handler http.Handler
	Paths   map[string]string // further links of the index: "health-path" → "/{*path}"
}

// ErrNotFound makes [Read] answer 404.
var ErrNotFound = errors.New("endpoint: not found")

// Read returns an endpoint that answers GET with what fn returns, as JSON.
func Read(id string, fn func(context.Context) (any, error)) Endpoint {
	return Endpoint{ID: id, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !AllowRead(w, r) {
			return
		}
		if r.URL.Path != "/" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		value, err := fn(r.Context())
		switch {
		case errors.Is(err, ErrNotFound):
			w.WriteHeader(http.StatusNotFound)
		case err != nil:
			WriteJSON(w, r, http.StatusInternalServerError, map[string]any{"status": http.StatusInternalServerError, "error": http.StatusText(http.StatusInternalServerError)})
		default:
			WriteJSON(w, r, http.StatusOK, value)
		}
	})}
}

// AllowRead answers anything but GET and HEAD itself and reports whether the request may go on.
func AllowRead(w http.ResponseWriter, r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		return true
	case http.MethodOptions:
		w.Header().Set("Allow", "GET, HEAD, OPTIONS")
		w.WriteHeader(http.StatusOK)
	default:
		w.Header().Set("Allow", "GET, HEAD, OPTIONS")
		w.WriteHeader(http.StatusMethodNotAllowed)
	}
	return false
}

// The media types of Spring Boot's actuator, preferred first. Spring Boot Admin insists on a vendor type.
const (
	V3   = "application/vnd.spring-boot.actuator.v3+json"
	V2   = "application/vnd.spring-boot.actuator.v2+json"
	JSON = "application/json"
)

// mediaType returns the type to answer with, or "" when the caller accepts none of ours.
func mediaType(accept string) string {
	if accept == "" {
		return V3
	}
	for _, one := range strings.Split(accept, ",") {
		name, _, _ := strings.Cut(one, ";")
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "*/*", "application/*", V3:
			return V3
		case V2:
			return V2
		case JSON:
			return JSON
		}
	}
	return ""
}

// WriteJSON answers with a value in the media type that the caller accepts, or 406.
func WriteJSON(w http.ResponseWriter, r *http.Request, status int, value any) {
	kind := mediaType(strings.Join(r.Header.Values("Accept"), ","))
	if kind == "" {
		w.WriteHeader(http.StatusNotAcceptable)
		return
	}
	body, err := json.Marshal(value)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // the caller is gone when this fails
	}
}
