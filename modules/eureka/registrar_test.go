package eureka_test

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/eureka"
	"github.com/archimedes-go/archimedes/modules/health"
)

// registering runs a registrar in a bubble until the test ends.
func registering(t *testing.T, e *estate, opts ...eureka.RegistrarOption) *eureka.Registrar {
	t.Helper()
	r := eureka.NewRegistrar(e.client(t), eureka.DefaultInstanceConfig(), self, opts...)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = r.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })
	return r
}

var here = discovery.Address{Port: 8080}

func TestRegistrarKeepsTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEstate()
		r := registering(t, e)
		r.Up(here)
		time.Sleep(62 * time.Second)
		require.NoError(t, r.Down(t.Context()))
		require.NoError(t, r.Remove(t.Context()))
		requests := e.requests()
		require.Contains(t, []int{2, 3}, strings.Count(strings.Join(requests, "\n"), "PUT"), "each comes by chance between 24 s and 30 s after the one before, the first after 10 s")
		require.Equal(t, []string{"POST apps/ORDERS", "PUT apps/ORDERS/me UP", "POST apps/ORDERS", "DELETE apps/ORDERS/me"}, slices.Compact(requests))
	})
}

func TestRegistrarWritesNothingAfterItWasRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEstate()
		ready := health.NewAvailability()
		ready.Accept()
		r := registering(t, e, eureka.WithReadiness(ready))
		r.Up(here)
		synctest.Wait()
		require.NoError(t, r.Down(t.Context()))
		require.NoError(t, r.Remove(t.Context()))
		e.forget()
		ready.Refuse()
		ready.Accept()
		require.NoError(t, r.SetStatus(t.Context(), discovery.Up))
		r.Up(here)
		time.Sleep(10 * time.Minute)
		require.Empty(t, e.requests())
		require.Nil(t, e.registry.Instance("ORDERS", "me"))
	})
}

func TestRegistrarIsStartingUntilTheProgramIsReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEstate()
		ready := health.NewAvailability()
		r := registering(t, e, eureka.WithReadiness(ready))
		r.Up(here)
		synctest.Wait()
		require.Equal(t, discovery.Starting, e.registry.Instance("ORDERS", "me").Status)
		ready.Accept()
		synctest.Wait()
		require.Equal(t, discovery.Up, e.registry.Instance("ORDERS", "me").Status)
		e.forget()
		ready.Refuse() // as the first step of a stop does
		synctest.Wait()
		require.Empty(t, e.requests(), "readiness moves the status once only")
	})
}

func TestAnInstanceThatIsEnabledOnInitIsUpBeforeItIsReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEstate()
		cfg := eureka.DefaultInstanceConfig()
		cfg.EnabledOnInit = true
		r := eureka.NewRegistrar(e.client(t), cfg, self, eureka.WithReadiness(health.NewAvailability()))
		t.Cleanup(background(r.Run))
		r.Up(here)
		synctest.Wait()
		require.Equal(t, discovery.Up, e.registry.Instance("ORDERS", "me").Status)
	})
}

func TestRegistrarRegistersAgainAfterBeingForgottenWhateverTheBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEstate()
		r := registering(t, e)
		r.Up(here)
		synctest.Wait()
		first := e.registry.Instance("ORDERS", "me").LastDirty
		e.registry.Clear()
		e.break_(func(r *http.Request) (*http.Response, error) {
			if r.Method == http.MethodPut {
				return page(http.StatusNotFound), nil // as Spring's server: an error page
			}
			return nil, nil
		})
		time.Sleep(31 * time.Second)
		e.break_(nil)
		back := e.registry.Instance("ORDERS", "me")
		require.NotNil(t, back)
		require.Greater(t, back.LastDirty, first)
		require.True(t, r.Registered())
	})
}

func TestRegistrarIsBackWithinOneIntervalOfTheServersReturn(t *testing.T) {
	for name, fault := range map[string]func(*http.Request) (*http.Response, error){
		"refused":  func(*http.Request) (*http.Response, error) { return nil, errRefused },
		"silent":   func(r *http.Request) (*http.Response, error) { <-r.Context().Done(); return nil, r.Context().Err() },
		"HTML 200": func(*http.Request) (*http.Response, error) { return page(http.StatusOK), nil },
		"500":      func(*http.Request) (*http.Response, error) { return page(http.StatusInternalServerError), nil },
		"401":      func(*http.Request) (*http.Response, error) { return page(http.StatusUnauthorized), nil },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := newEstate()
				e.break_(fault)
				var log strings.Builder
				e.logger = slog.New(slog.NewTextHandler(&log, nil))
				r := registering(t, e)
				r.Up(here)
				time.Sleep(10 * time.Minute)
				require.False(t, r.Registered())
				e.break_(nil)
				time.Sleep(30 * time.Second)
				require.True(t, r.Registered())
				synctest.Wait()
				require.Equal(t, 1, strings.Count(log.String(), "level=WARN"), "said once:\n%s", log.String())
			})
		})
	}
}

