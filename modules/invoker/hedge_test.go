package invoker_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/invoker"
	"github.com/archimedes-go/archimedes/modules/loadbalancer"
)

// late answers after a time, unless its caller gives up.
func late(d time.Duration, then func(*http.Request) (*http.Response, error)) func(*http.Request) (*http.Response, error) {
	return func(r *http.Request) (*http.Response, error) {
		select {
		case <-time.After(d):
			return then(r)
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
}

func well(r *http.Request) (*http.Response, error) {
	response := ok(r)
	response.Body, response.ContentLength = io.NopCloser(strings.NewReader(r.URL.Hostname())), -1
	return response, nil
}

// journal is a transport that remembers when attempts began and which were cancelled.
type journal struct {
	serve map[string]func(*http.Request) (*http.Response, error)

	mu        sync.Mutex
	began     time.Time
	seen      []string // host and time
	cancelled []string
	bodies    []string
}

func (j *journal) RoundTrip(r *http.Request) (*http.Response, error) {
	host := r.URL.Hostname()
	j.mu.Lock()
	j.seen = append(j.seen, host+" "+time.Since(j.began).String())
	if r.Body != nil {
		body, _ := io.ReadAll(r.Body)
		j.bodies = append(j.bodies, string(body))
	}
	j.mu.Unlock()
	response, err := j.serve[host](r)
	if errors.Is(err, context.Canceled) {
		j.mu.Lock()
		j.cancelled = append(j.cancelled, host)
		j.mu.Unlock()
	}
	return response, err
}

func hedging(t testing.TB, j *journal, change func(*loadbalancer.Config)) *invoker.Client {
	t.Helper()
	delay := 100 * time.Millisecond
	cfg := loadbalancer.DefaultConfig()
	cfg.Clients = map[string]loadbalancer.Service{"stock": {Hedge: loadbalancer.Hedge{Delay: &delay}}}
	if change != nil {
		change(&cfg)
	}
	j.began = time.Now()
	return calling(t, cfg, ab(), invoker.WithTransport(j))
}

func TestALateCallIsSentToASecondInstance(t *testing.T) {
	type serve = func(*http.Request) (*http.Response, error)
	for name, tc := range map[string]struct {
		a, b      serve
		method    string
		change    func(*loadbalancer.Config)
		seen      []string
		cancelled []string
		answer    string // "" is an error
		took      time.Duration
	}{
		"not when it is in time":        {late(99*time.Millisecond, well), well, "GET", nil, []string{"a 0s"}, nil, "a", 99 * time.Millisecond},
		"and the second is faster":      {late(time.Second, well), late(200*time.Millisecond, well), "GET", nil, []string{"a 0s", "b 100ms"}, []string{"a"}, "b", 300 * time.Millisecond},
		"and the first is faster":       {late(200*time.Millisecond, well), late(time.Second, well), "GET", nil, []string{"a 0s", "b 100ms"}, []string{"b"}, "a", 200 * time.Millisecond},
		"and the second fails":          {late(time.Second, well), late(0, reset), "GET", nil, []string{"a 0s", "b 100ms"}, nil, "a", time.Second},
		"and the first fails":           {late(200*time.Millisecond, reset), late(time.Second, well), "GET", nil, []string{"a 0s", "b 100ms"}, nil, "b", 1100 * time.Millisecond},
		"and both fail":                 {late(200*time.Millisecond, reset), late(time.Second, reset), "GET", nil, []string{"a 0s", "b 100ms"}, nil, "", 1100 * time.Millisecond},
		"and both count as none":        {late(200*time.Millisecond, answering(503)), late(time.Second, answering(503)), "GET", nil, []string{"a 0s", "b 100ms"}, nil, "", 1100 * time.Millisecond},
		"not when the first has failed": {reset, late(time.Second, well), "GET", nil, []string{"a 0s", "b 0s"}, nil, "b", time.Second},
		"with its body, if idempotent":  {late(time.Second, well), well, "PUT", nil, []string{"a 0s", "b 100ms"}, []string{"a"}, "b", 100 * time.Millisecond},
		"not what is not idempotent":    {late(time.Second, well), well, "POST", nil, []string{"a 0s"}, nil, "a", time.Second},
		"not without a budget":          {late(time.Second, well), well, "GET", func(c *loadbalancer.Config) { c.Retry = noRetries().Retry }, []string{"a 0s"}, nil, "a", time.Second},
		"not with retries off":          {late(time.Second, well), well, "GET", func(c *loadbalancer.Config) { c.Retry.Enabled = new(bool) }, []string{"a 0s"}, nil, "a", time.Second},
		"not without a delay":           {late(time.Second, well), well, "GET", func(c *loadbalancer.Config) { c.Clients = nil }, []string{"a 0s"}, nil, "a", time.Second},
		"by the setting for all": {late(time.Second, well), well, "GET", func(c *loadbalancer.Config) {
			c.Clients, c.Hedge = nil, c.Clients["stock"].Hedge
		}, []string{"a 0s", "b 100ms"}, []string{"a"}, "b", 100 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				j := &journal{serve: map[string]serve{"a": tc.a, "b": tc.b}}
				c := hedging(t, j, tc.change)
				began := time.Now()
				var body any
				if tc.method != "GET" {
					body = "body"
				}
				entity, err := invoker.Exchange[string](t.Context(), c, tc.method, "http://stock/", body)
				require.Equal(t, tc.took, time.Since(began))
				require.Equal(t, tc.answer == "", err != nil, "%v", err)
				require.Equal(t, tc.answer, entity.Body)
				if err == nil {
					require.Equal(t, tc.answer, entity.Instance)
				}
				synctest.Wait()
				require.Equal(t, tc.seen, j.seen)
				require.Equal(t, tc.cancelled, j.cancelled)
				for _, sent := range j.bodies {
					require.Equal(t, "body", sent)
				}
			})
		})
	}
}

