package invoker_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/invoker"
	"github.com/archimedes-go/archimedes/modules/loadbalancer"
)

func refuse(*http.Request) (*http.Response, error) { return nil, errRefused }
func reset(*http.Request) (*http.Response, error)  { return nil, errors.New("connection reset by peer") }

// noRetries is a budget that allows nothing.
func noRetries() loadbalancer.Config {
	zero, none := 0.0, 0
	cfg := loadbalancer.DefaultConfig()
	cfg.Retry.Budget = loadbalancer.RetryBudget{Ratio: &zero, PerSecond: &none}
	cfg.Ejection.Enabled = false
	return cfg
}

func TestRetriesMultiplyNoOverload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &hosts{serve: map[string]func(*http.Request) (*http.Response, error){"a": answering(503), "b": answering(503), "c": answering(503)}}
		c := turns(t, h, append(ab(), discovery.Instance{ID: "c", Address: "c:1"})...)
		const seconds, rate = 30, 100
		for range seconds * rate {
			_, err := invoker.GetForObject[string](t.Context(), c, "http://stock/")
			require.ErrorContains(t, err, "503 Service Unavailable")
			time.Sleep(time.Second / rate)
		}
		require.LessOrEqual(t, len(h.seen), seconds*rate*12/10+10*seconds)
		require.GreaterOrEqual(t, len(h.seen), seconds*rate*12/10, "what the budget allows is used")
	})
}

func TestWithoutABudgetACallGoesOnOnlyWhereNothingWasSent(t *testing.T) {
	for name, tc := range map[string]struct {
		first  func(*http.Request) (*http.Response, error)
		answer bool
	}{
		"refused dial": {refuse, true},
		"reset":        {reset, false},
		"status 503":   {answering(503), false},
	} {
		t.Run(name, func(t *testing.T) {
			h := &hosts{serve: map[string]func(*http.Request) (*http.Response, error){"a": tc.first}}
			_, err := invoker.GetForObject[string](t.Context(), calling(t, noRetries(), ab(), invoker.WithTransport(h)), "http://stock/")
			if tc.answer {
				require.NoError(t, err)
				return
			}
			require.Error(t, err)
			require.Equal(t, []string{"a"}, h.seen)
		})
	}
}

func TestAnErrorSaysThatTheBudgetEndedTheCall(t *testing.T) {
	h := &hosts{serve: map[string]func(*http.Request) (*http.Response, error){"a": reset}}
	_, err := invoker.GetForObject[string](t.Context(), calling(t, noRetries(), ab(), invoker.WithTransport(h)), "http://stock/")
	require.ErrorContains(t, err, "budget of retries is used up")
	require.ErrorContains(t, err, "connection reset by peer")
}

func TestAnAttemptKeepsAllTheTimeWhenTheBudgetAllowsNoOther(t *testing.T) {
	for name, body := range map[string]bool{"to its headers": false, "to its body": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := calling(t, noRetries(), ab(), invoker.WithTransport(stub(func(r *http.Request) (*http.Response, error) {
					response := ok(r)
					if body {
						response.Body, response.ContentLength = io.NopCloser(&trickle{ctx: r.Context(), every: 3 * time.Second, text: "x"}), -1
					} else {
						time.Sleep(3 * time.Second)
					}
					return response, r.Context().Err()
				})))
				_, err := invoker.GetForObject[string](t.Context(), c.With(invoker.Timeout(4*time.Second)), "http://stock/")
				require.NoError(t, err)
			})
		})
	}
}

func TestABodyThatStallsGoesElsewhereAfterTheAttemptsShare(t *testing.T) {
	for name, tc := range map[string]struct {
		timeout, want time.Duration
	}{
		"half of the caller's time": {4 * time.Second, 2 * time.Second},
		"the read timeout":          {0, 10 * time.Second},
		"whichever is less":         {time.Minute, 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				h := &hosts{serve: map[string]func(*http.Request) (*http.Response, error){"a": func(r *http.Request) (*http.Response, error) {
					response := ok(r)
					reader, writer := io.Pipe()
					context.AfterFunc(r.Context(), func() { writer.CloseWithError(context.Cause(r.Context())) })
					response.Body, response.ContentLength = reader, -1
					return response, nil
				}}}
				c := calling(t, loadbalancer.DefaultConfig(), ab(), invoker.WithTransport(h))
				_, err := invoker.GetForObject[string](t.Context(), c.With(invoker.Timeout(tc.timeout)), "http://stock/")
				require.NoError(t, err)
				require.Equal(t, tc.want, time.Since(began))
			})
		})
	}
}

