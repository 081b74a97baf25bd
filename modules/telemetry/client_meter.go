package telemetry

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/semconv/v1.43.0/httpconv"
)

// seconds are the bounds that OpenTelemetry's conventions advise for durations.
var seconds = metric.WithExplicitBucketBoundaries(0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)

// Most values of a label that callers can multiply; what comes later counts as one.
const (
	mostServers   = 100
	mostTemplates = 100 // as Spring's management.metrics.web.client.max-uri-tags
	other         = "_OTHER"
)

// ClientMeter measures the attempts of calls by OpenTelemetry's HTTP conventions (http.client.request.duration,
// http.client.request.body.size, http.client.response.body.size, http.client.active_requests) and whole calls by Micrometer's
// (http.client.requests), as management.observations.conventions says. Labels are bounded: the service, never an instance; the template, never
// a path. It is safe for concurrent use. A nil one does nothing.
type ClientMeter struct {
	otel     bool
	duration metric.Float64Histogram
	sent     metric.Int64Histogram
	received metric.Int64Histogram
	requests metric.Float64Histogram // nil unless Micrometer's conventions are wanted

	mu        sync.RWMutex
	series    map[seriesKey]*series
	calls     map[callKey][]metric.RecordOption
	servers   map[string]bool
	templates map[string]bool
}

// seriesKey is what is known of an attempt before it is made.
type seriesKey struct {
	method, scheme, server, template string
	port                             int
}

// series is what is kept for one key.
type series struct {
	key      seriesKey
	active   atomic.Int64 // attempts under way
	labels   metric.ObserveOption
	outcomes map[outcomeKey][]metric.RecordOption
}

type outcomeKey struct {
	status int
	proto  string
	fault  string
}

// callKey is Micrometer's tags of a call.
type callKey struct{ name, method, uri, status, outcome, exception string }

// NewClientMeter returns a meter by these conventions; nil, which does nothing, when provider does nothing.
func NewClientMeter(provider metric.MeterProvider, conventions Conventions) *ClientMeter {
	if _, off := provider.(noop.MeterProvider); off || provider == nil {
		return nil
	}
	meter := provider.Meter(scope)
	m := &ClientMeter{
		otel:   conventions != Micrometer,
		series: map[seriesKey]*series{}, calls: map[callKey][]metric.RecordOption{},
		servers: map[string]bool{}, templates: map[string]bool{},
	}
	// Errors are of names that are none, which a test would show; what comes with them does nothing.
	if m.otel {
		duration, _ := httpconv.NewClientRequestDuration(meter, seconds)
		sent, _ := httpconv.NewClientRequestBodySize(meter)
		received, _ := httpconv.NewClientResponseBodySize(meter)
		m.duration, m.sent, m.received = duration.Inst(), sent.Inst(), received.Inst()
		m.observe(meter)
	}
	if conventions == Micrometer || conventions == Both {
		m.requests, _ = meter.Float64Histogram("http.client.requests", metric.WithUnit("s"), metric.WithDescription("Duration of HTTP client requests."), seconds)
	}
	return m
}

// observe tells of the attempts under way when somebody asks: an instrument that is told of each would cost more than all else that is
// measured of it.
func (m *ClientMeter) observe(meter metric.Meter) {
	conventional := httpconv.ClientActiveRequests{}
	active, err := meter.Int64ObservableUpDownCounter(conventional.Name(), metric.WithUnit(conventional.Unit()), metric.WithDescription(conventional.Description()))
	if err != nil {
		return
	}
	_, _ = meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		m.mu.RLock()
		defer m.mu.RUnlock()
		for _, s := range m.series {
			o.ObserveInt64(active, s.active.Load(), s.labels)
		}
		return nil
	}, active)
}

// Measured is an attempt that is being measured. The zero one does nothing.
type Measured struct {
	meter  *ClientMeter
	series *series
	size   int64 // of the request; -1 when it is not known
	began  time.Time
}

// Begin measures an attempt from now on. The server is the service, when there is one, else the host of the URL.
func (m *ClientMeter) Begin(r *http.Request, a Attempt) Measured {
	if m == nil || !m.otel {
		return Measured{}
	}
	method, _ := methodOf(r.Method)
	key := seriesKey{method: method, scheme: r.URL.Scheme, template: a.Template, server: strings.ToLower(a.Service)}
	if key.server == "" {
		key.server, key.port = splitHostPort(r.URL.Host)
	}
	if key.port == 0 {
		if key.port = 80; key.scheme == "https" {
			key.port = 443
		}
	}
	s := m.of(key)
	s.active.Add(1)
	size := r.ContentLength
	if r.Body == nil || r.Body == http.NoBody {
		size = 0
	} else if size == 0 {
		size = -1
	}
	return Measured{meter: m, series: s, size: size, began: time.Now()}
}

// End measures an attempt that has ended with an answer, or with why there is none.
func (x Measured) End(ctx context.Context, response *http.Response, err error) {
	m := x.meter
	if m == nil {
		return
	}
	x.series.active.Add(-1)
	took := time.Since(x.began).Seconds()
	var key outcomeKey
	received := int64(-1)
	if response != nil && err == nil {
		key.status, key.proto, received = response.StatusCode, response.Proto, response.ContentLength
		if key.status >= http.StatusBadRequest {
			key.fault = strconv.Itoa(key.status)
		}
	} else if err != nil {
		key.fault = faultOf(err)
	}
	options := m.outcome(x.series, key)
	m.duration.Record(ctx, took, options...)
	if x.size >= 0 {
		m.sent.Record(ctx, x.size, options...)
	}
	if received >= 0 {
		m.received.Record(ctx, received, options...)
	}
}

