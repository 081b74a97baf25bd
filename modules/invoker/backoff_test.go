package invoker_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/modules/invoker"
	"github.com/archimedes-go/archimedes/modules/loadbalancer"
)

// backing is a configuration with a backoff of 100 ms, and 400 ms at the most, without jitter.
func backing(change func(*loadbalancer.Retry)) loadbalancer.Config {
	on, least, most, jitter := true, 100*time.Millisecond, 400*time.Millisecond, 0.0
	cfg := loadbalancer.DefaultConfig()
	cfg.Retry.Backoff = loadbalancer.Backoff{Enabled: &on, Min: &least, Max: &most, Jitter: &jitter}
	if change != nil {
		change(&cfg.Retry)
	}
	return cfg
}

func TestACallBacksOffOnlyWhenInstancesRunOut(t *testing.T) {
	off, one, five, low := false, 1, 5, 40
	zero := 0.0
	for name, tc := range map[string]struct {
		change  func(*loadbalancer.Retry)
		method  string
		serve   func(*http.Request) (*http.Response, error)
		timeout time.Duration
		want    string // attempts, and how long after the first the last one came
		after   time.Duration
	}{
		"three times":                          {nil, "GET", answering(503), 0, "abababab", 700 * time.Millisecond},
		"refused, whatever is sent":            {nil, "POST", refuse, 0, "abababab", 700 * time.Millisecond},
		"not what was sent":                    {nil, "POST", reset, 0, "a", 0},
		"off":                                  {func(r *loadbalancer.Retry) { r.Backoff.Enabled = &off }, "GET", answering(503), 0, "ab", 0},
		"not with one more":                    {func(r *loadbalancer.Retry) { r.NextInstance = &one }, "GET", answering(503), 0, "ab", 0},
		"as often as it is set":                {func(r *loadbalancer.Retry) { r.NextInstance = &five }, "GET", answering(503), 0, "ababab", 300 * time.Millisecond},
		"within the budget":                    {func(r *loadbalancer.Retry) { r.Budget.PerSecond, r.Budget.Ratio = &five, &zero }, "GET", answering(503), 0, "ababab", 300 * time.Millisecond},
		"the budget counts refused dials, too": {func(r *loadbalancer.Retry) { r.Budget.PerSecond, r.Budget.Ratio = &one, &zero }, "GET", refuse, 0, "abab", 100 * time.Millisecond},
		"within the caller's time":             {nil, "GET", answering(503), 250 * time.Millisecond, "abab", 100 * time.Millisecond},
		"to the maximum":                       {func(r *loadbalancer.Retry) { r.NextInstance = &low; r.Budget.PerSecond = &low }, "GET", answering(503), 1600 * time.Millisecond, "abababababab", 1500 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began, last, seen := time.Now(), time.Time{}, ""
				c := calling(t, backing(tc.change), ab(), invoker.WithTransport(stub(func(r *http.Request) (*http.Response, error) {
					seen, last = seen+r.URL.Hostname(), time.Now()
					return tc.serve(r)
				})))
				_, err := invoker.Exchange[string](t.Context(), c.With(invoker.Timeout(tc.timeout)), tc.method, "http://stock/", nil)
				require.Error(t, err)
				require.Equal(t, tc.want, seen)
				require.Equal(t, tc.after, last.Sub(began))
				require.Equal(t, last, time.Now(), "nobody waits for nothing")
			})
		})
	}
}

func TestABackoffEndsWithTheCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := calling(t, backing(nil), ab(), invoker.WithTransport(stub(refuse)))
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(50*time.Millisecond, cancel)
		began := time.Now()
		_, err := invoker.GetForObject[string](ctx, c, "http://stock/")
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, 50*time.Millisecond, time.Since(began))
	})
}

func TestBackoffsDiffer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := backing(func(r *loadbalancer.Retry) { r.Backoff.Jitter = nil })
		c := calling(t, cfg, ab(), invoker.WithTransport(stub(refuse)))
		waits := map[time.Duration]bool{}
		for range 20 {
			began := time.Now()
			_, _ = invoker.GetForObject[string](t.Context(), c, "http://stock/")
			wait := time.Since(began)
			require.True(t, 350*time.Millisecond <= wait && wait <= 950*time.Millisecond, "%v", wait)
			waits[wait] = true
			time.Sleep(time.Minute)
		}
		require.Greater(t, len(waits), 10)
	})
}
