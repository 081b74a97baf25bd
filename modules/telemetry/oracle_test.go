package telemetry_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/archimedes-go/archimedes/modules/telemetry"
)

// oracle is otelhttp, and we, each with spans and metrics of their own.
type oracle struct {
	recorder *tracetest.SpanRecorder
	traces   *sdktrace.TracerProvider
	reader   *sdkmetric.ManualReader
	meters   *sdkmetric.MeterProvider
}

func newOracle() oracle {
	o := oracle{recorder: tracetest.NewSpanRecorder(), reader: sdkmetric.NewManualReader()}
	o.traces = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(o.recorder))
	o.meters = sdkmetric.NewMeterProvider(sdkmetric.WithReader(o.reader))
	return o
}

func (o oracle) last(t *testing.T) sdktrace.ReadOnlySpan {
	ended := o.recorder.Ended()
	require.NotEmpty(t, ended)
	return ended[len(ended)-1]
}

// exceptions are the attributes in which our spans differ from otelhttp's on purpose.
var exceptions = map[string]map[string]string{
	"client": {
		"url.full":                "without query and fragment, which may hold secrets",
		"url.template":            "names the span; otelhttp does not know it",
		"server.port":             "told also when it is the scheme's own: the conventions require it",
		"http.request.method":     "an empty method is GET, as net/http has it; otelhttp calls it _OTHER",
		"error.type":              "named as OpenTelemetry's semconv.ErrorType does",
		"archimedes.service":      "ours",
		"archimedes.instance.id":  "ours",
		"cloud.availability_zone": "ours",
	},
	"server": {
		"http.route":     "names the span; around Echo otelhttp does not know it",
		"client.address": "what callers say of themselves counts only where server.forward-headers-strategy says so",
		"error.type":     "of a 5xx; otelhttp leaves it out",
	},
}

// compare tells in which attributes two spans differ beside the exceptions.
func compare(t *testing.T, kind string, ours, theirs sdktrace.ReadOnlySpan) {
	t.Helper()
	require.Equal(t, theirs.SpanKind(), ours.SpanKind())
	require.Equal(t, theirs.Status(), ours.Status())
	own, other := attributesOf(ours), attributesOf(theirs)
	protocol(other)
	for key := range exceptions[kind] {
		delete(own, key)
		delete(other, key)
	}
	require.Equal(t, other, own)
}

func TestClientSpansSayWhatOtelhttpSays(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/503" {
			w.WriteHeader(503)
		}
		if r.URL.Path == "/404" {
			w.WriteHeader(404)
		}
		_, _ = io.Copy(io.Discard, r.Body)
	}))
	defer server.Close()
	secure := httptest.NewUnstartedServer(server.Config.Handler)
	secure.EnableHTTP2 = true
	secure.StartTLS()
	defer secure.Close()
	refused := errors.New("refused")
	for name, tc := range map[string]struct {
		method, url, body string
		transport         http.RoundTripper
	}{
		"GET":            {"GET", server.URL + "/items/7?token=secret#f", "", http.DefaultTransport},
		"no method":      {"", server.URL + "/", "", http.DefaultTransport},
		"POST":           {"POST", server.URL + "/items", "body", http.DefaultTransport},
		"unknown method": {"BREW", server.URL + "/items", "", http.DefaultTransport},
		"credentials":    {"GET", strings.Replace(server.URL, "//", "//ada:secret@", 1) + "/x", "", http.DefaultTransport},
		"404":            {"GET", server.URL + "/404", "", http.DefaultTransport},
		"503":            {"GET", server.URL + "/503", "", http.DefaultTransport},
		"HTTP/2":         {"GET", secure.URL + "/items", "", secure.Client().Transport},
		"no port":        {"GET", "http://example.com/x", "", failing{refused}},
		"refused":        {"GET", "http://[::1]:8080/x", "", failing{&net.OpError{Op: "dial", Err: refused}}},
	} {
		t.Run(name, func(t *testing.T) {
			ours, theirs := newOracle(), newOracle()
			request := func() *http.Request {
				r, err := http.NewRequestWithContext(t.Context(), tc.method, tc.url, strings.NewReader(tc.body))
				require.NoError(t, err)
				r.Method = tc.method
				return r
			}
			response, err := otelhttp.NewTransport(tc.transport, otelhttp.WithTracerProvider(theirs.traces), otelhttp.WithMeterProvider(theirs.meters)).RoundTrip(request())
			if err == nil {
				_, _ = io.Copy(io.Discard, response.Body)
				response.Body.Close()
			}
			tracer, meter := telemetry.NewClientTracer(ours.traces, w3c), telemetry.NewClientMeter(ours.meters, telemetry.OTel)
			r, about := request(), telemetry.Attempt{}
			ctx, span := tracer.Start(r.Context(), r, about)
			m := meter.Begin(r, about)
			response, err = tc.transport.RoundTrip(r)
			tracer.End(span, response, err)
			m.End(ctx, response, err)
			if err == nil {
				response.Body.Close()
			}
			compare(t, "client", ours.last(t), theirs.last(t))
			compareMetrics(t, ours.reader, theirs.reader)
		})
	}
}