// of returns the series of a key, within the bounds of its labels.
func (m *ClientMeter) of(key seriesKey) *series {
	m.mu.RLock()
	s := m.series[key]
	m.mu.RUnlock()
	if s != nil {
		return s
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	key.server, key.template = within(m.servers, key.server, mostServers), within(m.templates, key.template, mostTemplates)
	if key.server == other {
		key.port = 0
	}
	if s = m.series[key]; s == nil {
		s = &series{key: key, labels: metric.WithAttributeSet(attribute.NewSet(key.attributes()...)), outcomes: map[outcomeKey][]metric.RecordOption{}}
		m.series[key] = s
	}
	return s
}

// within returns a value that is among the first, and one for all others.
func within(known map[string]bool, value string, most int) string {
	if value == "" || known[value] {
		return value
	}
	if len(known) >= most {
		return other
	}
	known[value] = true
	return value
}

func (k seriesKey) attributes() []attribute.KeyValue {
	attributes := make([]attribute.KeyValue, 0, 10)
	attributes = append(attributes, semconv.HTTPRequestMethodKey.String(k.method), semconv.ServerAddress(k.server), semconv.URLScheme(k.scheme))
	if k.port > 0 {
		attributes = append(attributes, semconv.ServerPort(k.port))
	}
	if k.template != "" {
		attributes = append(attributes, semconv.URLTemplate(k.template))
	}
	return attributes
}

// outcome returns the attributes of an attempt that has ended.
func (m *ClientMeter) outcome(s *series, key outcomeKey) []metric.RecordOption {
	m.mu.RLock()
	options := s.outcomes[key]
	m.mu.RUnlock()
	if options != nil {
		return options
	}
	attributes := s.key.attributes()
	if key.status > 0 {
		attributes = append(attributes, semconv.HTTPResponseStatusCode(key.status), semconv.NetworkProtocolName("http"))
	}
	if version := versionOf(key.proto); version != "" {
		attributes = append(attributes, semconv.NetworkProtocolVersion(version))
	}
	if key.fault != "" {
		attributes = append(attributes, semconv.ErrorTypeKey.String(key.fault))
	}
	options = []metric.RecordOption{metric.WithAttributeSet(attribute.NewSet(attributes...))}
	m.mu.Lock()
	defer m.mu.Unlock()
	s.outcomes[key] = options
	return options
}

// Call measures a whole call by Micrometer's conventions: name is the service or host, status 0 when there was no answer.
func (m *ClientMeter) Call(ctx context.Context, name, method, template string, status int, err error, took time.Duration) {
	if m == nil || m.requests == nil {
		return
	}
	method, _ = methodOf(method)
	key := callKey{name: strings.ToLower(name), method: method, uri: template, status: "IO_ERROR", outcome: "UNKNOWN", exception: "none"}
	if err != nil {
		key.exception = simple(faultOf(err))
	}
	if status > 0 {
		key.status, key.outcome = strconv.Itoa(status), outcomeOf(status)
	}
	m.mu.RLock()
	options := m.calls[key]
	m.mu.RUnlock()
	if options == nil {
		options = m.call(key)
	}
	m.requests.Record(ctx, took.Seconds(), options...)
}

// Timed reports whether whole calls are measured.
func (m *ClientMeter) Timed() bool { return m != nil && m.requests != nil }

func (m *ClientMeter) call(key callKey) []metric.RecordOption {
	m.mu.Lock()
	defer m.mu.Unlock()
	key.name, key.uri = within(m.servers, key.name, mostServers), within(m.templates, key.uri, mostTemplates)
	options := m.calls[key]
	if options != nil {
		return options
	}
	uri := key.uri
	if uri == "" {
		uri = "none"
	}
	options = []metric.RecordOption{metric.WithAttributeSet(attribute.NewSet(
		attribute.String("client.name", key.name), attribute.String("method", key.method), attribute.String("uri", uri),
		attribute.String("status", key.status), attribute.String("outcome", key.outcome), attribute.String("exception", key.exception),
	))}
	m.calls[key] = options
	return options
}

// outcomeOf is Spring's word for a class of statuses.
func outcomeOf(status int) string {
	switch status / 100 {
	case 1:
		return "INFORMATIONAL"
	case 2:
		return "SUCCESS"
	case 3:
		return "REDIRECTION"
	case 4:
		return "CLIENT_ERROR"
	case 5:
		return "SERVER_ERROR"
	}
	return "UNKNOWN"
}

// faultOf is the type of an error, below what wraps it without saying more.
func faultOf(err error) string {
	for {
		t := reflect.TypeOf(err)
		inner := errors.Unwrap(err)
		if inner == nil || t.String() != "*fmt.wrapError" {
			return t.String()
		}
		err = inner
	}
}

// simple is a type without pointer and package, as Spring's exceptions are named.
func simple(name string) string {
	return name[strings.LastIndexByte(name, '.')+1:]
}
