package telemetry

import (
	"context"
	"net"
	"net/http"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/archimedes-go/archimedes/modules/internal/inbound"
)

// scope names the instrumentation that spans come from.
const scope = "github.com/archimedes-go/archimedes"

// ServerTracer makes the SERVER span of each request served, by OpenTelemetry's HTTP conventions. It is safe for concurrent
// use.
type ServerTracer struct {
	tracer     trace.Tracer
	propagator propagation.TextMapPropagator
}

// NewServerTracer returns a tracer that continues the caller's trace.
func NewServerTracer(provider trace.TracerProvider, propagator propagation.TextMapPropagator) *ServerTracer {
	return &ServerTracer{tracer: provider.Tracer(scope), propagator: propagator}
}

// Start begins the span of a request. The context carries it, also to logs. route is the pattern that matched, such as
// /orders/:id, or "" when none did; it, never the path, names the span.
func (t *ServerTracer) Start(r *http.Request, route string) (context.Context, trace.Span) {
	ctx := r.Context()
	if len(r.Header) > 0 {
		ctx = t.propagator.Extract(ctx, propagation.HeaderCarrier(r.Header))
	}
	method, original := methodOf(r.Method)
	name := method
	if name == "_OTHER" {
		name = "HTTP"
	}
	if route != "" {
		name += " " + route
	}
	ctx, span := t.tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindServer))
	if span.IsRecording() {
		span.SetAttributes(requestAttributes(r, method, original, route)...)
	}
	return ctx, span
}

// End ends the span with the status that was sent. A 5xx, or an error without a status, makes it an error.
func (t *ServerTracer) End(span trace.Span, status int, err error) {
	if span.IsRecording() {
		span.SetAttributes(semconv.HTTPResponseStatusCode(status))
		if status >= http.StatusInternalServerError {
			span.SetAttributes(semconv.ErrorTypeKey.String(strconv.Itoa(status)))
			description := ""
			if err != nil {
				description = err.Error()
			}
			span.SetStatus(codes.Error, description)
		}
	}
	span.End()
}

func requestAttributes(r *http.Request, method, original, route string) []attribute.KeyValue {
	attributes := make([]attribute.KeyValue, 0, 12)
	attributes = append(attributes, semconv.HTTPRequestMethodKey.String(method), semconv.URLScheme(inbound.Scheme(r)), semconv.URLPath(inbound.Path(r)))
	if original != "" {
		attributes = append(attributes, semconv.HTTPRequestMethodOriginal(original))
	}
	if route != "" {
		attributes = append(attributes, semconv.HTTPRoute(route))
	}
	host, port := splitHostPort(r.Host)
	attributes = append(attributes, semconv.ServerAddress(host))
	if port > 0 {
		attributes = append(attributes, semconv.ServerPort(port))
	}
	if peer, peerPort := splitHostPort(inbound.Peer(r)); peer != "" {
		client, _ := splitHostPort(r.RemoteAddr)
		attributes = append(attributes, semconv.NetworkPeerAddress(peer), semconv.ClientAddress(client))
		if peerPort > 0 {
			attributes = append(attributes, semconv.NetworkPeerPort(peerPort))
		}
	}
	if agent := r.UserAgent(); agent != "" {
		attributes = append(attributes, semconv.UserAgentOriginal(agent))
	}
	if version := versionOf(r.Proto); version != "" {
		attributes = append(attributes, semconv.NetworkProtocolVersion(version))
	}
	return attributes
}

// methodOf returns the method as the conventions want it: unknown ones become _OTHER, since callers can send any.
func methodOf(method string) (known, original string) {
	switch method {
	case "":
		return http.MethodGet, ""
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodConnect, http.MethodOptions, http.MethodTrace:
		return method, ""
	}
	return "_OTHER", method
}

// splitHostPort returns host and port; the port is 0 when there is none.
func splitHostPort(hostport string) (string, int) {
	host, text, err := net.SplitHostPort(hostport)
	if err != nil {
		return strings.Trim(hostport, "[]"), 0
	}
	port, _ := strconv.Atoi(text)
	return host, port
}
