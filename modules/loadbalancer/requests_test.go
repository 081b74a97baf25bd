package loadbalancer_test

import (
	"fmt"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/fx"

	"github.com/archimedes-go/archimedes/config/configtest"
	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/loadbalancer"
)

// points returns what was measured, as "name{key=value,…} n", n being the value, or how many were timed.
func points(t testing.TB, reader sdkmetric.Reader) map[string]int64 {
	t.Helper()
	var all metricdata.ResourceMetrics
	require.NoError(t, reader.Collect(t.Context(), &all))
	found := map[string]int64{}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			key := func(set attribute.Set) string {
				return m.Name + "{" + set.Encoded(attribute.DefaultEncoder()) + "}"
			}
			switch data := m.Data.(type) {
			case metricdata.Gauge[int64]:
				for _, p := range data.DataPoints {
					found[key(p.Attributes)] = p.Value
				}
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					found[key(p.Attributes)] = p.Value
				}
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					found[key(p.Attributes)] = int64(p.Count)
				}
			}
		}
	}
	return found
}

func measured(t testing.TB, resolver discovery.Resolver, configure func(*loadbalancer.Config), options ...loadbalancer.Option) (*loadbalancer.Balancer, sdkmetric.Reader) {
	t.Helper()
	reader := sdkmetric.NewManualReader()
	cfg := loadbalancer.DefaultConfig()
	configure(&cfg)
	options = append(options, loadbalancer.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))))
	b, err := loadbalancer.New(cfg, resolver, options...)
	require.NoError(t, err)
	return b, reader
}

const i0 = "serviceId=stock,serviceInstance.host=10.0.0.1,serviceInstance.instanceId=i0,serviceInstance.port=80"

func TestCallsUnderWayAndEjectedInstancesAreGauges(t *testing.T) {
	b, reader := measured(t, stock(of(2)...), asDefault)
	p, err := b.Pick(t.Context(), loadbalancer.Request{Service: "stock", Prefer: &loadbalancer.Preference{Instance: "i0"}})
	require.NoError(t, err)
	p.Again()
	i1 := "serviceId=stock,serviceInstance.host=10.0.0.2,serviceInstance.instanceId=i1,serviceInstance.port=80"
	require.Equal(t, map[string]int64{
		"loadbalancer.requests.active{" + i0 + "}": 2, "loadbalancer.requests.active{" + i1 + "}": 0,
		"loadbalancer.instances.ejected{archimedes.service=stock}": 0,
	}, points(t, reader))
	for range 5 {
		p.Again().Done(refused)
	}
	require.Equal(t, int64(1), points(t, reader)["loadbalancer.instances.ejected{archimedes.service=stock}"])
}

func TestCallsAreTimedUnderSpringsNames(t *testing.T) {
	call := loadbalancer.Call{Method: "GET", Template: "/stock/{id}", Path: "/stock/7"}
	for name, tc := range map[string]struct {
		o    loadbalancer.Outcome
		want string
	}{
		"an answer":           {loadbalancer.Outcome{Status: 200, Call: &call}, "success{method=GET,outcome=SUCCESS," + i0 + ",status=200,uri=/stock/{id}}"},
		"an error":            {loadbalancer.Outcome{Status: 503, Failed: true, Call: &call}, "success{method=GET,outcome=SERVER_ERROR," + i0 + ",status=503,uri=/stock/{id}}"},
		"no answer":           {loadbalancer.Outcome{Failed: true, Err: fmt.Errorf("dial: %w", &net.OpError{Op: "dial", Err: &net.DNSError{}}), Call: &call}, "failed{exception=DNSError,method=GET," + i0 + ",uri=/stock/{id}}"},
		"without a template":  {loadbalancer.Outcome{Status: 404, Call: &loadbalancer.Call{Method: "POST", Path: "/stock/7"}}, "success{method=POST,outcome=CLIENT_ERROR," + i0 + ",status=404,uri=/stock/7}"},
		"of which none knows": {loadbalancer.Outcome{Status: 301, Call: &loadbalancer.Call{}}, "success{method=UNKNOWN,outcome=REDIRECTION," + i0 + ",status=301,uri=UNKNOWN}"},
	} {
		t.Run(name, func(t *testing.T) {
			b, reader := measured(t, stock(of(1)...), asDefault, loadbalancer.WithTimers())
			for range 3 {
				p, err := b.Pick(t.Context(), loadbalancer.Request{Service: "stock"})
				require.NoError(t, err)
				tc.o.Took = time.Millisecond
				p.Done(tc.o)
			}
			require.Equal(t, int64(3), points(t, reader)["loadbalancer.requests."+tc.want], points(t, reader))
		})
	}
}