func TestAnErrorListsBothAttemptsOfAHedgedCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := &journal{serve: map[string]func(*http.Request) (*http.Response, error){"a": late(time.Second, reset), "b": late(time.Second, reset)}}
		_, err := invoker.GetForObject[string](t.Context(), hedging(t, j, nil), "http://stock/")
		var failed *invoker.CallError
		require.ErrorAs(t, err, &failed)
		require.Len(t, failed.Attempts, 2)
	})
}

func TestTheBodyOfAHedgedCallLivesAsLongAsItIsRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := false
		j := &journal{serve: map[string]func(*http.Request) (*http.Response, error){"a": late(time.Hour, well), "b": func(r *http.Request) (*http.Response, error) {
			context.AfterFunc(r.Context(), func() { ended = true })
			response := ok(r)
			response.Body, response.ContentLength = io.NopCloser(&trickle{ctx: r.Context(), every: time.Second, text: "streamed"}), -1
			return response, nil
		}}}
		c := hedging(t, j, nil)
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://stock/", nil)
		require.NoError(t, err)
		response, err := c.Do(request)
		require.NoError(t, err)
		text, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.Equal(t, "streamed", string(text))
		require.NoError(t, response.Body.Close())
		synctest.Wait()
		require.True(t, ended, "and no longer")
	})
}

func TestAnInstanceWhoseAttemptWasCancelledIsNotBlamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := &journal{serve: map[string]func(*http.Request) (*http.Response, error){"a": late(time.Second, well), "b": well}}
		c := hedging(t, j, nil)
		for range 20 {
			got, err := invoker.GetForObject[string](t.Context(), c, "http://stock/")
			require.NoError(t, err)
			require.Equal(t, "b", got)
			time.Sleep(time.Second)
		}
		j.serve["a"] = well
		got, err := invoker.GetForObject[string](t.Context(), c, "http://stock/")
		require.NoError(t, err)
		require.Equal(t, "a", got)
	})
}

func TestHedgesAreCounted(t *testing.T) {
	for name, tc := range map[string]struct {
		first time.Duration
		want  map[string]int64
	}{
		"in time": {50 * time.Millisecond, map[string]int64{}},
		"won":     {time.Second, map[string]int64{"loadbalancer.hedges won=true": 1, "loadbalancer.retries": 1}},
		"lost":    {150 * time.Millisecond, map[string]int64{"loadbalancer.hedges won=false": 1, "loadbalancer.retries": 1}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				reader := sdkmetric.NewManualReader()
				delay := 100 * time.Millisecond
				cfg := loadbalancer.DefaultConfig()
				cfg.Strategy, cfg.Hedge.Delay = "first", &delay
				b, err := loadbalancer.New(cfg, discovery.Static{"stock": discovery.NewSet(ab()...)}, loadbalancer.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))),
					loadbalancer.WithFactories(loadbalancer.Factory{Name: "first", New: func(string) loadbalancer.Strategy { return first{} }}))
				require.NoError(t, err)
				c := invoker.New(invoker.DefaultConfig(), b, invoker.WithTransport(&journal{serve: map[string]func(*http.Request) (*http.Response, error){
					"a": late(tc.first, well), "b": late(200*time.Millisecond, well),
				}}))
				_, err = invoker.GetForObject[string](t.Context(), c, "http://stock/")
				require.NoError(t, err)
				require.Equal(t, tc.want, counted(t, reader))
			})
		})
	}
}

// counted returns the sum of each counter, with its labels but for the service's.
func counted(t testing.TB, reader sdkmetric.Reader) map[string]int64 {
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
					if label.Key != "archimedes.service" {
						name += " " + string(label.Key) + "=" + label.Value.String()
					}
				}
				totals[name] += point.Value
			}
		}
	}
	return totals
}

func TestWhoLosesAHedgeIsKnownForSlowAndNotForFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		delay := 100 * time.Millisecond
		cfg := loadbalancer.DefaultConfig()
		cfg.Strategy, cfg.Hedge.Delay = loadbalancer.Stick, &delay
		b, err := loadbalancer.New(cfg, discovery.Static{"stock": discovery.NewSet(ab()...)})
		require.NoError(t, err)
		to := func(id string) *loadbalancer.Preference { return &loadbalancer.Preference{Instance: id} }
		j := &journal{serve: map[string]func(*http.Request) (*http.Response, error){"a": late(time.Hour, well), "b": late(20*time.Millisecond, well)}}
		c := invoker.New(invoker.DefaultConfig(), b, invoker.WithTransport(j), invoker.WithDefaults(invoker.Prefer(*to("a"))))
		for range 5 { // as often as would eject
			answer, err := invoker.GetForObject[string](t.Context(), c, "http://stock/x")
			require.NoError(t, err)
			require.Equal(t, "b", answer)
		}
		synctest.Wait() // for the last one to be cancelled
		stats := func(id string) *loadbalancer.Stats {
			p, err := b.Pick(t.Context(), loadbalancer.Request{Service: "stock", Prefer: to(id)})
			require.NoError(t, err)
			require.Equal(t, id, p.Instance().ID, "nobody is ejected")
			p.Done(loadbalancer.Outcome{Unknown: true})
			return p.Stats()
		}
		require.Zero(t, stats("a").Failures())
		require.GreaterOrEqual(t, stats("a").Latency(), 100*time.Millisecond)
		require.Less(t, stats("b").Latency(), 50*time.Millisecond)
	})
}
