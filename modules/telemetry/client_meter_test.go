package telemetry_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/archimedes-go/archimedes/modules/telemetry"
)

// metered returns a meter and what it has measured so far, one line for each series: name, unit, count, labels.
func metered(t testing.TB, conventions telemetry.Conventions) (*telemetry.ClientMeter, func() []string) {
	reader := sdkmetric.NewManualReader()
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	return telemetry.NewClientMeter(provider, conventions), func() []string { return measured(t, reader) }
}

func measured(t testing.TB, reader sdkmetric.Reader) (lines []string) {
	var all metricdata.ResourceMetrics
	require.NoError(t, reader.Collect(context.Background(), &all))
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			add := func(value any, set attribute.Set) {
				var labels []string
				for _, kv := range set.ToSlice() {
					labels = append(labels, string(kv.Key)+"="+kv.Value.String())
				}
				lines = append(lines, fmt.Sprintf("%s %s %v %s", m.Name, m.Unit, value, strings.Join(labels, " ")))
			}
			switch data := m.Data.(type) {
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					add(p.Count, p.Attributes)
				}
			case metricdata.Histogram[int64]:
				for _, p := range data.DataPoints {
					add(p.Sum, p.Attributes)
				}
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					add(p.Value, p.Attributes)
				}
			}
		}
	}
	sort.Strings(lines)
	return lines
}

func asked(t testing.TB, method, url, body string) *http.Request {
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	return r
}

func answered(status int, size int64) *http.Response {
	return &http.Response{StatusCode: status, Proto: "HTTP/1.1", ContentLength: size}
}

func TestAttemptsAreMeasuredByTheConventionsOfOpenTelemetry(t *testing.T) {
	meter, measured := metered(t, telemetry.OTel)
	require.False(t, meter.Timed())
	ctx := t.Context()
	stock := telemetry.Attempt{Service: "STOCK", Template: "/items/{id}", Instance: "i-1"}
	meter.Begin(asked(t, "GET", "http://10.0.0.1:8080/items/7?x=1", ""), stock).End(ctx, answered(200, 10), nil)
	meter.Begin(asked(t, "GET", "http://10.0.0.2:8081/items/8", ""), stock).End(ctx, answered(200, -1), nil)
	meter.Begin(asked(t, "POST", "https://10.0.0.2:8443/items", "12345"), telemetry.Attempt{Service: "stock"}).End(ctx, answered(503, 3), nil)
	meter.Begin(asked(t, "BREW", "http://10.0.0.1:80/", ""), telemetry.Attempt{Service: "stock"}).End(ctx, nil, fmt.Errorf("call: %w", io.ErrUnexpectedEOF))
	meter.Begin(asked(t, "GET", "http://example.com:8080/x", ""), telemetry.Attempt{})
	require.Equal(t, []string{
		"http.client.active_requests {request} 0 http.request.method=GET server.address=stock server.port=80 url.scheme=http url.template=/items/{id}",
		"http.client.active_requests {request} 0 http.request.method=POST server.address=stock server.port=443 url.scheme=https",
		"http.client.active_requests {request} 0 http.request.method=_OTHER server.address=stock server.port=80 url.scheme=http",
		"http.client.active_requests {request} 1 http.request.method=GET server.address=example.com server.port=8080 url.scheme=http",
		"http.client.request.body.size By 0 error.type=*errors.errorString http.request.method=_OTHER server.address=stock server.port=80 url.scheme=http",
		"http.client.request.body.size By 0 http.request.method=GET http.response.status_code=200 network.protocol.name=http network.protocol.version=1.1 server.address=stock server.port=80 url.scheme=http url.template=/items/{id}",
		"http.client.request.body.size By 5 error.type=503 http.request.method=POST http.response.status_code=503 network.protocol.name=http network.protocol.version=1.1 server.address=stock server.port=443 url.scheme=https",
		"http.client.request.duration s 1 error.type=*errors.errorString http.request.method=_OTHER server.address=stock server.port=80 url.scheme=http",
		"http.client.request.duration s 1 error.type=503 http.request.method=POST http.response.status_code=503 network.protocol.name=http network.protocol.version=1.1 server.address=stock server.port=443 url.scheme=https",
		"http.client.request.duration s 2 http.request.method=GET http.response.status_code=200 network.protocol.name=http network.protocol.version=1.1 server.address=stock server.port=80 url.scheme=http url.template=/items/{id}",
		"http.client.response.body.size By 10 http.request.method=GET http.response.status_code=200 network.protocol.name=http network.protocol.version=1.1 server.address=stock server.port=80 url.scheme=http url.template=/items/{id}",
		"http.client.response.body.size By 3 error.type=503 http.request.method=POST http.response.status_code=503 network.protocol.name=http network.protocol.version=1.1 server.address=stock server.port=443 url.scheme=https",
	}, measured())
}

