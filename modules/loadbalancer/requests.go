package loadbalancer

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/http"
	"reflect"
	"strconv"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/archimedes-go/archimedes/modules/discovery"
)

// Call is what metrics tell about a call.
type Call struct {
	Method   string
	Template string // of its path, such as /stock/{id}; "" when there is none
	Path     string // as it was called, for calls without a template
}

// requests are Spring's metrics of a load balancer, under Spring's names and tags, since OpenTelemetry has none.
type requests struct {
	success, failed metric.Float64Histogram // nil: nobody wants them
	discard         metric.Int64Counter

	mu   sync.Mutex
	uris map[string]bool
}

// mostURIs bounds how many values of "uri" there are; what comes later is UNKNOWN.
const mostURIs = 100

const unknown = "UNKNOWN"

// WithTimers measures every call of an instance, as Spring does with stats.micrometer.enabled: loadbalancer.requests.success and
// loadbalancer.requests.failed. It needs [WithMeterProvider]. Default: that is not measured.
func WithTimers() Option { return func(b *Balancer) { b.timed = true } }

// observe begins what is measured.
func (b *Balancer) observe() {
	meter := b.meters.Meter(scope)
	// Errors are of names that are none, which a test would show; what comes with them does nothing.
	b.requests.discard, _ = meter.Int64Counter("loadbalancer.requests.discard", metric.WithUnit("{call}"), metric.WithDescription("Calls for which there was no instance."))
	active, _ := meter.Int64ObservableGauge("loadbalancer.requests.active", metric.WithUnit("{call}"), metric.WithDescription("Calls under way, by instance."))
	ejected, _ := meter.Int64ObservableGauge("loadbalancer.instances.ejected", metric.WithUnit("{instance}"), metric.WithDescription("Instances that are ejected now."))
	_, _ = meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		for _, s := range b.services.all() {
			s.mu.Lock()
			n := 0
			for _, stats := range s.stats {
				o.ObserveInt64(active, stats.active.Load(), metric.WithAttributes(stats.tags...))
				if stats.mark.ejected() {
					n++
				}
			}
			s.mu.Unlock()
			o.ObserveInt64(ejected, int64(n), s.label)
		}
		return nil
	}, active, ejected)
	if b.timed {
		seconds := metric.WithExplicitBucketBoundaries(0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
		b.requests.success, _ = meter.Float64Histogram("loadbalancer.requests.success", metric.WithUnit("s"), metric.WithDescription("Calls that were answered, whatever the status."), seconds)
		b.requests.failed, _ = meter.Float64Histogram("loadbalancer.requests.failed", metric.WithUnit("s"), metric.WithDescription("Calls that were not answered."), seconds)
	}
}

// tagsOf are Spring's tags of an instance.
func tagsOf(service string, i *discovery.Instance) []attribute.KeyValue {
	address := i.Address
	if i.Secure() {
		address = i.SecureAddress
	}
	host, port, _ := net.SplitHostPort(address)
	return []attribute.KeyValue{
		attribute.String("serviceId", service), attribute.String("serviceInstance.instanceId", cmp.Or(i.ID, unknown)),
		attribute.String("serviceInstance.host", cmp.Or(host, unknown)), attribute.String("serviceInstance.port", cmp.Or(port, unknown)),
	}
}

// seriesKey is what tells the calls of an instance apart.
type seriesKey struct {
	method, uri, exception string
	status                 int
}

// series keeps the labels of an instance's calls, which cost more to make than to use.
type series struct {
	mu    sync.RWMutex
	known map[seriesKey][]metric.RecordOption
}

// record measures a call that has ended.
func (r *requests) record(stats *Stats, o *Outcome) {
	key := seriesKey{method: methodOf(o.Call.Method), uri: r.uri(o.Call, &stats.service.view.Load().settings.Stats), status: o.Status}
	timer := r.success
	if o.Err != nil {
		timer, key.exception = r.failed, simpleName(o.Err)
	}
	timer.Record(context.Background(), o.Took.Seconds(), stats.labels(key)...)
}

func (s *Stats) labels(key seriesKey) []metric.RecordOption {
	s.series.mu.RLock()
	known := s.series.known[key]
	s.series.mu.RUnlock()
	if known != nil {
		return known
	}
	tags := append(s.tags[:len(s.tags):len(s.tags)], attribute.String("method", key.method), attribute.String("uri", key.uri))
	if key.exception != "" {
		tags = append(tags, attribute.String("exception", key.exception))
	} else {
		tags = append(tags, attribute.String("status", strconv.Itoa(key.status)), attribute.String("outcome", outcomeOf(key.status)))
	}
	made := []metric.RecordOption{metric.WithAttributeSet(attribute.NewSet(tags...))}
	s.series.mu.Lock()
	defer s.series.mu.Unlock()
	if s.series.known == nil {
		s.series.known = map[seriesKey][]metric.RecordOption{}
	}
	s.series.known[key] = made
	return made
}

// uri is the template of a call, else its path, while there are not too many.
func (r *requests) uri(c *Call, settings *CallStats) string {
	uri := cmp.Or(c.Template, c.Path)
	if uri == "" || settings.IncludePath != nil && !*settings.IncludePath {
		return unknown
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.uris[uri] {
		if len(r.uris) >= mostURIs {
			return unknown
		}
		if r.uris == nil {
			r.uris = map[string]bool{}
		}
		r.uris[uri] = true
	}
	return uri
}

// discarded counts a call for which there is no instance.
func (r *requests) discarded(s *service, call *Call) {
	if r.discard == nil {
		return
	}
	if call == nil {
		call = &Call{}
	}
	r.discard.Add(context.Background(), 1, metric.WithAttributes(attribute.String("serviceId", s.name),
		attribute.String("method", methodOf(call.Method)), attribute.String("uri", r.uri(call, &s.view.Load().settings.Stats))))
}

// methodOf keeps methods that somebody made up from becoming labels.
func methodOf(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions, http.MethodTrace, http.MethodConnect:
		return method
	}
	return unknown
}

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
	return unknown
}

// simpleName is the name of the type of what an error was at first: there are only so many types.
func simpleName(err error) string {
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(err) {
		err = inner
	}
	t := reflect.TypeOf(err)
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return cmp.Or(t.Name(), unknown)
}

// scope is the name of what measures.
const scope = "github.com/archimedes-go/archimedes/modules/loadbalancer"
