package telemetry_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/archimedes-go/archimedes/modules/telemetry"
)

var w3c = propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{})

// attempted returns the span of one attempt, and its request.
func attempted(t *testing.T, ctx context.Context, method, url string, a telemetry.Attempt, status int, err error) (sdktrace.ReadOnlySpan, *http.Request) {
	t.Helper()
	recorder := tracetest.NewSpanRecorder()
	tracer := telemetry.NewClientTracer(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder)), w3c)
	request, failed := http.NewRequestWithContext(ctx, method, url, nil)
	require.NoError(t, failed)
	_, span := tracer.Start(ctx, request, a)
	tracer.End(span, &http.Response{StatusCode: status, Proto: "HTTP/1.1"}, err)
	require.Len(t, recorder.Ended(), 1)
	return recorder.Ended()[0], request
}

func attributesOf(span sdktrace.ReadOnlySpan) map[string]any {
	all := map[string]any{}
	for _, a := range span.Attributes() {
		all[string(a.Key)] = a.Value.AsInterface()
	}
	return all
}

func TestAnAttemptIsToldByTheConventionsOfOpenTelemetry(t *testing.T) {
	span, _ := attempted(t, t.Context(), "POST", "http://ada:hunter2@10.0.0.1:8080/stock/42?token=hunter2#hunter2",
		telemetry.Attempt{Template: "/stock/{id}", Service: "stock", Instance: "i1", Zone: "z1", Resend: 2}, 200, nil)
	require.Equal(t, trace.SpanKindClient, span.SpanKind())
	require.Equal(t, "POST /stock/{id}", span.Name())
	require.Equal(t, codes.Unset, span.Status().Code)
	require.Equal(t, map[string]any{
		"http.request.method": "POST", "server.address": "10.0.0.1", "server.port": int64(8080), "url.full": "http://10.0.0.1:8080/stock/42",
		"url.template": "/stock/{id}", "http.request.resend_count": int64(2), "http.response.status_code": int64(200), "network.protocol.version": "1.1",
		"archimedes.service": "stock", "archimedes.instance.id": "i1", "cloud.availability_zone": "z1",
	}, attributesOf(span))
}

func TestAnAttemptWithoutMoreHasNoFurtherAttributes(t *testing.T) {
	for url, want := range map[string]map[string]any{
		"https://[2001:db8::1]/": {"server.address": "2001:db8::1", "server.port": int64(443), "url.full": "https://[2001:db8::1]/"},
		"http://example.com":     {"server.address": "example.com", "server.port": int64(80), "url.full": "http://example.com"},
	} {
		span, _ := attempted(t, t.Context(), "", url, telemetry.Attempt{}, 204, nil)
		require.Equal(t, "GET", span.Name())
		want["http.request.method"], want["http.response.status_code"] = "GET", int64(204)
		want["network.protocol.version"] = "1.1"
		require.Equal(t, want, attributesOf(span))
	}
}

func TestAMethodThatNobodyKnowsDoesNotMultiplyNames(t *testing.T) {
	span, _ := attempted(t, t.Context(), "FETCH", "http://a/", telemetry.Attempt{Template: "/x"}, 200, nil)
	require.Equal(t, "HTTP /x", span.Name())
	require.Equal(t, []any{"_OTHER", "FETCH"}, []any{attributesOf(span)["http.request.method"], attributesOf(span)["http.request.method_original"]})
}

func TestAnAttemptThatFailedSaysHow(t *testing.T) {
	for _, tc := range []struct {
		status int
		err    error
		kind   string
	}{
		{404, nil, "404"}, {503, nil, "503"}, {0, io.ErrUnexpectedEOF, "*errors.errorString"}, {0, &http.MaxBytesError{}, "*http.MaxBytesError"},
	} {
		span, _ := attempted(t, t.Context(), "GET", "http://a/", telemetry.Attempt{}, tc.status, tc.err)
		require.Equal(t, codes.Error, span.Status().Code)
		require.Equal(t, tc.kind, attributesOf(span)["error.type"])
		if tc.err != nil {
			require.Equal(t, tc.err.Error(), span.Status().Description)
			require.NotContains(t, attributesOf(span), "http.response.status_code")
		}
	}
}

func TestTheTraceIsPassedOnWithItsBaggage(t *testing.T) {
	member, err := baggage.NewMember("tenant", "blue")
	require.NoError(t, err)
	bag, err := baggage.New(member)
	require.NoError(t, err)
	span, request := attempted(t, baggage.ContextWithBaggage(t.Context(), bag), "GET", "http://a/", telemetry.Attempt{}, 200, nil)
	require.Equal(t, "00-"+span.SpanContext().TraceID().String()+"-"+span.SpanContext().SpanID().String()+"-01", request.Header.Get("traceparent"))
	require.Equal(t, "tenant=blue", request.Header.Get("baggage"))
}

func TestATraceThatIsNotSampledFlowsAllTheSame(t *testing.T) {
	tracer := telemetry.NewClientTracer(sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample())), w3c)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://a/", nil)
	require.NoError(t, err)
	_, span := tracer.Start(t.Context(), request, telemetry.Attempt{})
	tracer.End(span, nil, errors.New("no"))
	require.Equal(t, "00-"+span.SpanContext().TraceID().String()+"-"+span.SpanContext().SpanID().String()+"-00", request.Header.Get("traceparent"))
}

func TestWithoutATracerNothingHappens(t *testing.T) {
	var none *telemetry.ClientTracer
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://a/", nil)
	require.NoError(t, err)
	ctx, span := none.Start(t.Context(), request, telemetry.Attempt{Template: "/x"})
	none.End(span, nil, nil)
	require.Equal(t, t.Context(), ctx)
	require.Empty(t, request.Header)
}

func TestWhatNobodyRecordsCostsNextToNothing(t *testing.T) {
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://a/", nil)
	require.NoError(t, err)
	answer := http.Response{StatusCode: 200}
	for name, tc := range map[string]struct {
		tracer *telemetry.ClientTracer
		most   float64
	}{
		"none": {nil, 0}, "no-op": {telemetry.NewClientTracer(noop.NewTracerProvider(), w3c), 3},
	} {
		got := testing.AllocsPerRun(100, func() {
			_, span := tc.tracer.Start(context.Background(), request, telemetry.Attempt{Template: "/x", Service: "a", Instance: "i"})
			tc.tracer.End(span, &answer, nil)
		})
		require.LessOrEqual(t, got, tc.most, name)
	}
}
