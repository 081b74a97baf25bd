package invoker_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/invoker"
	"github.com/archimedes-go/archimedes/modules/loadbalancer"
)

var errRefused = &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connect: connection refused")}

// hang waits for as long as the attempt may take.
func hang(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// hosts is a transport that answers by host and remembers whom it was sent to.
type hosts struct {
	serve map[string]func(*http.Request) (*http.Response, error)
	seen  []string
}

func (h *hosts) RoundTrip(r *http.Request) (*http.Response, error) {
	h.seen = append(h.seen, r.URL.Hostname())
	if serve := h.serve[r.URL.Hostname()]; serve != nil {
		return serve(r)
	}
	return ok(r), nil
}

func answering(code int) func(*http.Request) (*http.Response, error) {
	return func(r *http.Request) (*http.Response, error) {
		response := ok(r)
		response.StatusCode = code
		return response, nil
	}
}

// ab is two instances whose hosts are their ids.
func ab() []discovery.Instance {
	return []discovery.Instance{{ID: "a", Address: "a:1"}, {ID: "b", Address: "b:1"}}
}

// turns calls in turns, so that what an instance is avoided for shows.
func turns(t testing.TB, h *hosts, instances ...discovery.Instance) *invoker.Client {
	t.Helper()
	cfg := loadbalancer.DefaultConfig()
	cfg.Strategy = loadbalancer.RoundRobin
	b, err := loadbalancer.New(cfg, discovery.Static{"stock": discovery.NewSet(instances...)})
	require.NoError(t, err)
	return invoker.New(invoker.DefaultConfig(), b, invoker.WithTransport(h))
}

func count(seen []string, host string) int {
	n := 0
	for _, one := range seen {
		if one == host {
			n++
		}
	}
	return n
}

func TestADeadInstanceIsRememberedBetweenCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &hosts{serve: map[string]func(*http.Request) (*http.Response, error){
			"a": func(*http.Request) (*http.Response, error) { return nil, errRefused },
		}}
		c := turns(t, h, ab()...)
		for range 100 {
			_, err := invoker.PostForObject[string](t.Context(), c, "http://stock/", "x")
			require.NoError(t, err)
		}
		require.Equal(t, 5, count(h.seen, "a"))
	})
}

func TestAPoisonousRequestEjectsNobody(t *testing.T) {
	h := &hosts{serve: map[string]func(*http.Request) (*http.Response, error){"a": answering(500), "b": answering(500)}}
	c := turns(t, h, ab()...)
	for range 1000 {
		_, err := invoker.GetForObject[string](t.Context(), c, "http://stock/")
		require.ErrorContains(t, err, "500 Internal Server Error")
	}
	require.Equal(t, []int{500, 500}, []int{count(h.seen, "a"), count(h.seen, "b")})
}

func TestAnInstanceThatHangsIsAvoidedAfterFiveDeadlinesWhateverTheMethod(t *testing.T) {
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		synctest.Test(t, func(t *testing.T) {
			h := &hosts{serve: map[string]func(*http.Request) (*http.Response, error){"a": hang}}
			c := turns(t, h, ab()...).With(invoker.Timeout(time.Second))
			for range 20 {
				_, err := invoker.Exchange[string](t.Context(), c, method, "http://stock/", "x")
				require.True(t, err == nil || method == http.MethodPost && errors.Is(err, context.DeadlineExceeded), "%s: %v", method, err)
			}
			require.LessOrEqual(t, count(h.seen, "a"), 7, "five, and a trial or two")
		})
	}
}

func TestCallersThatGiveUpEjectNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &hosts{serve: map[string]func(*http.Request) (*http.Response, error){"a": hang, "b": hang}}
		c := turns(t, h, ab()...)
		for range 20 {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Millisecond, cancel)
			_, err := invoker.GetForObject[string](ctx, c, "http://stock/")
			require.ErrorIs(t, err, context.Canceled)
			_, err = invoker.GetForObject[string](t.Context(), c.With(invoker.Timeout(time.Millisecond)), "http://stock/")
			require.ErrorIs(t, err, context.DeadlineExceeded)
		}
		require.GreaterOrEqual(t, count(h.seen, "a"), 20)
		require.GreaterOrEqual(t, count(h.seen, "b"), 20)
	})
}

func TestAnAttemptHasAllTheTimeWhenNobodyComesAfterIt(t *testing.T) {
	off, none := false, 0
	for name, tc := range map[string]struct {
		retry  loadbalancer.Retry
		method string
		n      int
	}{
		"the only instance":  {loadbalancer.Retry{}, "GET", 1},
		"not idempotent":     {loadbalancer.Retry{}, "POST", 2},
		"retry is off":       {loadbalancer.Retry{Enabled: &off}, "GET", 2},
		"no other by retry.": {loadbalancer.Retry{NextInstance: &none}, "GET", 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := loadbalancer.DefaultConfig()
				cfg.Retry = tc.retry
				began := time.Now()
				c := calling(t, cfg, ab()[:tc.n], invoker.WithTransport(stub(func(r *http.Request) (*http.Response, error) {
					select {
					case <-time.After(3 * time.Second):
						return ok(r), nil
					case <-r.Context().Done():
						return nil, r.Context().Err()
					}
				})))
				_, err := invoker.Exchange[string](t.Context(), c.With(invoker.Timeout(4*time.Second)), tc.method, "http://stock/", nil)
				require.NoError(t, err)
				require.Equal(t, 3*time.Second, time.Since(began))
			})
		})
	}
}

func TestAnAnswerThatCountsAsNoneIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		never, _ := io.Pipe()
		c := calling(t, loadbalancer.DefaultConfig(), ab(), invoker.WithTransport(&hosts{serve: map[string]func(*http.Request) (*http.Response, error){
			"a": func(r *http.Request) (*http.Response, error) {
				response := ok(r)
				response.StatusCode, response.Body, response.ContentLength = 503, never, -1
				return response, nil
			},
		}}))
		_, err := invoker.GetForObject[string](t.Context(), c, "http://stock/")
		require.NoError(t, err)
		require.Zero(t, time.Since(began))
		synctest.Wait()
		time.Sleep(time.Second)
		_, err = never.Read(make([]byte, 1))
		require.ErrorIs(t, err, io.ErrClosedPipe, "it is closed all the same")
	})
}

func TestAttemptsAtTheSameInstanceAreCountedOnceEach(t *testing.T) {
	two := 2
	var active []int
	cfg := loadbalancer.DefaultConfig()
	cfg.Strategy, cfg.Retry = "watching", loadbalancer.Retry{SameInstance: &two}
	b, err := loadbalancer.New(cfg, discovery.Static{"stock": discovery.NewSet(ab()...)}, loadbalancer.WithFactories(loadbalancer.Factory{
		Name: "watching", New: func(string) loadbalancer.Strategy {
			return watch(func(v *loadbalancer.View) { active = append(active, v.Stats(0).Active()) })
		}}))
	require.NoError(t, err)
	h := &hosts{serve: map[string]func(*http.Request) (*http.Response, error){"a": answering(503), "b": answering(503)}}
	c := invoker.New(invoker.DefaultConfig(), b, invoker.WithTransport(h))
	_, err = invoker.GetForObject[string](t.Context(), c, "http://stock/")
	require.ErrorContains(t, err, "503")
	require.Equal(t, "aaabbb", strings.Join(h.seen, ""))
	require.Equal(t, []int{0, 0}, active)
	_, _ = invoker.GetForObject[string](t.Context(), c, "http://stock/")
	require.NotContains(t, active, -1)
	require.NotContains(t, active, -2)
}

type watch func(*loadbalancer.View)

func (w watch) Pick(v *loadbalancer.View, _ loadbalancer.Request) int { w(v); return 0 }

func TestEjectedInstancesAreTriedBeforeACallFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &hosts{serve: map[string]func(*http.Request) (*http.Response, error){
			"a": func(*http.Request) (*http.Response, error) { return nil, errRefused },
		}}
		c := turns(t, h, ab()...)
		for range 20 {
			_, err := invoker.GetForObject[string](t.Context(), c, "http://stock/")
			require.NoError(t, err)
		}
		h.serve["a"], h.serve["b"] = nil, h.serve["a"]
		entity, err := invoker.GetForEntity[string](t.Context(), c, "http://stock/")
		require.NoError(t, err)
		require.Equal(t, "a", entity.Instance)
	})
}

func TestAnInstanceThatClosesItsConnectionsIsLeftToItsEnd(t *testing.T) {
	var draining bool
	leaves := func(w http.ResponseWriter, _ *http.Request) {
		if draining {
			w.Header().Set("Connection", "close")
		}
		fmt.Fprint(w, "a")
	}
	a, b := startNode(t, leaves), startNode(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "b") })
	c := rest(t, a.instance("a"), b.instance("b"))
	for _, want := range []string{"a", "a", "b", "b", "b"} {
		got, err := invoker.GetForObject[string](t.Context(), c, "http://stock/")
		require.NoError(t, err)
		require.Equal(t, want, got)
		draining = true
	}
}

func TestTheReadTimeoutBoundsEachAttempt(t *testing.T) {
	gone := make(chan struct{})
	silent := startNode(t, func(http.ResponseWriter, *http.Request) { <-gone })
	t.Cleanup(func() { close(gone) })
	well := startNode(t, status(200))
	cfg := invoker.DefaultConfig()
	cfg.ReadTimeout = 500 * time.Millisecond
	b, err := loadbalancer.New(loadbalancer.Config{Service: loadbalancer.Service{Strategy: "first"}}, discovery.Static{"stock": discovery.NewSet(silent.instance("silent"), well.instance("well"))},
		loadbalancer.WithFactories(loadbalancer.Factory{Name: "first", New: func(string) loadbalancer.Strategy { return first{} }}))
	require.NoError(t, err)
	c := invoker.New(cfg, b)
	defer c.CloseIdleConnections()
	_, err = invoker.GetForObject[string](t.Context(), c, "http://stock/")
	require.NoError(t, err)
	_, err = invoker.PostForObject[string](t.Context(), c, "http://stock/", "x")
	var failed *invoker.CallError
	require.ErrorAs(t, err, &failed)
	require.Len(t, failed.Attempts, 1, "it may have acted")
	require.Equal(t, http.StatusGatewayTimeout, failed.StatusCode())
}
