package telemetry

import (
	"context"
	"log/slog"
	"net/url"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/metric"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
)

// flushTimeout bounds what the last export may take at stop: a collector that is away must not keep a program.
const flushTimeout = 2 * time.Second

// Telemetry is the providers of one application. It is safe for concurrent use.
type Telemetry struct {
	Tracers    trace.TracerProvider
	Meters     metric.MeterProvider
	Propagator propagation.TextMapPropagator // W3C trace context and baggage

	sdk    *sdktrace.TracerProvider
	meters *sdkmetric.MeterProvider
}

// Option adds to what [New] makes.
type Option func(*options)

type options struct {
	processors []sdktrace.SpanProcessor
	readers    []sdkmetric.Reader
	log        *slog.Logger
}

// WithSpanProcessors lets processors see every recorded span, such as a test's in-memory exporter.
func WithSpanProcessors(processors ...sdktrace.SpanProcessor) Option {
	return func(o *options) { o.processors = append(o.processors, processors...) }
}

// WithMetricReaders makes meters count for readers. Without one they do nothing.
func WithMetricReaders(readers ...sdkmetric.Reader) Option {
	return func(o *options) { o.readers = append(o.readers, readers...) }
}

// WithLogger says when exports fail and work again. Default: nothing is said.
func WithLogger(log *slog.Logger) Option { return func(o *options) { o.log = log } }

// New returns the providers for cfg. Nothing is contacted before the first span is exported.
func New(cfg Config, opts ...Option) (*Telemetry, error) {
	o := options{log: slog.New(slog.DiscardHandler)}
	for _, opt := range opts {
		opt(&o)
	}
	t := &Telemetry{
		Tracers: tracenoop.NewTracerProvider(), Meters: metricnoop.NewMeterProvider(),
		Propagator: propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{}),
	}
	if !cfg.Enabled {
		return t, nil
	}
	about := resourceOf(cfg)
	provider := []sdktrace.TracerProviderOption{
		sdktrace.WithResource(about),
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(cfg.Probability))),
	}
	for _, p := range o.processors {
		provider = append(provider, sdktrace.WithSpanProcessor(p))
	}
	if cfg.Export && cfg.Endpoint != "" {
		exporter, err := newExporter(cfg, o.log)
		if err != nil {
			return nil, err
		}
		provider = append(provider, sdktrace.WithBatcher(exporter, sdktrace.WithBatchTimeout(cfg.Delay)))
	}
	t.sdk = sdktrace.NewTracerProvider(provider...)
	t.Tracers = t.sdk
	if len(o.readers) > 0 {
		with := []sdkmetric.Option{sdkmetric.WithResource(about)}
		for _, r := range o.readers {
			with = append(with, sdkmetric.WithReader(r))
		}
		t.meters = sdkmetric.NewMeterProvider(with...)
		t.Meters = t.meters
	}
	return t, nil
}

// Close exports what is left, for at most 2 s, and ends the exporters.
func (t *Telemetry) Close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, flushTimeout)
	defer cancel()
	if t.meters != nil {
		_ = t.meters.Shutdown(ctx) // readers are asked, none is remote
	}
	if t.sdk == nil {
		return nil
	}
	return t.sdk.Shutdown(ctx)
}

func resourceOf(cfg Config) *resource.Resource {
	attributes := []attribute.KeyValue{semconv.ServiceName(cfg.Service)}
	if cfg.Namespace != "" {
		attributes = append(attributes, semconv.ServiceNamespace(cfg.Namespace))
	}
	if cfg.Version != "" {
		attributes = append(attributes, semconv.ServiceVersion(cfg.Version))
	}
	for key, value := range cfg.Attributes {
		attributes = append(attributes, attribute.String(key, value))
	}
	return resource.NewWithAttributes(semconv.SchemaURL, attributes...)
}

// exporter says once that exports fail, and once that they work again. OpenTelemetry would report each failure through a
// process-wide handler.
type exporter struct {
	sdktrace.SpanExporter
	log      *slog.Logger
	endpoint string // without credentials
	failing  atomic.Bool
}

func newExporter(cfg Config, log *slog.Logger) (*exporter, error) {
	headers := make(map[string]string, len(cfg.Headers))
	for key, value := range cfg.Headers {
		headers[key] = string(value)
	}
	compression := otlptracehttp.NoCompression
	if cfg.Compression == "gzip" {
		compression = otlptracehttp.GzipCompression
	}
	// New starts nothing over HTTP, so its context bounds nothing.
	e, err := otlptracehttp.New(context.Background(), otlptracehttp.WithEndpointURL(cfg.Endpoint),
		otlptracehttp.WithHeaders(headers), otlptracehttp.WithTimeout(cfg.Timeout), otlptracehttp.WithCompression(compression))
	if err != nil {
		return nil, err
	}
	shown := cfg.Endpoint
	if u, err := url.Parse(cfg.Endpoint); err == nil {
		shown = u.Scheme + "://" + u.Host + u.Path
	}
	return &exporter{SpanExporter: e, log: log.With("logger", "telemetry"), endpoint: shown}, nil
}

// ExportSpans never fails: what failed was said.
func (e *exporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	err := e.SpanExporter.ExportSpans(ctx, spans)
	switch {
	case err != nil && !e.failing.Swap(true):
		e.log.WarnContext(ctx, "spans cannot be exported; they are dropped until the collector answers", "endpoint", e.endpoint, "error", err)
	case err == nil && e.failing.Swap(false):
		e.log.InfoContext(ctx, "spans are exported again", "endpoint", e.endpoint)
	}
	return nil
}
