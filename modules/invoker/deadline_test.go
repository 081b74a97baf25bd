package invoker_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/invoker"
	"github.com/archimedes-go/archimedes/modules/loadbalancer"
)

// Whatever instances do, no attempt outlives the caller's deadline, and each is given a share of the time: the first half of it, the
// next half of what is left, and the last all that remains.
func TestADeadlineIsKeptAndSharedAmongInstances(t *testing.T) {
	for _, n := range []int{1, 2, 3, 5} {
		synctest.Test(t, func(t *testing.T) {
			const deadline = 16 * time.Second
			began := time.Now()
			var instances []discovery.Instance
			for i := range n {
				instances = append(instances, discovery.Instance{ID: fmt.Sprint("i", i), Address: fmt.Sprintf("h%d:1", i)})
			}
			var shares []time.Duration
			c := calling(t, loadbalancer.DefaultConfig(), instances, invoker.WithTransport(stub(func(r *http.Request) (*http.Response, error) {
				at := time.Now()
				until, ok := r.Context().Deadline()
				require.True(t, ok, "it is passed on")
				require.False(t, until.After(began.Add(deadline)))
				<-r.Context().Done()
				shares = append(shares, time.Since(at))
				return nil, r.Context().Err()
			})))
			_, err := invoker.GetForObject[string](t.Context(), c.With(invoker.Timeout(deadline)), "http://stock/")
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Equal(t, deadline, time.Since(began))
			var want []time.Duration
			left := deadline
			for range n - 1 {
				left /= 2
				want = append(want, left)
			}
			require.Equal(t, append(want, left), shares)
		})
	}
}

func TestNoAttemptOutlivesTheCallersDeadlineWhateverInstancesDo(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		deadline := time.Duration(rapid.IntRange(1, 5000).Draw(rt, "deadline in ms")) * time.Millisecond
		method := rapid.SampledFrom([]string{"GET", "POST", "PUT"}).Draw(rt, "method")
		hedge := time.Duration(rapid.IntRange(0, 500).Draw(rt, "hedge in ms")) * time.Millisecond
		backoff := rapid.Bool().Draw(rt, "backoff")
		n := rapid.IntRange(1, 4).Draw(rt, "instances")
		serve := map[string]func(*http.Request) (*http.Response, error){}
		var instances []discovery.Instance
		for i := range n {
			host := fmt.Sprint("h", i)
			instances = append(instances, discovery.Instance{ID: host, Address: host + ":1"})
			then := rapid.SampledFrom([]func(*http.Request) (*http.Response, error){well, refuse, reset, answering(503), answering(500), hang}).Draw(rt, "outcome")
			serve[host] = late(time.Duration(rapid.IntRange(0, 6000).Draw(rt, "latency in ms"))*time.Millisecond, then)
		}
		synctest.Test(t, func(t *testing.T) {
			j := &journal{serve: serve, began: time.Now()}
			cfg := loadbalancer.DefaultConfig()
			cfg.Hedge.Delay, cfg.Retry.Backoff.Enabled = &hedge, &backoff
			c := calling(t, cfg, instances, invoker.WithTransport(j))
			began := time.Now()
			_, err := invoker.Exchange[string](t.Context(), c.With(invoker.Timeout(deadline)), method, "http://stock/", nil)
			if took := time.Since(began); took > deadline {
				rt.Fatalf("the call took %v of %v: %v", took, deadline, err)
			}
			synctest.Wait() // every attempt has ended, or the bubble would not
		})
	})
}