// protocol takes out what otelhttp says of the protocol before there is an answer, when nobody knows, and writes "2" as the
// conventions do.
func protocol(labels map[string]any) {
	if _, answered := labels["http.response.status_code"]; !answered {
		delete(labels, "network.protocol.name")
		delete(labels, "network.protocol.version")
	}
	if labels["network.protocol.version"] == "2.0" {
		labels["network.protocol.version"] = "2"
	}
}

type failing struct{ err error }

func (f failing) RoundTrip(*http.Request) (*http.Response, error) { return nil, f.err }

// compareMetrics compares every instrument that otelhttp has with ours: its unit, bounds and labels.
func compareMetrics(t *testing.T, ours, theirs sdkmetric.Reader) {
	t.Helper()
	own, other := instruments(t, ours), instruments(t, theirs)
	for name, want := range other {
		got, ok := own[name]
		require.True(t, ok, name)
		for _, labels := range []map[string]any{want.labels, got.labels} {
			for _, key := range []string{"server.port", "error.type", "url.template", "http.request.method"} { // as for spans
				delete(labels, key)
			}
		}
		protocol(want.labels)
		require.Equal(t, want, got, name)
	}
}

type instrument struct {
	unit, about string
	bounds      []float64
	labels      map[string]any
}

func instruments(t *testing.T, reader sdkmetric.Reader) map[string]instrument {
	var all metricdata.ResourceMetrics
	require.NoError(t, reader.Collect(context.Background(), &all))
	found := map[string]instrument{}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			i := instrument{unit: m.Unit, about: m.Description, labels: map[string]any{}}
			switch data := m.Data.(type) {
			case metricdata.Histogram[float64]:
				i.bounds = data.DataPoints[0].Bounds
				for _, kv := range data.DataPoints[0].Attributes.ToSlice() {
					i.labels[string(kv.Key)] = kv.Value.AsInterface()
				}
			case metricdata.Histogram[int64]:
				i.bounds = data.DataPoints[0].Bounds
				for _, kv := range data.DataPoints[0].Attributes.ToSlice() {
					i.labels[string(kv.Key)] = kv.Value.AsInterface()
				}
			}
			found[m.Name] = i
		}
	}
	return found
}

func TestServerSpansSayWhatOtelhttpSays(t *testing.T) {
	ours, theirs := newOracle(), newOracle()
	tracer := telemetry.NewServerTracer(ours.traces, w3c)
	status := 200
	inner := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, span := tracer.Start(r, "/items/:id")
		w.WriteHeader(status)
		tracer.End(span, status, nil)
	})
	handler := otelhttp.NewHandler(inner, "", otelhttp.WithTracerProvider(theirs.traces), otelhttp.WithMeterProvider(theirs.meters))
	server := httptest.NewServer(handler)
	defer server.Close()
	secure := httptest.NewTLSServer(handler)
	defer secure.Close()
	for name, tc := range map[string]struct {
		method, url, host string
		status            int
		header            map[string]string
	}{
		"GET":            {"GET", server.URL + "/items/7?token=secret", "", 200, nil},
		"unknown method": {"BREW", server.URL + "/items/7", "", 404, nil},
		"forwarded":      {"GET", server.URL + "/", "", 200, map[string]string{"X-Forwarded-For": "192.0.2.1", "User-Agent": "test/1"}},
		"no agent":       {"GET", server.URL + "/", "", 200, map[string]string{"User-Agent": ""}},
		"a name":         {"GET", server.URL + "/", "shop.example", 200, nil},
		"500":            {"POST", server.URL + "/", "", 500, nil},
		"TLS":            {"GET", secure.URL + "/", "", 200, nil},
	} {
		t.Run(name, func(t *testing.T) {
			status = tc.status
			r, err := http.NewRequestWithContext(t.Context(), tc.method, tc.url, nil)
			require.NoError(t, err)
			r.Host = tc.host
			for key, value := range tc.header {
				r.Header.Set(key, value)
			}
			before := len(theirs.recorder.Ended())
			response, err := secure.Client().Do(r)
			require.NoError(t, err)
			response.Body.Close()
			require.Eventually(t, func() bool { return len(theirs.recorder.Ended()) > before }, 10*time.Second, time.Millisecond, "it ends after the answer was sent")
			compare(t, "server", ours.last(t), theirs.last(t))
		})
	}
	secure.Client().CloseIdleConnections()
}
