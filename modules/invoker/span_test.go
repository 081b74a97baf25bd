package invoker_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/invoker"
	"github.com/archimedes-go/archimedes/modules/loadbalancer"
	"github.com/archimedes-go/archimedes/modules/telemetry"
)

func TestEachAttemptIsASpanOfItsOwnBesideTheOthers(t *testing.T) {
	recorder := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder))
	var traceparents []string
	c := calling(t, loadbalancer.DefaultConfig(), []discovery.Instance{{ID: "a", Address: "a:1", Zone: "z"}, {ID: "b", Address: "b:1"}},
		invoker.WithTracer(telemetry.NewClientTracer(provider, propagation.TraceContext{})),
		invoker.WithTransport(stub(func(r *http.Request) (*http.Response, error) {
			traceparents = append(traceparents, r.Header.Get("traceparent"))
			if r.URL.Host == "a:1" {
				return nil, errRefused
			}
			return ok(r), nil
		})))
	ctx, parent := provider.Tracer("test").Start(t.Context(), "served")
	_, err := invoker.GetForObject[string](ctx, c, "http://stock/items/{id}?token={t}", "secret", "secret")
	require.NoError(t, err)
	parent.End()
	spans := recorder.Ended()
	require.Len(t, spans, 3)
	for n, span := range spans[:2] {
		require.Equal(t, "GET /items/{id}", span.Name())
		require.Equal(t, parent.SpanContext().SpanID(), span.Parent().SpanID())
		require.Contains(t, traceparents[n], span.SpanContext().SpanID().String())
		attributes := map[string]string{}
		for _, a := range span.Attributes() {
			attributes[string(a.Key)] = a.Value.String()
			require.NotContains(t, a.Value.String(), "token")
		}
		require.Equal(t, []string{"stock", []string{"a", "b"}[n], []string{"", "1"}[n]},
			[]string{attributes["archimedes.service"], attributes["archimedes.instance.id"], attributes["http.request.resend_count"]})
	}
}

func TestARawCallIsNamedByItsMethodAlone(t *testing.T) {
	recorder := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder))
	tracer := telemetry.NewClientTracer(provider, propagation.TraceContext{})
	n := startNode(t, status(200))
	p := invoker.NewPlain(invoker.DefaultConfig(), invoker.WithTracer(tracer))
	defer p.CloseIdleConnections()
	for target, client := range map[string]*http.Client{
		"http://stock/customers/4711": calling(t, loadbalancer.DefaultConfig(), []discovery.Instance{n.instance("i")}, invoker.WithTracer(tracer)).HTTPClient(),
		n.URL + "/customers/4711?k=v": p.HTTPClient(),
	} {
		response, err := client.Get(target)
		require.NoError(t, err)
		response.Body.Close()
	}
	for _, span := range recorder.Ended() {
		require.Equal(t, "GET", span.Name())
	}
	require.Len(t, recorder.Ended(), 2)
}