func TestDoServiceTriesEveryNodeOnceWhateverTheBudgetAndTheKeysSay(t *testing.T) {
	off, none, two := false, 0, 2
	for name, retry := range map[string]loadbalancer.Retry{
		"no budget":        noRetries().Retry,
		"retry is off":     {Enabled: &off},
		"no other":         {NextInstance: &none},
		"each three times": {SameInstance: &two},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := loadbalancer.DefaultConfig()
			cfg.Retry = retry
			h := &hosts{serve: map[string]func(*http.Request) (*http.Response, error){"a": answering(503), "b": reset, "c": refuse}}
			c := calling(t, cfg, append(ab(), discovery.Instance{ID: "c", Address: "c:1"}, discovery.Instance{ID: "d", Address: "d:1"}), invoker.WithTransport(h))
			_, err := invoker.DoService[string](t.Context(), c, "stock", "/")
			require.NoError(t, err)
			require.Equal(t, []string{"a", "b", "c", "d"}, h.seen)
		})
	}
}

func TestDoServiceAndWalkNodesTryEjectedNodesLast(t *testing.T) {
	for name, call := range map[string]func(context.Context, *invoker.Client, *hosts) error{
		"DoService": func(ctx context.Context, c *invoker.Client, _ *hosts) error {
			_, err := invoker.DoService[string](ctx, c, "stock", "/")
			return err
		},
		"WalkNodes": func(ctx context.Context, c *invoker.Client, h *hosts) error {
			_, err := invoker.WalkNodes(ctx, c, "stock", "/", func(ctx context.Context, url string) (int, error) {
				r, _ := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
				response, err := h.RoundTrip(r)
				if err == nil && response.StatusCode >= 500 {
					err = errors.New(response.Status)
				}
				return 0, err
			})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := &hosts{serve: map[string]func(*http.Request) (*http.Response, error){"a": refuse}}
				c := turns(t, h, append(ab(), discovery.Instance{ID: "c", Address: "c:1"})...)
				for range 20 {
					require.NoError(t, call(t.Context(), c, h))
				}
				h.seen = nil
				h.serve["a"], h.serve["b"], h.serve["c"] = nil, answering(503), answering(503)
				require.NoError(t, call(t.Context(), c, h))
				require.Len(t, h.seen, 3)
				require.Equal(t, "a", h.seen[2])
			})
		})
	}
}

func TestAnInstanceMayBeTriedTwiceInARowWhenItNeedNotBeAvoided(t *testing.T) {
	no, three := false, 3
	for name, tc := range map[string]struct {
		retry loadbalancer.Retry
		want  []string
	}{
		"once, as in Spring":    {loadbalancer.Retry{AvoidPrevious: &no}, []string{"a", "a"}},
		"as often as it is set": {loadbalancer.Retry{AvoidPrevious: &no, NextInstance: &three}, []string{"a", "a", "a", "a"}},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := loadbalancer.DefaultConfig()
			cfg.Retry = tc.retry
			h := &hosts{serve: map[string]func(*http.Request) (*http.Response, error){"a": answering(503)}}
			_, err := invoker.GetForObject[string](t.Context(), calling(t, cfg, ab(), invoker.WithTransport(h)), "http://stock/")
			require.Error(t, err)
			require.Equal(t, tc.want, h.seen)
		})
	}
}

func TestANodesOwnTimeEndsAnAttemptThatTheBudgetLetGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		c := calling(t, noRetries(), ab(), invoker.WithTransport(stub(hang)))
		_, err := invoker.GetForObject[string](t.Context(), c.With(invoker.Timeout(4*time.Second), invoker.NodeTimeout(3*time.Second)), "http://stock/")
		require.ErrorContains(t, err, "within the time of this attempt")
		require.Equal(t, 3*time.Second, time.Since(began), "not after half of the caller's time, and not after all of it")
	})
}