func TestCallsWithoutAnInstanceAreCounted(t *testing.T) {
	b, reader := measured(t, stock(), asDefault)
	_, err := b.Pick(t.Context(), loadbalancer.Request{Service: "stock", Call: &loadbalancer.Call{Method: "GET", Template: "/x"}})
	require.ErrorIs(t, err, loadbalancer.ErrNoInstance)
	require.Equal(t, int64(1), points(t, reader)["loadbalancer.requests.discard{method=GET,serviceId=stock,uri=/x}"])
}

func TestPathsAreLeftOutOrBounded(t *testing.T) {
	no := false
	b, reader := measured(t, stock(of(1)...), func(c *loadbalancer.Config) { c.Stats.IncludePath = &no }, loadbalancer.WithTimers())
	again, many := measured(t, stock(of(1)...), asDefault, loadbalancer.WithTimers())
	for i := range 1000 {
		for _, b := range []*loadbalancer.Balancer{b, again} {
			p, err := b.Pick(t.Context(), loadbalancer.Request{Service: "stock"})
			require.NoError(t, err)
			p.Done(loadbalancer.Outcome{Status: 200, Took: 1, Call: &loadbalancer.Call{Method: "GET", Path: fmt.Sprint("/", i)}})
		}
	}
	require.Equal(t, int64(1000), points(t, reader)["loadbalancer.requests.success{method=GET,outcome=SUCCESS,"+i0+",status=200,uri=UNKNOWN}"])
	require.Equal(t, int64(900), points(t, many)["loadbalancer.requests.success{method=GET,outcome=SUCCESS,"+i0+",status=200,uri=UNKNOWN}"])
}

func TestMeasuringAllocatesNothing(t *testing.T) {
	b, _ := measured(t, stock(of(10)...), asDefault, loadbalancer.WithTimers())
	call := loadbalancer.Call{Method: "GET", Template: "/x"}
	for range 1000 {
		p, _ := b.Pick(t.Context(), loadbalancer.Request{Service: "stock"})
		p.Done(loadbalancer.Outcome{Status: 200, Took: 1, Call: &call})
	}
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		p, _ := b.Pick(t.Context(), loadbalancer.Request{Service: "stock"})
		p.Done(loadbalancer.Outcome{Status: 200, Took: 1, Call: &call})
	}))
}

func TestModuleTimesCallsWhenTheSettingsSaySo(t *testing.T) {
	for text, want := range map[string]bool{
		"": false,
		"management.observations.conventions: otel":                                                                  false,
		"management.observations.conventions: both":                                                                  true,
		"management.observations.conventions: micrometer":                                                            true,
		"spring.cloud.loadbalancer.stats.micrometer.enabled: true":                                                   true,
		"spring.cloud.loadbalancer.stats.micrometer.enabled: false\nmanagement.observations.conventions: micrometer": false,
	} {
		t.Run(text, func(t *testing.T) {
			reader := sdkmetric.NewManualReader()
			c := configtest.FromYAML(t, text)
			var b *loadbalancer.Balancer
			app := fx.New(fx.NopLogger, fx.Supply(c, slog.New(slog.DiscardHandler)), fx.Supply(fx.Annotate(stock(of(1)...), fx.As(new(discovery.Resolver)))),
				fx.Supply(fx.Annotate(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)), fx.As(new(metric.MeterProvider)))), loadbalancer.Module(c), fx.Populate(&b))
			require.NoError(t, app.Err())
			p, err := b.Pick(t.Context(), loadbalancer.Request{Service: "stock"})
			require.NoError(t, err)
			p.Done(loadbalancer.Outcome{Status: 200, Took: 1, Call: &loadbalancer.Call{Method: "GET", Path: "/"}})
			_, timed := points(t, reader)["loadbalancer.requests.success{method=GET,outcome=SUCCESS,"+i0+",status=200,uri=/}"]
			require.Equal(t, want, timed)
		})
	}
}
