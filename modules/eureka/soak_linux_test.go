package eureka_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/config"
	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/eureka"
	"github.com/archimedes-go/archimedes/modules/eurekaserver/registry"
	"github.com/archimedes-go/archimedes/modules/eurekaserver/rest"
)

// usage is what must not grow.
type usage struct{ heap, goroutines, descriptors int }

func used(t *testing.T) usage {
	t.Helper()
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	open, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	return usage{int(m.HeapAlloc), runtime.NumGoroutine(), len(open)}
}

// TestNothingGrows lets clients with intervals of 50 ms live through churn and faults: for 5 s, or with ARCHIMEDES_FULL for a minute.
func TestNothingGrows(t *testing.T) {
	lasts := 5 * time.Second
	if os.Getenv("ARCHIMEDES_FULL") != "" {
		lasts = time.Minute
	}
	cfg := registry.DefaultConfig()
	cfg.DeltaRetention = time.Second
	instances := registry.New(cfg)
	handler := rest.New(instances)
	var ill atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if ill.Load() {
			panic(http.ErrAbortHandler)
		}
		handler.ServeHTTP(w, r)
	}))
	defer server.Close()
	server.Config.ErrorLog = nil

	clientConfig, instanceConfig := eureka.DefaultClientConfig(), eureka.DefaultInstanceConfig()
	clientConfig.ServiceURL = map[string]config.Secret{"defaultZone": config.Secret(server.URL + "/eureka/")}
	clientConfig.FetchInterval, instanceConfig.RenewInterval = 50*time.Millisecond, 50*time.Millisecond
	var changes atomic.Int64
	for n := range 5 {
		client, err := eureka.NewClient(clientConfig)
		require.NoError(t, err)
		registrar := eureka.NewRegistrar(client, instanceConfig, func(at discovery.Address) *eureka.Instance {
			i := self(at)
			i.InstanceID = fmt.Sprint("me-", n)
			return i
		})
		replica := eureka.NewReplica(client, clientConfig)
		for _, run := range []func(context.Context) error{
			registrar.Run, replica.Run,
			func(ctx context.Context) error { return registrar.Follow(ctx, replica) },
			func(ctx context.Context) error {
				return replica.Watch(ctx, func(eureka.Change) { changes.Add(1) })
			},
		} {
			defer background(run)()
		}
		defer client.CloseIdleConnections()
		registrar.Up(here)
	}
	churn := func(step int) {
		i := self(here)
		i.App, i.InstanceID, i.VIPAddress = fmt.Sprint("APP", step%20), fmt.Sprint("i", step%200), fmt.Sprint("app", step%20)
		i.LastDirty = int64(step)
		if step%400 < 200 {
			require.NoError(t, instances.Register(i, false))
		} else {
			_ = instances.Cancel(i.App, i.InstanceID)
		}
	}
	steps := 0
	live := func(d time.Duration) usage {
		for end := time.Now().Add(d); time.Now().Before(end) || steps%400 != 0; { // ends with what it began with
			steps++
			churn(steps)
			if ill.Store(steps%300 > 290); steps%100 == 0 {
				instances.Evict(0) // forgets old changes, too
			}
			time.Sleep(2 * time.Millisecond)
		}
		time.Sleep(1500 * time.Millisecond) // the changes are forgotten, and what was under way has ended
		instances.Evict(0)
		return used(t)
	}
	before := live(lasts / 5)
	after := live(lasts * 4 / 5)
	t.Logf("%+v, then %+v, %d changes told", before, after, changes.Load())
	require.Positive(t, changes.Load())
	require.Less(t, after.heap, before.heap*3/2+2<<20)
	require.LessOrEqual(t, after.goroutines, before.goroutines+20)
	require.LessOrEqual(t, after.descriptors, before.descriptors+20)
}