func TestCallsAreMeasuredUnderSpringsNamesWhenAskedFor(t *testing.T) {
	meter, measured := metered(t, telemetry.Micrometer)
	require.True(t, meter.Timed())
	ctx := t.Context()
	meter.Begin(asked(t, "GET", "http://10.0.0.1:8080/items/7", ""), telemetry.Attempt{Service: "stock"}).End(ctx, answered(200, 10), nil)
	meter.Call(ctx, "STOCK", "GET", "/items/{id}", 200, nil, time.Second)
	meter.Call(ctx, "stock", "", "", 404, nil, time.Second)
	meter.Call(ctx, "stock", "PUT", "/items/{id}", 0, errors.New("broken"), time.Second)
	require.Equal(t, []string{
		"http.client.requests s 1 client.name=stock exception=errorString method=PUT outcome=UNKNOWN status=IO_ERROR uri=/items/{id}",
		"http.client.requests s 1 client.name=stock exception=none method=GET outcome=CLIENT_ERROR status=404 uri=none",
		"http.client.requests s 1 client.name=stock exception=none method=GET outcome=SUCCESS status=200 uri=/items/{id}",
	}, measured())
	both, measured := metered(t, telemetry.Both)
	both.Begin(asked(t, "GET", "http://10.0.0.1:8080/items/7", ""), telemetry.Attempt{Service: "stock"}).End(ctx, answered(200, -1), nil)
	both.Call(ctx, "stock", "GET", "/items/{id}", 200, nil, time.Second)
	names := map[string]bool{}
	for _, line := range measured() {
		names[strings.Fields(line)[0]] = true
	}
	require.Equal(t, map[string]bool{"http.client.active_requests": true, "http.client.request.duration": true, "http.client.request.body.size": true, "http.client.requests": true}, names)
}

func TestLabelsOfCallsAreBounded(t *testing.T) {
	meter, measured := metered(t, telemetry.Both)
	ctx := t.Context()
	for i := range 500 {
		service, template := fmt.Sprint("service-", i), fmt.Sprint("/path/", i)
		meter.Begin(asked(t, fmt.Sprint("M", i), "http://10.0.0.1/", ""), telemetry.Attempt{Service: service, Template: template}).End(ctx, answered(200, -1), nil)
		meter.Call(ctx, service, fmt.Sprint("M", i), template, 200, nil, time.Second)
	}
	durations, active := 0, 0
	for _, line := range measured() {
		if strings.HasPrefix(line, "http.client.request.duration ") || strings.HasPrefix(line, "http.client.requests ") {
			durations++
		}
		if strings.HasPrefix(line, "http.client.active_requests ") {
			active++
		}
	}
	require.Equal(t, 101, active, "a hundred, and one for all others")
	require.Equal(t, 2*101, durations, "a hundred, and one for all others")
}

func TestWithoutAMeterNothingIsMeasured(t *testing.T) {
	require.Nil(t, telemetry.NewClientMeter(noop.NewMeterProvider(), telemetry.Both))
	var none *telemetry.ClientMeter
	require.Zero(t, testing.AllocsPerRun(10, func() {
		none.Begin(nil, telemetry.Attempt{}).End(context.Background(), nil, nil)
		none.Call(context.Background(), "a", "GET", "", 200, nil, 0)
	}))
}

func TestAnAttemptThatIsMeasuredAllocatesNothing(t *testing.T) {
	meter, _ := metered(t, telemetry.Both)
	request, response, ctx := asked(t, "GET", "http://10.0.0.1:8080/items/7", ""), answered(200, 5), context.Background()
	require.LessOrEqual(t, testing.AllocsPerRun(100, func() {
		meter.Begin(request, telemetry.Attempt{Service: "stock", Template: "/items/{id}"}).End(ctx, response, nil)
		meter.Call(ctx, "stock", "GET", "/items/{id}", 200, nil, time.Second)
	}), 1.0)
}

func BenchmarkClientMeter(b *testing.B) {
	meter, _ := metered(b, telemetry.OTel)
	request, response, ctx := asked(b, "GET", "http://10.0.0.1:8080/items/7", ""), answered(200, 5), context.Background()
	b.ReportAllocs()
	for b.Loop() {
		meter.Begin(request, telemetry.Attempt{Service: "stock", Template: "/items/{id}"}).End(ctx, response, nil)
	}
}
