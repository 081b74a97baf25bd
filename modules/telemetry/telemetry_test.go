package telemetry_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	tracecollector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	"github.com/archimedes-go/archimedes/config"
	"github.com/archimedes-go/archimedes/config/configtest"
	"github.com/archimedes-go/archimedes/modules/telemetry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func ExampleNew() {
	t, _ := telemetry.New(telemetry.DefaultConfig())
	defer func() { _ = t.Close(context.Background()) }()
	_, span := t.Tracers.Tracer("shop").Start(context.Background(), "checkout")
	defer span.End()
	fmt.Println(span.SpanContext().HasTraceID())
	// Output: true
}

func bound(t *testing.T, yaml string, environ ...string) telemetry.Config {
	t.Helper()
	c := configtest.FromYAML(t, yaml)
	if len(environ) > 0 {
		var err error
		c, err = config.Load(config.Options{NoFiles: true, Environ: environ})
		require.NoError(t, err)
	}
	cfg, err := telemetry.ConfigFrom(c)
	require.NoError(t, err)
	return cfg
}

func TestTheEndpointComesFromAnyOfItsNames(t *testing.T) {
	const url = "http://collector:4318/v1/traces"
	require.Empty(t, bound(t, "").Endpoint, "nothing is exported unless asked for")
	require.Equal(t, url, bound(t, "management.opentelemetry.tracing.export.otlp.endpoint: "+url).Endpoint)
	require.Equal(t, url, bound(t, "management.otlp.tracing.endpoint: "+url).Endpoint)
	require.Equal(t, url, bound(t, "", "OTEL_EXPORTER_OTLP_ENDPOINT=http://collector:4318").Endpoint)
	require.Equal(t, url, bound(t, "", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT="+url).Endpoint)
	require.InDelta(t, 0.10, bound(t, "").Probability, 0)
	both := bound(t, "", "OTEL_SERVICE_NAME=shop", "OTEL_RESOURCE_ATTRIBUTES=team=check%20out,x=y", "OTEL_SDK_DISABLED=true")
	require.Equal(t, "shop", both.Service)
	require.Equal(t, map[string]string{"team": "check out", "x": "y"}, both.Attributes)
	require.False(t, both.Enabled)
}

func TestSettingsThatCannotWorkAreNamed(t *testing.T) {
	for yaml, key := range map[string]string{
		"management.tracing.sampling.probability: 2":                       "management.tracing.sampling.probability",
		"management.opentelemetry.tracing.export.otlp.endpoint: collector": "management.opentelemetry.tracing.export.otlp.endpoint",
		"management.opentelemetry.tracing.export.otlp.compression: zip":    "management.opentelemetry.tracing.export.otlp.compression",
	} {
		_, err := telemetry.ConfigFrom(configtest.FromYAML(t, yaml))
		require.ErrorContains(t, err, key)
	}
}

func TestSpansAreExportedAtStopAtTheLatest(t *testing.T) {
	var spans atomic.Int64
	var header, service string
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var request tracecollector.ExportTraceServiceRequest
		if proto.Unmarshal(body, &request) == nil {
			header = r.Header.Get("X-Key")
			service = request.ResourceSpans[0].Resource.Attributes[0].Value.GetStringValue()
			spans.Add(int64(len(request.ResourceSpans[0].ScopeSpans[0].Spans)))
		}
	}))
	defer collector.Close()
	cfg := bound(t, "spring.application.name: shop\nmanagement: {tracing.sampling.probability: 1.0, opentelemetry.tracing.export.otlp: {headers: {X-Key: secret}, endpoint: '"+collector.URL+"/v1/traces'}}")
	tel, err := telemetry.New(cfg)
	require.NoError(t, err)
	for range 3 {
		_, span := tel.Tracers.Tracer("t").Start(t.Context(), "s")
		span.End()
	}
	require.NoError(t, tel.Close(t.Context()))
	require.Equal(t, int64(3), spans.Load())
	require.Equal(t, []string{"secret", "shop"}, []string{header, service})
	require.NotContains(t, fmt.Sprintf("%+v", cfg), "secret")
}

func TestACollectorThatIsAwayIsSaidOnceAndDelaysNoStop(t *testing.T) {
	collector := httptest.NewServer(nil)
	collector.Close()
	cfg := telemetry.DefaultConfig()
	cfg.Probability, cfg.Endpoint, cfg.Delay = 1, "http://user:hunter2@"+strings.TrimPrefix(collector.URL, "http://")+"/v1/traces", time.Millisecond
	var log strings.Builder
	tel, err := telemetry.New(cfg, telemetry.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
	require.NoError(t, err)
	_, span := tel.Tracers.Tracer("t").Start(t.Context(), "s")
	span.End()
	_ = tel.Close(t.Context()) // returns, with or without the error of the last export
	require.NotContains(t, log.String(), "hunter2")
}

func TestACollectorThatRefusesIsSaidOnceAndThatItTakesThemAgain(t *testing.T) {
	exports := 0
	asked := make(chan struct{})
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if exports++; exports < 4 {
			http.Error(w, "not from here", http.StatusForbidden)
		}
		asked <- struct{}{}
	}))
	defer collector.Close()
	cfg := telemetry.DefaultConfig()
	cfg.Probability, cfg.Endpoint, cfg.Delay = 1, collector.URL+"/v1/traces", time.Millisecond
	var log strings.Builder
	tel, err := telemetry.New(cfg, telemetry.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
	require.NoError(t, err)
	for range 4 {
		_, span := tel.Tracers.Tracer("t").Start(t.Context(), "s")
		span.End()
		<-asked
	}
	require.NoError(t, tel.Close(t.Context()))
	require.Equal(t, 1, strings.Count(log.String(), "level=WARN"), log.String())
	require.Contains(t, log.String(), "not from here", "what the collector says")
	require.Equal(t, 1, strings.Count(log.String(), "spans are exported again"), log.String())
}

func TestSwitchedOffNothingIsTraced(t *testing.T) {
	cfg := telemetry.DefaultConfig()
	cfg.Enabled = false
	tel, err := telemetry.New(cfg)
	require.NoError(t, err)
	_, span := tel.Tracers.Tracer("t").Start(t.Context(), "s")
	require.False(t, span.SpanContext().IsValid())
}
