package invoker_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/modules/invoker"
	"github.com/archimedes-go/archimedes/modules/loadbalancer"
)

func TestACallByNameAllocatesLittleMoreThanNetHTTP(t *testing.T) {
	transport := stub(func(r *http.Request) (*http.Response, error) { return ok(r), nil })
	for name, bound := range map[string]func() (context.Context, context.CancelFunc){
		"without a deadline": func() (context.Context, context.CancelFunc) { return context.Background(), func() {} },
		"with a deadline": func() (context.Context, context.CancelFunc) {
			return context.WithTimeout(context.Background(), time.Minute)
		},
	} {
		ctx, cancel := bound()
		defer cancel()
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://stock/x", nil)
		require.NoError(t, err)
		allocations := func(do func(*http.Request) (*http.Response, error)) float64 {
			return testing.AllocsPerRun(100, func() {
				if response, err := do(request); err == nil {
					response.Body.Close()
				}
			})
		}
		plain := allocations((&http.Client{Transport: transport}).Do)
		byName := allocations(calling(t, loadbalancer.DefaultConfig(), ab(), invoker.WithTransport(transport)).Do)
		t.Logf("%s: %.0f, by name %.0f", name, plain, byName)
		require.LessOrEqual(t, byName-plain, 10.0, name)
	}
}

func BenchmarkCall(b *testing.B) {
	transport := stub(func(r *http.Request) (*http.Response, error) { return ok(r), nil })
	request, _ := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://stock/x", nil)
	b.Run("net-http", func(b *testing.B) {
		client := http.Client{Transport: transport}
		b.ReportAllocs()
		for b.Loop() {
			response, err := client.Do(request)
			if err != nil {
				b.Fatal(err)
			}
			response.Body.Close()
		}
	})
	b.Run("by-name", func(b *testing.B) {
		c := calling(b, loadbalancer.DefaultConfig(), ab(), invoker.WithTransport(transport))
		b.ReportAllocs()
		for b.Loop() {
			response, err := c.Do(request)
			if err != nil {
				b.Fatal(err)
			}
			response.Body.Close()
		}
	})
}