func TestRegistrarSaysNothingWhenItWasNeverUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEstate()
		r := registering(t, e)
		require.NoError(t, r.Down(t.Context()))
		require.Zero(t, r.Drain())
		require.NoError(t, r.Remove(t.Context()))
		require.Empty(t, e.requests())
	})
}

func TestDrainIsOnlyForInstancesThatWereListed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEstate()
		r := registering(t, e)
		r.Up(here)
		synctest.Wait()
		require.Equal(t, 5*time.Second, r.Drain())
		away := newEstate()
		away.break_(func(*http.Request) (*http.Response, error) { return nil, errRefused })
		never := registering(t, away)
		never.Up(here)
		synctest.Wait()
		require.Zero(t, never.Drain())
	})
}

func TestDownInterruptsAHungHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEstate()
		r := registering(t, e)
		r.Up(here)
		synctest.Wait()
		e.break_(func(r *http.Request) (*http.Response, error) {
			if r.Method == http.MethodPut {
				<-r.Context().Done()
				return nil, r.Context().Err()
			}
			return nil, nil
		})
		time.Sleep(30 * time.Second) // the heartbeat hangs now
		began := time.Now()
		require.NoError(t, r.Down(t.Context()))
		require.Zero(t, time.Since(began))
		require.Equal(t, discovery.Down, e.registry.Instance("ORDERS", "me").Status)
	})
}

func TestRemoveChecksACancelThatGotNoAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEstate()
		r := registering(t, e)
		r.Up(here)
		synctest.Wait()
		require.NoError(t, r.Down(t.Context()))
		e.forget()
		lost := 0
		e.break_(func(r *http.Request) (*http.Response, error) {
			if r.Method == http.MethodDelete && lost == 0 {
				lost++
				return nil, errRefused // it never arrived
			}
			return nil, nil
		})
		require.NoError(t, r.Remove(t.Context()))
		require.Equal(t, []string{"DELETE apps/ORDERS/me", "GET apps/ORDERS/me", "DELETE apps/ORDERS/me"}, e.requests())
		require.Nil(t, e.registry.Instance("ORDERS", "me"))
	})
}

func TestRemoveLeavesASuccessorAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEstate()
		r := registering(t, e)
		r.Up(here)
		synctest.Wait()
		require.NoError(t, r.Down(t.Context()))
		successor := self(discovery.Address{Port: 9090})
		successor.LastDirty = time.Now().UnixMilli() + 1000
		require.NoError(t, e.registry.Register(successor, false))
		e.break_(func(r *http.Request) (*http.Response, error) {
			if r.Method == http.MethodDelete {
				return nil, errRefused
			}
			return nil, nil
		})
		require.NoError(t, r.Remove(t.Context()))
		require.Equal(t, 9090, e.registry.Instance("ORDERS", "me").Port.Number)
	})
}

func TestDirtyTimestampsOnlyGrow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEstate()
		r := registering(t, e)
		r.Up(here)
		synctest.Wait()
		last := r.Instance().LastDirty
		for _, status := range []discovery.Status{discovery.Starting, discovery.Up, discovery.Down} { // within one millisecond
			e.registry.Clear()
			require.NoError(t, r.SetStatus(t.Context(), status))
			require.Greater(t, r.Instance().LastDirty, last)
			last = r.Instance().LastDirty
		}
	})
}

func TestRenewalsGoOnWithAnotherServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEstate()
		cfg := eureka.DefaultInstanceConfig()
		cfg.RenewInterval = 8 * time.Second
		r := eureka.NewRegistrar(e.client(t, "one", "two"), cfg, self)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); _ = r.Run(ctx) }()
		defer func() { cancel(); <-ended }()
		r.Up(here)
		synctest.Wait()
		e.break_(func(r *http.Request) (*http.Response, error) {
			if r.URL.Hostname() == "one" {
				<-r.Context().Done() // hung, as a stopped process
				return nil, r.Context().Err()
			}
			return nil, nil
		})
		time.Sleep(10 * time.Second)
		log := strings.Join(e.log(), "\n")
		require.Contains(t, log, "one PUT")
		require.Contains(t, log, "two PUT")
		require.True(t, r.Registered())
		// Preferred again once its quarantine is over.
		e.break_(nil)
		time.Sleep(time.Minute)
		e.forget()
		time.Sleep(9 * time.Second)
		require.Contains(t, strings.Join(e.log(), "\n"), "one PUT")
	})
}
