package loadbalancer_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/fx"
	"go.uber.org/fx/fxtest"

	"github.com/archimedes-go/archimedes/config/configtest"
	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/loadbalancer"
)

// ward answers probes as told, by host, and writes down where they went.
type ward struct {
	mu     sync.Mutex
	status map[string]int // 0: 200, below 0: nothing, ever
	asked  []string
}

func (w *ward) RoundTrip(r *http.Request) (*http.Response, error) {
	w.mu.Lock()
	w.asked = append(w.asked, r.URL.String())
	status := w.status[r.URL.Host]
	w.mu.Unlock()
	switch {
	case status < 0:
		<-r.Context().Done()
		return nil, r.Context().Err()
	case status == 1:
		return nil, errors.New("connection refused")
	case status == 0:
		status = 200
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
}

func (w *ward) now(host string, status int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.status[host] = status
}

func (w *ward) visited() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := slices.Clone(w.asked)
	w.asked = nil
	slices.Sort(all)
	return all
}

// checking runs a balancer that checks the health of three instances, for the time of a test.
func checking(t *testing.T, w *ward, resolver discovery.Resolver, configure func(*loadbalancer.Config)) *loadbalancer.Balancer {
	t.Helper()
	cfg := loadbalancer.DefaultConfig()
	cfg.Configurations = []string{"health-check"}
	configure(&cfg)
	require.NoError(t, cfg.Validate())
	b, err := loadbalancer.New(cfg, resolver, loadbalancer.WithProbes(w))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = b.Run(ctx)
	}()
	t.Cleanup(func() { cancel(); <-ended })
	pick(t, b, loadbalancer.Request{}) // the service is called
	synctest.Wait()
	return b
}

func asDefault(*loadbalancer.Config) {}

func TestInstancesThatFailTheirHealthCheckAreAvoidedUntilTheyPass(t *testing.T) {
	for name, status := range map[string]int{"an error": 500, "a redirect": 302, "out of service": 503, "refused": 1, "silence": -1} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &ward{status: map[string]int{"10.0.0.2:80": status}}
				b := checking(t, w, stock(of(3)...), asDefault)
				time.Sleep(25 * time.Second)
				synctest.Wait()
				require.Equal(t, only("i0", "i2"), seenBy(t, b, loadbalancer.Request{}))
				require.Equal(t, "i1", pick(t, b, loadbalancer.Request{Tried: []string{"i0", "i2"}}), "better than nobody")
				w.now("10.0.0.2:80", 204)
				time.Sleep(51 * time.Second)
				synctest.Wait()
				require.Equal(t, only("i0", "i1", "i2"), seenBy(t, b, loadbalancer.Request{}))
			})
		})
	}
}

func TestAllAreUsedWhenNonePassesItsHealthCheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &ward{status: map[string]int{"10.0.0.1:80": 500, "10.0.0.2:80": 500}}
		b := checking(t, w, stock(of(2)...), asDefault)
		require.Equal(t, only("i0", "i1"), seenBy(t, b, loadbalancer.Request{}))
	})
}

func TestProbesGoWhereTheSettingsSay(t *testing.T) {
	instances := of(2)
	instances[1].Address, instances[1].SecureAddress = "", "10.0.0.2:443"
	for name, tc := range map[string]struct {
		configure func(*loadbalancer.Config)
		want      []string
	}{
		"by default":     {asDefault, []string{"http://10.0.0.1:80/actuator/health", "https://10.0.0.2:443/actuator/health"}},
		"a path for all": {func(c *loadbalancer.Config) { c.HealthCheck.Path = map[string]string{"default": "/up"} }, []string{"http://10.0.0.1:80/up", "https://10.0.0.2:443/up"}},
		"a path for one": {func(c *loadbalancer.Config) {
			c.HealthCheck.Path = map[string]string{"default": "/up", "STOCK": "/well?deep=1"}
		}, []string{"http://10.0.0.1:80/well?deep=1", "https://10.0.0.2:443/well?deep=1"}},
		"none for one":     {func(c *loadbalancer.Config) { c.HealthCheck.Path = map[string]string{"stock": ""} }, nil},
		"a port":           {func(c *loadbalancer.Config) { c.HealthCheck.Port = 9000 }, []string{"http://10.0.0.1:9000/actuator/health", "https://10.0.0.2:9000/actuator/health"}},
		"none, configured": {func(c *loadbalancer.Config) { c.Configurations = nil }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &ward{status: map[string]int{}}
				checking(t, w, stock(instances...), tc.configure)
				require.Equal(t, tc.want, w.visited())
			})
		})
	}
}

