package loadbalancer_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/archimedes-go/archimedes/modules/loadbalancer"
)

// retries makes calls and asks for a retry of each; it returns how many were granted.
func retries(t testing.TB, b *loadbalancer.Balancer, calls int) (granted int) {
	t.Helper()
	for range calls {
		p, err := b.Pick(t.Context(), loadbalancer.Request{Service: "stock"})
		require.NoError(t, err)
		p.Begins()
		if p.MayRetry(false) {
			granted++
		}
		p.Done(loadbalancer.Outcome{Unknown: true})
	}
	return granted
}

func TestRetriesHaveABudget(t *testing.T) {
	zero, half, none, five := 0.0, 0.5, 0, 5
	for name, tc := range map[string]struct {
		budget  loadbalancer.RetryBudget
		seconds int // during each of which there are
		calls   int
		want    int
	}{
		"ten at once":                {loadbalancer.RetryBudget{}, 1, 10, 10},
		"a fifth, and ten":           {loadbalancer.RetryBudget{}, 1, 1000, 210},
		"ten a second":               {loadbalancer.RetryBudget{}, 5, 1000, 5 * 210},
		"for as long as it goes on":  {loadbalancer.RetryBudget{}, 60, 1000, 60 * 210},
		"of a service called rarely": {loadbalancer.RetryBudget{}, 60, 10, 60 * 10},
		"another share":              {loadbalancer.RetryBudget{Ratio: &half}, 1, 1000, 510},
		"no share":                   {loadbalancer.RetryBudget{Ratio: &zero}, 4, 1000, 40},
		"another rate":               {loadbalancer.RetryBudget{PerSecond: &five}, 1, 1000, 205},
		"nothing":                    {loadbalancer.RetryBudget{Ratio: &zero, PerSecond: &none}, 3, 1000, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := loadbalancer.DefaultConfig()
				cfg.Clients = map[string]loadbalancer.Service{"STOCK": {Retry: loadbalancer.Retry{Budget: tc.budget}}}
				b, err := loadbalancer.New(cfg, stock(of(2)...))
				require.NoError(t, err)
				granted := 0
				for range tc.seconds {
					granted += retries(t, b, tc.calls)
					time.Sleep(time.Second)
				}
				require.Equal(t, tc.want, granted)
			})
		})
	}
}

func TestWhatTheBudgetSavesLastsTenSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := balancer(t, stock(of(2)...), loadbalancer.Random)
		for range 60 {
			for range 100 {
				p, err := b.Pick(t.Context(), loadbalancer.Request{Service: "stock"})
				require.NoError(t, err)
				p.Begins()
				p.Done(keeps)
			}
			time.Sleep(time.Second)
		}
		// A sixtieth second has begun, in which nobody has called yet.
		p, err := b.Pick(t.Context(), loadbalancer.Request{Service: "stock"})
		require.NoError(t, err)
		granted := 0
		for p.MayRetry(false) {
			granted++
		}
		require.Equal(t, 9*20+10*10, granted)
		time.Sleep(time.Hour)
		require.True(t, p.MayRetry(false))
	})
}

func TestWhatIsFreeDrawsOnNoBudget(t *testing.T) {
	b := balancer(t, stock(of(2)...), loadbalancer.Random)
	p, err := b.Pick(t.Context(), loadbalancer.Request{Service: "stock"})
	require.NoError(t, err)
	for range 1000 {
		require.True(t, p.MayRetry(true))
	}
	require.True(t, p.MayRetry(false))
}

// sums returns the sum of each counter, with its labels but for the service's.
func sums(t testing.TB, reader sdkmetric.Reader) map[string]int64 {
	t.Helper()
	var all metricdata.ResourceMetrics
	require.NoError(t, reader.Collect(context.Background(), &all))
	totals := map[string]int64{}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			sum, ok := m.Data.(metricdata.Sum[int64])
			if !ok {
				continue
			}
			for _, point := range sum.DataPoints {
				name := m.Name
				for _, label := range point.Attributes.ToSlice() {
					if label.Key == "archimedes.service" {
						require.Equal(t, "stock", label.Value.AsString())
						continue
					}
					name += " " + string(label.Key) + "=" + label.Value.String()
				}
				totals[name] += point.Value
			}
		}
	}
	return totals
}

func TestEjectionsAndRetriesAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reader := sdkmetric.NewManualReader()
		cfg := loadbalancer.DefaultConfig()
		cfg.Strategy = loadbalancer.RoundRobin
		b, err := loadbalancer.New(cfg, stock(of(4)...), loadbalancer.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))))
		require.NoError(t, err)
		fail(t, b, "i0", 5, refused)
		fail(t, b, "i1", 5, refused)
		fail(t, b, "i2", 5, broken)
		fail(t, b, "i3", 50, broken)
		retries(t, b, 20)
		require.Equal(t, map[string]int64{
			"loadbalancer.ejections reason=dials":   2,
			"loadbalancer.ejections reason=answers": 1,
			"loadbalancer.ejections.overruled":      1,
			"loadbalancer.retries":                  14,
			"loadbalancer.retries.refused":          6,
		}, sums(t, reader))
	})
}
