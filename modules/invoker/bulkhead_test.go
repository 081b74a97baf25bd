package invoker_test

import (
	"context"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/modules/invoker"
	"github.com/archimedes-go/archimedes/modules/loadbalancer"
)

// one is a client of which one call may be under way.
func one(t *testing.T, serve func(*http.Request) (*http.Response, error)) *invoker.Client {
	t.Helper()
	most := 1
	cfg := loadbalancer.DefaultConfig()
	cfg.Bulkhead.MaxConcurrentCalls = &most
	return calling(t, cfg, ab(), invoker.WithTransport(stub(serve)))
}

func TestACallBeyondTheBulkheadIsNotMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := one(t, late(time.Second, well))
		go func() { _, _ = invoker.GetForObject[string](t.Context(), c, "http://stock/") }()
		synctest.Wait()
		for name, call := range map[string]func() error{
			"a call":    func() error { _, err := invoker.GetForObject[string](t.Context(), c, "http://stock/"); return err },
			"DoService": func() error { _, err := invoker.DoService[string](t.Context(), c, "stock", "/"); return err },
			"WalkNodes": func() error {
				_, err := invoker.WalkNodes(t.Context(), c, "stock", "/", func(context.Context, string) (int, error) { return 0, nil })
				return err
			},
		} {
			err := call()
			var full *loadbalancer.BulkheadError
			require.ErrorAs(t, err, &full, name)
			var failed *invoker.CallError
			require.ErrorAs(t, err, &failed, name)
			require.Equal(t, http.StatusServiceUnavailable, failed.StatusCode())
		}
		time.Sleep(time.Second)
		synctest.Wait()
		_, err := invoker.GetForObject[string](t.Context(), c, "http://stock/")
		require.NoError(t, err)
	})
}

func TestACallIsUnderWayUntilItsBodyIsClosed(t *testing.T) {
	c := one(t, well)
	do := func() (*http.Response, error) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://stock/", nil)
		require.NoError(t, err)
		return c.Do(request)
	}
	response, err := do()
	require.NoError(t, err)
	_, err = io.ReadAll(response.Body)
	require.NoError(t, err)
	_, err = do()
	require.ErrorAs(t, err, new(*loadbalancer.BulkheadError))
	require.NoError(t, response.Body.Close())
	require.NoError(t, response.Body.Close(), "twice is once")
	response, err = do()
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
}

func TestACallThatFailsLeavesItsPlace(t *testing.T) {
	c := one(t, refuse)
	for range 3 {
		_, err := invoker.GetForObject[string](t.Context(), c, "http://stock/")
		require.ErrorContains(t, err, "connection refused")
		_, err = invoker.WalkNodes(t.Context(), c, "stock", "/", func(context.Context, string) (int, error) { return 0, nil })
		require.NoError(t, err)
	}
}
