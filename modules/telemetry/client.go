package telemetry

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// ClientTracer makes the CLIENT span of each attempt of a call, by OpenTelemetry's HTTP conventions, and passes the trace on
// in the attempt's headers. It is safe for concurrent use. A nil one does nothing.
type ClientTracer struct {
	tracer     trace.Tracer
	propagator propagation.TextMapPropagator
	kind       []trace.SpanStartOption // made once, as each attempt would allocate it
}

// NewClientTracer returns a tracer that injects with propagator.
func NewClientTracer(provider trace.TracerProvider, propagator propagation.TextMapPropagator) *ClientTracer {
	return &ClientTracer{tracer: provider.Tracer(scope), propagator: propagator, kind: []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindClient)}}
}

// Attempt is what a span tells about an attempt, beside its request.
type Attempt struct {
	Template string // path of the URL template, such as /stock/{id}; "" when the caller gave none
	Service  string // name that was called; "" for a call of an absolute URL
	Instance string // id of the instance
	Zone     string
	Resend   int // 0 for the first attempt
}

// Attributes of ours, beside the conventions'.
const (
	serviceKey  = attribute.Key("archimedes.service")
	instanceKey = attribute.Key("archimedes.instance.id")
	zoneKey     = attribute.Key("cloud.availability_zone")
)

// Start begins the span of an attempt as a child of what ctx carries. It writes to r.Header, which must be the attempt's own.
// The template, never the path that was expanded from it, names the span.
func (t *ClientTracer) Start(ctx context.Context, r *http.Request, a Attempt) (context.Context, trace.Span) {
	if t == nil {
		return ctx, trace.SpanFromContext(context.Background())
	}
	method, original := methodOf(r.Method)
	name := method
	if name == "_OTHER" {
		name = "HTTP"
	}
	if a.Template != "" {
		name += " " + a.Template
	}
	ctx, span := t.tracer.Start(ctx, name, t.kind...)
	if span.IsRecording() {
		span.SetAttributes(attemptAttributes(r, method, original, a)...)
	}
	t.propagator.Inject(ctx, propagation.HeaderCarrier(r.Header))
	return ctx, span
}

// End ends the span with the answer, or with why there is none.
func (t *ClientTracer) End(span trace.Span, response *http.Response, err error) {
	if t == nil {
		return
	}
	if span.IsRecording() {
		switch {
		case err != nil:
			span.SetAttributes(semconv.ErrorType(err))
			span.SetStatus(codes.Error, err.Error())
		case response != nil:
			status := response.StatusCode
			attributes := append(make([]attribute.KeyValue, 0, 3), semconv.HTTPResponseStatusCode(status))
			if version := versionOf(response.Proto); version != "" {
				attributes = append(attributes, semconv.NetworkProtocolVersion(version))
			}
			if status >= http.StatusBadRequest {
				attributes = append(attributes, semconv.ErrorTypeKey.String(strconv.Itoa(status)))
				span.SetStatus(codes.Error, "")
			}
			span.SetAttributes(attributes...)
		}
	}
	span.End()
}

func attemptAttributes(r *http.Request, method, original string, a Attempt) []attribute.KeyValue {
	attributes := make([]attribute.KeyValue, 0, 10)
	host, port := splitHostPort(r.URL.Host)
	if port == 0 {
		if port = 80; r.URL.Scheme == "https" {
			port = 443
		}
	}
	attributes = append(attributes, semconv.HTTPRequestMethodKey.String(method), semconv.ServerAddress(host), semconv.ServerPort(port), semconv.URLFull(shown(r.URL)))
	if original != "" {
		attributes = append(attributes, semconv.HTTPRequestMethodOriginal(original))
	}
	if a.Template != "" {
		attributes = append(attributes, semconv.URLTemplate(a.Template))
	}
	if a.Resend > 0 {
		attributes = append(attributes, semconv.HTTPRequestResendCount(a.Resend))
	}
	for _, one := range []struct {
		key   attribute.Key
		value string
	}{{serviceKey, a.Service}, {instanceKey, a.Instance}, {zoneKey, a.Zone}} {
		if one.value != "" {
			attributes = append(attributes, one.key.String(one.value))
		}
	}
	return attributes
}

// shown is a URL without credentials and query, which may hold secrets.
func shown(u *url.URL) string {
	return u.Scheme + "://" + u.Host + u.EscapedPath()
}

// versionOf returns the version of HTTP as the conventions write it.
func versionOf(proto string) string {
	if proto == "HTTP/2.0" {
		return "2"
	}
	version, _ := strings.CutPrefix(proto, "HTTP/")
	return version
}
