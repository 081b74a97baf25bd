package main

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.uber.org/fx"

	"github.com/archimedes-go/archimedes/config"
	"github.com/archimedes-go/archimedes/modules/health"
	"github.com/archimedes-go/archimedes/modules/telemetry"
	"github.com/archimedes-go/archimedes/modules/web"
)

func hello(c echo.Context) error { return c.String(http.StatusOK, "hello "+c.Param("name")) }

// webRows: a request through all default middleware, traced, beside Echo and otelhttp wired by hand.
func webRows() []row {
	cfg := must(config.Load(config.Options{NoFiles: true, Properties: map[string]string{
		"management.tracing.sampling.probability": "1", "management.tracing.export.enabled": "false",
	}}))
	var ours *echo.Echo
	app := fx.New(fx.NopLogger, fx.Supply(cfg, slog.New(slog.DiscardHandler)), telemetry.Module(cfg), health.Module(cfg), web.Module(cfg), fx.Populate(&ours))
	if err := app.Err(); err != nil {
		panic(err)
	}
	ours.GET("/hello/:name", hello)
	e := echo.New()
	e.GET("/hello/:name", hello)
	byHand := otelhttp.NewHandler(e, "server", otelhttp.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.AlwaysSample()))), otelhttp.WithPropagators(propagation.TraceContext{}))
	serve := func(h http.Handler) testing.BenchmarkResult {
		return testing.Benchmark(func(b *testing.B) {
			request := httptest.NewRequest(http.MethodGet, "/hello/you", nil)
			request.Header.Set("Traceparent", "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01")
			b.ReportAllocs()
			for b.Loop() {
				w := nothing{http.Header{}}
				h.ServeHTTP(w, request)
			}
		})
	}
	return []row{
		{
			what: "web: hello, traced", ours: "all default middleware", beside: "Echo and otelhttp by hand", budget: 1,
			measure: func() (time.Duration, time.Duration) {
				return time.Duration(serve(ours).NsPerOp()), time.Duration(serve(byHand).NsPerOp())
			},
		},
		{
			what: "web: hello, traced, allocations", ours: "all default middleware", beside: "Echo and otelhttp by hand", budget: 1, count: true,
			measure: func() (time.Duration, time.Duration) {
				return time.Duration(serve(ours).AllocsPerOp()), time.Duration(serve(byHand).AllocsPerOp())
			},
		},
	}
}

// nothing is a response that nobody reads.
type nothing struct{ header http.Header }

func (n nothing) Header() http.Header               { return n.header }
func (nothing) WriteHeader(int)                     {}
func (nothing) Write(p []byte) (int, error)         { return len(p), nil }
func (nothing) WriteString(s string) (int, error)   { return len(s), nil }
func (nothing) ReadFrom(r io.Reader) (int64, error) { return io.Copy(io.Discard, r) }
