package eureka_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/eureka"
	"github.com/archimedes-go/archimedes/modules/eureka/eurekatest"
)

// ailing is a program whose health a test sets.
func ailing(t *testing.T, e *estate) (r *eureka.Registrar, health *atomic.Value) {
	t.Helper()
	r = registering(t, e, eureka.WithRegistrarLogger(e.logger))
	health = &atomic.Value{}
	health.Store(discovery.Up)
	t.Cleanup(background(func(ctx context.Context) error {
		return r.FollowHealth(ctx, 30*time.Second, func(context.Context) discovery.Status { return health.Load().(discovery.Status) })
	}))
	r.Up(here)
	synctest.Wait()
	return r, health
}

func TestOneBadCheckOfThreeChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEstate()
		_, health := ailing(t, e)
		e.forget()
		time.Sleep(5 * time.Second) // between two checks
		for range 5 {
			time.Sleep(20 * time.Second)
			health.Store(discovery.Down)
			time.Sleep(10 * time.Second)
			health.Store(discovery.Up)
		}
		require.NotContains(t, strings.Join(e.requests(), "\n"), "POST")
		require.Equal(t, discovery.Up, entry(e).Status)
	})
}

func TestTheStatusIsWhatTwoOfThreeChecksSay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEstate()
		r, health := ailing(t, e)
		for _, status := range []discovery.Status{discovery.Down, discovery.Unknown, discovery.Up} {
			health.Store(status)
			time.Sleep(21 * time.Second)
			require.Equal(t, status, entry(e).Status)
		}
		require.NoError(t, r.Down(t.Context()))
		time.Sleep(time.Minute)
		require.Equal(t, discovery.Down, entry(e).Status, "a program that leaves stays DOWN, however well it is")
	})
}

func TestAStatusOfTheProgramsOwnCountsMoreThanItsHealth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEstate()
		r, health := ailing(t, e)
		require.NoError(t, r.SetStatus(t.Context(), discovery.OutOfService))
		health.Store(discovery.Unknown)
		time.Sleep(time.Minute)
		require.Equal(t, discovery.OutOfService, entry(e).Status)
		require.NoError(t, r.ClearStatus(t.Context()))
		require.Equal(t, discovery.Unknown, entry(e).Status)
	})
}

func TestMetadataOfARunningProgramIsPushed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEstate()
		r := registering(t, e)
		require.NoError(t, r.SetMetadata(t.Context(), map[string]string{"early": "1"}))
		r.Up(here)
		synctest.Wait()
		require.Equal(t, "1", entry(e).Metadata.Get("early"))
		dirty := entry(e).LastDirty
		require.NoError(t, r.SetMetadata(t.Context(), map[string]string{"weight": "5", "early": ""}))
		require.Equal(t, map[string]string{"weight": "5"}, entry(e).Metadata.Map())
		require.Greater(t, entry(e).LastDirty, dirty, "as something newer")
		time.Sleep(5 * time.Minute)
		e.registry.Clear()
		time.Sleep(time.Minute)
		require.Equal(t, "5", entry(e).Metadata.Get("weight"), "it survives a restart of the server")
	})
}

func TestMetadataThatNoServerTookIsPushedLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEstate()
		r := registering(t, e)
		r.Up(here)
		synctest.Wait()
		e.break_(func(*http.Request) (*http.Response, error) { return nil, errRefused })
		require.Error(t, r.SetMetadata(t.Context(), map[string]string{"weight": "5"}))
		e.break_(nil)
		time.Sleep(time.Minute)
		require.Equal(t, "5", entry(e).Metadata.Get("weight"))
	})
}

func TestASuspendedMachineAsksEurekaAsSoonAsItWakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEstate()
		var log strings.Builder
		e.logger = slog.New(slog.NewTextHandler(&log, nil))
		e.clock = eurekatest.NewClock()
		listed(t, e, "stock", "a", nil)
		following(t, e, here)
		time.Sleep(time.Second)
		e.forget()
		e.clock.Step(time.Hour)
		time.Sleep(5 * time.Second)
		require.ElementsMatch(t, []string{"PUT apps/ORDERS/me UP", "GET apps/delta"}, e.requests(), "without waiting for the half minute to end")
		require.Contains(t, log.String(), "wall clock went forward")
	})
}

func TestAClockThatIsSetBackChangesNoOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEstate()
		e.clock = eurekatest.NewClock()
		r := following(t, e, here)
		synctest.Wait()
		dirty := entry(e).LastDirty
		e.clock.Step(-time.Hour)
		require.NoError(t, r.SetMetadata(t.Context(), map[string]string{"a": "b"}))
		require.Equal(t, dirty+1, entry(e).LastDirty)
		require.Equal(t, "b", entry(e).Metadata.Get("a"))
		time.Sleep(5 * time.Minute)
		require.NotNil(t, entry(e), "heartbeats go on")
	})
}

func TestOneSlowServerOfThreeCostsNoHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEstate()
		e.hosts = []string{"slow", "two", "three"}
		e.break_(func(r *http.Request) (*http.Response, error) {
			if r.URL.Hostname() == "slow" {
				<-r.Context().Done()
				return nil, r.Context().Err()
			}
			return nil, nil
		})
		r := following(t, e, here)
		time.Sleep(20 * time.Minute)
		require.True(t, r.Registered())
		require.Equal(t, discovery.Up, entry(e).Status)
		require.Less(t, strings.Count(strings.Join(e.log(), "\n"), " slow "), 20, "it is left alone for longer and longer")
	})
}

func TestServersThatDisagreeCostAFewFullFetches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEstate()
		for n := range 4 {
			listed(t, e, "stock", string(rune('a'+n)), nil)
		}
		replica := replicating(t, e)
		synctest.Wait()
		e.forget()
		e.break_(func(r *http.Request) (*http.Response, error) {
			if strings.HasSuffix(r.URL.Path, "/delta") { // of another server, whose registry is another
				return answer(`{"applications":{"versions__delta":"7","apps__hashcode":"UP_9_","application":[]}}`), nil
			}
			return nil, nil
		})
		time.Sleep(time.Hour)
		full := strings.Count(strings.Join(e.requests(), "\n"), "GET apps/\n")
		require.LessOrEqual(t, full, 2+10+6, "two at once, one a minute for ten minutes, then six an hour: %d", full)
		require.Greater(t, full, 8)
		require.Len(t, mustSet(t, replica, "stock").All, 4)
	})
}

func TestWhatAServerThatWasRestartedWithAPartSaysIsBelievedWhenItRepeatsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEstate()
		for n := range 4 {
			listed(t, e, "stock", string(rune('a'+n)), nil)
		}
		replica := replicating(t, e)
		synctest.Wait()
		e.registry.Clear()
		listed(t, e, "stock", "a", nil)
		time.Sleep(31 * time.Second)
		require.Len(t, mustSet(t, replica, "stock").All, 4, "kept for one more look")
		time.Sleep(30 * time.Second)
		require.Len(t, mustSet(t, replica, "stock").All, 1)
	})
}

func TestABurstOfServerErrorsLeavesTheReplicaAsItWas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEstate()
		listed(t, e, "stock", "a", nil)
		var errs atomic.Int32
		e.listeners = []eureka.Listener{{Failed: func(_ eureka.Operation, err error) {
			var server *eureka.ServerError
			if errors.As(err, &server) {
				errs.Add(1)
			}
		}}}
		replica := replicating(t, e)
		synctest.Wait()
		before := mustSet(t, replica, "stock")
		e.forget()
		e.break_(func(*http.Request) (*http.Response, error) { return page(http.StatusBadGateway), nil })
		time.Sleep(5 * time.Minute)
		e.break_(nil)
		require.Same(t, before, mustSet(t, replica, "stock"))
		require.Positive(t, errs.Load())
		require.NotContains(t, e.requests(), "GET apps/", "no full fetch from a server that is ill")
		age, known := replica.Age()
		require.True(t, known)
		require.Greater(t, age, 4*time.Minute)
		time.Sleep(31 * time.Second)
		age, _ = replica.Age()
		require.Less(t, age, time.Minute)
	})
}

func mustSet(t *testing.T, r *eureka.Replica, service string) *discovery.Set {
	t.Helper()
	set, err := r.Instances(t.Context(), service)
	require.NoError(t, err)
	return set
}