func TestProbesBeginAfterTheirDelayAndComeAtIntervals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &ward{status: map[string]int{}}
		r := &moving{}
		r.set.Store(discovery.NewSet(of(1)...))
		checking(t, w, r, func(c *loadbalancer.Config) {
			c.HealthCheck.InitialDelay, c.HealthCheck.Interval = 10*time.Second, 5*time.Second
		})
		require.Empty(t, w.visited())
		time.Sleep(11 * time.Second)
		require.Len(t, w.visited(), 1)
		r.set.Store(discovery.NewSet(of(3)...))
		time.Sleep(5 * time.Second)
		require.Len(t, w.visited(), 3, "whoever is listed now")
		time.Sleep(50 * time.Second)
		require.Len(t, w.visited(), 30)
	})
}

func TestProbesAreRepeatedAsTheSettingsSay(t *testing.T) {
	no := false
	for name, tc := range map[string]struct {
		change func(*loadbalancer.HealthCheck)
		rounds int // in two minutes
	}{
		"by default":                       {func(*loadbalancer.HealthCheck) {}, 5},
		"once":                             {func(h *loadbalancer.HealthCheck) { h.Repeat = &no }, 1},
		"when instances are fetched again": {func(h *loadbalancer.HealthCheck) { h.Repeat, h.Refetch, h.RefetchEvery = &no, true, 40*time.Second }, 3},
		"at both intervals":                {func(h *loadbalancer.HealthCheck) { h.Refetch, h.RefetchEvery = true, 10*time.Second }, 12},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &ward{status: map[string]int{}}
				checking(t, w, stock(of(1)...), func(c *loadbalancer.Config) { tc.change(&c.HealthCheck) })
				time.Sleep(2*time.Minute - time.Second)
				require.Len(t, w.visited(), tc.rounds)
			})
		})
	}
}

// slowWard says at once of one instance that it is ill, and of all others nothing.
type slowWard struct{ ill string }

func (w slowWard) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host == w.ill {
		return &http.Response{StatusCode: http.StatusInternalServerError, Body: http.NoBody}, nil
	}
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func TestWhatAProbeFindsCountsAtOnceOrWhenTheRoundHasEnded(t *testing.T) {
	no := false
	for _, update := range []*bool{nil, &no} {
		synctest.Test(t, func(t *testing.T) {
			cfg := loadbalancer.DefaultConfig()
			cfg.Configurations, cfg.HealthCheck.UpdateList = []string{"health-check"}, update
			cfg.EagerLoad.Clients = []string{"stock", "nobody"}
			b, err := loadbalancer.New(cfg, stock(of(3)...), loadbalancer.WithProbes(slowWard{"10.0.0.1:80"}))
			require.NoError(t, err)
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- b.Run(ctx) }()
			synctest.Wait() // nobody has called: eager-load begins with the probes
			want := only("i0", "i1", "i2")
			if update == nil {
				want = only("i1", "i2")
			}
			require.Equal(t, want, seenBy(t, b, loadbalancer.Request{}))
			cancel()
			require.NoError(t, <-ended)
			require.Equal(t, want, seenBy(t, b, loadbalancer.Request{}), "a program that ends finds nobody ill")
		})
	}
}

func TestHealthChecksBeginAndEndWithTheSettings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &ward{status: map[string]int{"10.0.0.1:80": 500}}
		b := checking(t, w, stock(of(2)...), func(c *loadbalancer.Config) { c.Configurations = nil })
		require.Empty(t, w.visited())
		cfg := b.Config()
		cfg.Configurations = []string{"health-check"}
		b.Configure(cfg)
		synctest.Wait()
		require.Equal(t, only("i1"), seenBy(t, b, loadbalancer.Request{}))
		cfg.Configurations = nil
		b.Configure(cfg)
		w.visited()
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Empty(t, w.visited())
		require.Equal(t, only("i0", "i1"), seenBy(t, b, loadbalancer.Request{}))
	})
}

func TestModuleChecksTheHealthOfInstancesWhileItRuns(t *testing.T) {
	sick := httptest.NewServer(http.NotFoundHandler())
	defer sick.Close()
	well := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer well.Close()
	c := configtest.FromYAML(t, "spring.cloud.loadbalancer: {configurations: health-check, health-check: {interval: 500ms, path.default: /health}}")
	var b *loadbalancer.Balancer
	known := stock(discovery.Instance{ID: "sick", Address: sick.Listener.Addr().String()}, discovery.Instance{ID: "well", Address: well.Listener.Addr().String()})
	app := fxtest.New(t, fx.NopLogger, fx.Supply(c, slog.New(slog.DiscardHandler)), fx.Supply(fx.Annotate(known, fx.As(new(discovery.Resolver)))),
		loadbalancer.Module(c), fx.Populate(&b))
	app.RequireStart()
	defer app.RequireStop()
	require.Eventually(t, func() bool { return len(seen(t, b, 20)) == 1 && seen(t, b, 1)["well"] == 1 }, 10*time.Second, 10*time.Millisecond)
}
