package actuator

import (
	"net/http"
	"strings"

	"github.com/archimedes-go/archimedes/modules/actuator/endpoint"
	"github.com/archimedes-go/archimedes/modules/health"
)

// healthEndpoint answers /health, /health/{group} and /health/{component}/….
func healthEndpoint(checks *health.Checks) endpoint.Endpoint {
	return endpoint.Endpoint{ID: "health", Paths: map[string]string{"health-path": "/{*path}"}, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !endpoint.AllowRead(w, r) {
			return
		}
		var path []string
		if below := strings.Trim(r.URL.Path, "/"); below != "" {
			path = strings.Split(below, "/")
		}
		report, ok := checks.At(r.Context(), path...)
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		body := shape(report.Result, report.ShowDetails, report.ShowComponents)
		if len(report.Groups) > 0 {
			body["groups"] = report.Groups
		}
		endpoint.WriteJSON(w, r, report.HTTPStatus, body)
	})}
}

// shape is a result as Spring Boot writes it.
func shape(r health.Result, details, components bool) map[string]any {
	body := map[string]any{"status": r.Status}
	if r.Description != "" {
		body["description"] = r.Description
	}
	if components && len(r.Components) > 0 {
		parts := make(map[string]any, len(r.Components))
		for name, part := range r.Components {
			parts[name] = shape(part, details, components)
		}
		body["components"] = parts
	}
	if details && len(r.Details) > 0 {
		body["details"] = r.Details
	}
	return body
}
