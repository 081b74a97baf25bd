package loadbalancer_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/loadbalancer"
)

// bounded returns a balancer of "stock" whose calls are bounded, and what it counts.
func bounded(t testing.TB, most int, wait time.Duration) (*loadbalancer.Balancer, sdkmetric.Reader) {
	t.Helper()
	reader := sdkmetric.NewManualReader()
	cfg := loadbalancer.DefaultConfig()
	cfg.Clients = map[string]loadbalancer.Service{"Stock": {Bulkhead: loadbalancer.Bulkhead{MaxConcurrentCalls: &most, MaxWait: &wait}}}
	known := discovery.Static{"stock": discovery.NewSet(of(2)...), "other": discovery.NewSet(of(2)...)}
	b, err := loadbalancer.New(cfg, known, loadbalancer.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))))
	require.NoError(t, err)
	return b, reader
}

func TestNoMoreCallsThanAllowedAreUnderWay(t *testing.T) {
	b, reader := bounded(t, 2, 0)
	first, err := b.Enter(t.Context(), "stock")
	require.NoError(t, err)
	_, err = b.Enter(t.Context(), "STOCK")
	require.NoError(t, err)
	_, err = b.Enter(t.Context(), "stock")
	var full *loadbalancer.BulkheadError
	require.ErrorAs(t, err, &full)
	require.Equal(t, loadbalancer.BulkheadError{Service: "stock", MaxConcurrentCalls: 2}, *full)
	require.ErrorContains(t, err, "bulkhead.max-concurrent-calls")
	first()
	_, err = b.Enter(t.Context(), "stock")
	require.NoError(t, err)
	require.Equal(t, map[string]int64{"loadbalancer.bulkhead.rejections": 1}, sums(t, reader))
	leave, err := b.Enter(t.Context(), "other")
	require.NoError(t, err)
	require.Nil(t, leave, "the other service has no bulkhead")
	_, err = b.Enter(t.Context(), "nobody")
	require.ErrorIs(t, err, discovery.ErrUnknownService)
}

func TestACallWaitsForItsTurnAsLongAsItMay(t *testing.T) {
	gone := errors.New("gone")
	for name, tc := range map[string]struct {
		leaves, cancels time.Duration // after the wait began
		want            time.Duration
		err             error
	}{
		"its turn comes":       {2 * time.Second, time.Hour, 2 * time.Second, nil},
		"it waits no longer":   {time.Hour, time.Hour, 3 * time.Second, &loadbalancer.BulkheadError{Service: "stock", MaxConcurrentCalls: 1, MaxWait: 3 * time.Second}},
		"its caller goes away": {time.Hour, time.Second, time.Second, gone},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, _ := bounded(t, 1, 3*time.Second)
				leave, err := b.Enter(t.Context(), "stock")
				require.NoError(t, err)
				time.AfterFunc(tc.leaves, leave)
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(tc.cancels, func() { cancel(gone) })
				began := time.Now()
				_, err = b.Enter(ctx, "stock")
				require.Equal(t, tc.err, err)
				require.Equal(t, tc.want, time.Since(began))
			})
		})
	}
}

func TestWithoutABulkheadNothingIsBounded(t *testing.T) {
	b := balancer(t, stock(of(1)...), loadbalancer.Random)
	for range 1000 {
		leave, err := b.Enter(t.Context(), "stock")
		require.NoError(t, err)
		require.Nil(t, leave)
	}
}
