package telemetry

import (
	"context"
	"log/slog"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/fx"

	"github.com/archimedes-go/archimedes/config"
)

// Module provides a [trace.TracerProvider], a [metric.MeterProvider] and a [propagation.TextMapPropagator]. With
// management.opentelemetry.enabled: false they do nothing.
//
// To see every recorded span, as tests do:
//
//	fx.Provide(telemetry.AsSpanProcessor(newRecorder))
func Module(c *config.Config) fx.Option {
	c.Enabled("telemetry", "management.opentelemetry.enabled", true)
	return fx.Module("telemetry", fx.Provide(ConfigFrom, newTelemetry, parts))
}

// AsSpanProcessor marks a constructor whose result sees every recorded span.
func AsSpanProcessor(constructor any) any {
	return fx.Annotate(constructor, fx.As(new(sdktrace.SpanProcessor)), fx.ResultTags(`group:"telemetry.span-processors"`))
}

type params struct {
	fx.In

	Config     Config
	Processors []sdktrace.SpanProcessor `group:"telemetry.span-processors"`
	Readers    []sdkmetric.Reader       `group:"telemetry.metric-readers"`
	Log        *slog.Logger
	Hooks      fx.Lifecycle
}

func newTelemetry(p params) (*Telemetry, error) {
	t, err := New(p.Config, WithSpanProcessors(p.Processors...), WithMetricReaders(p.Readers...), WithLogger(p.Log))
	if err != nil {
		return nil, err
	}
	log := p.Log.With("logger", "telemetry")
	p.Hooks.Append(fx.Hook{OnStop: func(ctx context.Context) error {
		if err := t.Close(ctx); err != nil {
			log.WarnContext(ctx, "the last spans were not exported", "error", err)
		}
		return nil
	}})
	return t, nil
}

func parts(t *Telemetry) (trace.TracerProvider, metric.MeterProvider, propagation.TextMapPropagator) {
	return t.Tracers, t.Meters, t.Propagator
}
