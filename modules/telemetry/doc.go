// Package telemetry provides OpenTelemetry to an application: tracers whose spans are exported when an endpoint is set, and
// the spans of requests served and of calls made.
//
// With nothing configured trace ids are made, taken over from callers (W3C traceparent), passed on and logged; nothing is
// exported. Nothing is global: two applications in one process have providers of their own.
//
//	management:
//	  tracing.sampling.probability: 1.0   # share of new traces; default 0.10, as in Spring
//	  opentelemetry:
//	    tracing.export.otlp.endpoint: http://collector:4318/v1/traces   # default none: no export
//	    resource-attributes.team: checkout
//	  observations.conventions: both   # names of metrics: otel (default), micrometer as in Spring, or both
//
// OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES and OTEL_SDK_DISABLED are understood, too.
//
// Code that makes spans of its own asks the container for a [trace.TracerProvider].
package telemetry
