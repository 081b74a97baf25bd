package invoker_test

import (
	"context"
	"fmt"
	"net/http"
	"sort"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.uber.org/fx"

	"github.com/archimedes-go/archimedes/modules/invoker"
	"github.com/archimedes-go/archimedes/modules/loadbalancer"
	"github.com/archimedes-go/archimedes/modules/telemetry"
)

// timings returns the durations that were measured: name, count and labels.
func timings(t testing.TB, reader sdkmetric.Reader) (lines []string) {
	var all metricdata.ResourceMetrics
	require.NoError(t, reader.Collect(context.Background(), &all))
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			if data, ok := m.Data.(metricdata.Histogram[float64]); ok && strings.HasPrefix(m.Name, "http.client.") {
				for _, p := range data.DataPoints {
					lines = append(lines, fmt.Sprint(m.Name, " ", p.Count, " ", labels(p.Attributes)))
				}
			}
		}
	}
	sort.Strings(lines)
	return lines
}

func labels(set attribute.Set) string {
	var all []string
	for _, kv := range set.ToSlice() {
		all = append(all, string(kv.Key)+"="+kv.Value.String())
	}
	return strings.Join(all, " ")
}

func TestCallsAreMeasuredByServiceAndTemplateUnderTheNamesThatAreConfigured(t *testing.T) {
	n := startNode(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/missing" {
			w.WriteHeader(http.StatusNotFound)
		}
	})
	for conventions, want := range map[string][]string{
		"otel": {
			"http.client.request.duration 1 error.type=404 http.request.method=GET http.response.status_code=404 network.protocol.name=http network.protocol.version=1.1 server.address=stock server.port=80 url.scheme=http url.template=/missing",
			"http.client.request.duration 3 http.request.method=GET http.response.status_code=200 network.protocol.name=http network.protocol.version=1.1 server.address=stock server.port=80 url.scheme=http url.template=/items/{id}",
		},
		"micrometer": {
			"http.client.requests 1 client.name=nobody exception=UnknownServiceError method=GET outcome=UNKNOWN status=IO_ERROR uri=/",
			"http.client.requests 1 client.name=stock exception=none method=GET outcome=CLIENT_ERROR status=404 uri=/missing",
			"http.client.requests 3 client.name=stock exception=none method=GET outcome=SUCCESS status=200 uri=/items/{id}",
		},
	} {
		reader := sdkmetric.NewManualReader()
		meters := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
		c, _, _ := started(t, "spring.cloud.discovery.client.simple.instances.stock[0].uri: "+n.URL+"\nmanagement.observations.conventions: "+conventions,
			fx.Provide(telemetry.ConfigFrom, func() metric.MeterProvider { return meters }))
		for id := range 3 {
			_, err := invoker.GetForObject[string](t.Context(), c, "http://STOCK/items/{id}?token={t}", id, "secret")
			require.NoError(t, err)
		}
		_, err := invoker.GetForObject[string](t.Context(), c, "http://stock/missing")
		require.Error(t, err)
		_, err = invoker.GetForObject[string](t.Context(), c, "http://nobody/")
		require.Error(t, err)
		require.Equal(t, want, timings(t, reader))
	}
}

func TestEveryAttemptIsMeasuredOnItsOwn(t *testing.T) {
	reader := sdkmetric.NewManualReader()
	meter := telemetry.NewClientMeter(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)), telemetry.Both)
	c := calling(t, loadbalancer.DefaultConfig(), ab(), invoker.WithMeter(meter), invoker.WithTransport(stub(func(r *http.Request) (*http.Response, error) {
		if r.URL.Host == "a:1" {
			return nil, errRefused
		}
		return ok(r), nil
	})))
	_, err := invoker.GetForObject[string](t.Context(), c, "http://stock/{id}", 7)
	require.NoError(t, err)
	require.Equal(t, []string{
		"http.client.request.duration 1 error.type=*net.OpError http.request.method=GET server.address=stock server.port=80 url.scheme=http url.template=/{id}",
		"http.client.request.duration 1 http.request.method=GET http.response.status_code=200 network.protocol.name=http server.address=stock server.port=80 url.scheme=http url.template=/{id}",
		"http.client.requests 1 client.name=stock exception=none method=GET outcome=SUCCESS status=200 uri=/{id}",
	}, timings(t, reader))
}

// observed is a call by name with spans and metrics, and one of net/http with otelhttp's.
func observed(t testing.TB) (byName, beside func(*http.Request) (*http.Response, error)) {
	transport := stub(func(r *http.Request) (*http.Response, error) { return ok(r), nil })
	traces := sdktrace.NewTracerProvider()
	meters := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader()))
	c := calling(t, loadbalancer.DefaultConfig(), ab(), invoker.WithTransport(transport),
		invoker.WithTracer(telemetry.NewClientTracer(traces, propagation.TraceContext{})), invoker.WithMeter(telemetry.NewClientMeter(meters, telemetry.OTel)))
	other := &http.Client{Transport: otelhttp.NewTransport(transport, otelhttp.WithTracerProvider(traces), otelhttp.WithMeterProvider(meters), otelhttp.WithPropagators(propagation.TraceContext{}))}
	return c.Do, other.Do
}

func TestACallThatIsObservedAllocatesLessThanWithOtelhttp(t *testing.T) {
	byName, beside := observed(t)
	request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://stock/x", nil)
	require.NoError(t, err)
	allocations := func(do func(*http.Request) (*http.Response, error)) float64 {
		return testing.AllocsPerRun(100, func() {
			if response, err := do(request); err == nil {
				response.Body.Close()
			}
		})
	}
	ours, theirs := allocations(byName), allocations(beside)
	t.Logf("by name %.0f, otelhttp %.0f", ours, theirs)
	require.Less(t, ours, theirs)
}

func BenchmarkObservedCall(b *testing.B) {
	byName, beside := observed(b)
	request, _ := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://stock/x", nil)
	for name, do := range map[string]func(*http.Request) (*http.Response, error){"by-name": byName, "otelhttp": beside} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				response, err := do(request)
				if err != nil {
					b.Fatal(err)
				}
				response.Body.Close()
			}
		})
	}
}
