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
)

// replicating runs a replica in a bubble until the test ends.
func replicating(t *testing.T, e *estate, opts ...eureka.ReplicaOption) *eureka.Replica {
	t.Helper()
	r := eureka.NewReplica(e.client(t), eureka.DefaultClientConfig(), opts...)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = r.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })
	return r
}

func listed(t *testing.T, e *estate, app, id string, change func(*eureka.Instance)) {
	t.Helper()
	i := self(here)
	i.App, i.InstanceID, i.VIPAddress = strings.ToUpper(app), id, app
	i.Lease.Duration = 36000
	if change != nil {
		change(i)
	}
	require.NoError(t, e.registry.Register(i, true))
}

func TestReplicaFetchesOnceAndThenFollowsDeltas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEstate()
		listed(t, e, "stock", "a", nil)
		listed(t, e, "mail", "m", nil)
		r := replicating(t, e)
		first, err := r.Instances(t.Context(), "STOCK")
		require.NoError(t, err)
		mail, err := r.Instances(t.Context(), "mail")
		require.NoError(t, err)
		require.Len(t, first.All, 1)

		listed(t, e, "stock", "b", nil)
		listed(t, e, "brand-new", "n", nil)
		require.NoError(t, e.registry.Override("stock", "a", discovery.OutOfService, 0))
		time.Sleep(31 * time.Second)
		next, err := r.Instances(t.Context(), "stock")
		require.NoError(t, err)
		require.Len(t, next.All, 2)
		require.Equal(t, discovery.OutOfService, next.ByID("a").Status)
		same, err := r.Instances(t.Context(), "mail")
		require.NoError(t, err)
		require.Same(t, mail, same, "what did not change stays the same set")
		require.Equal(t, []string{"brand-new", "mail", "stock"}, r.Services())

		require.NoError(t, e.registry.Cancel("brand-new", "n"))
		time.Sleep(31 * time.Second)
		require.Equal(t, []string{"mail", "stock"}, r.Services())
		asked := e.requests() // two deltas or three: the moment of the first is drawn
		require.Equal(t, "GET apps/", asked[0])
		require.Equal(t, []string{"GET apps/delta"}, slices.Compact(asked[1:]))
	})
}

func TestReplicaFetchesEverythingWhenADeltaDoesNotFit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEstate()
		listed(t, e, "stock", "a", nil)
		r := replicating(t, e)
		synctest.Wait()
		e.break_(func(*http.Request) (*http.Response, error) { return nil, errRefused })
		time.Sleep(time.Minute)
		require.NoError(t, e.registry.Cancel("stock", "a"))
		listed(t, e, "mail", "m", nil)
		listed(t, e, "mail", "n", nil)
		time.Sleep(10 * time.Minute) // the delta has forgotten by now
		e.break_(nil)
		e.forget()
		time.Sleep(31 * time.Second)
		require.Equal(t, []string{"GET apps/delta", "GET apps/"}, e.requests()[:2])
		require.Equal(t, []string{"mail"}, r.Services())
	})
}

func TestReplicaFetchesEverythingWhereDeltasAreNotOffered(t *testing.T) {
	for _, status := range []int{http.StatusNotFound, http.StatusForbidden} {
		synctest.Test(t, func(t *testing.T) {
			e := newEstate()
			listed(t, e, "stock", "a", nil)
			r := replicating(t, e)
			synctest.Wait()
			e.break_(func(r *http.Request) (*http.Response, error) {
				if strings.HasSuffix(r.URL.Path, "/delta") {
					return page(status), nil
				}
				return nil, nil
			})
			listed(t, e, "stock", "b", nil)
			e.forget()
			time.Sleep(31 * time.Second)
			require.Equal(t, []string{"GET apps/delta", "GET apps/"}, e.requests()[:2])
			require.Len(t, mustSet(t, r, "stock").All, 2)
		})
	}
}

func TestReplicaKeepsTheLastSnapshotWhileNoServerAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEstate()
		listed(t, e, "stock", "a", nil)
		var log strings.Builder
		e.logger = slog.New(slog.NewTextHandler(&log, nil))
		r := replicating(t, e)
		synctest.Wait()
		e.break_(func(*http.Request) (*http.Response, error) { return page(http.StatusInternalServerError), nil })
		time.Sleep(20 * time.Minute)
		_, err := r.Instances(t.Context(), "stock")
		require.NoError(t, err)
		age, known := r.Age()
		require.True(t, known)
		require.Greater(t, age, 19*time.Minute)
		e.break_(nil)
		time.Sleep(31 * time.Second)
		synctest.Wait()
		require.Equal(t, 1, strings.Count(log.String(), "level=WARN"))
		require.Contains(t, log.String(), "answers again")
	})
}

func TestACallBeforeTheFirstSnapshotWaitsForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEstate()
		listed(t, e, "stock", "a", nil)
		e.break_(func(*http.Request) (*http.Response, error) { return nil, errRefused })
		r := replicating(t, e)
		time.AfterFunc(2*time.Second, func() { e.break_(nil) })
		_, err := r.Instances(t.Context(), "stock")
		require.NoError(t, err)
	})
}

func TestACallWithoutAnySnapshotEndsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEstate()
		e.break_(func(*http.Request) (*http.Response, error) { return nil, errRefused })
		r := replicating(t, e)
		began := time.Now()
		_, err := r.Instances(t.Context(), "stock")
		require.ErrorIs(t, err, discovery.ErrUnknownService)
		require.Equal(t, 5*time.Second, time.Since(began))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = r.Instances(ctx, "stock")
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

func TestAnUnknownServiceIsLookedForOnceForAllCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEstate()
		listed(t, e, "stock", "a", nil)
		r := replicating(t, e)
		synctest.Wait()
		listed(t, e, "mail", "m", nil)
		e.forget()
		results := make(chan error, 50)
		for range cap(results) {
			go func() {
				_, err := r.Instances(t.Context(), "mail")
				results <- err
			}()
		}
		found := 0
		for range cap(results) {
			if err := <-results; err == nil {
				found++
			} else {
				require.ErrorContains(t, err, "known: ")
			}
		}
		require.Positive(t, found)
		_, err := r.Instances(t.Context(), "nobody")
		require.ErrorContains(t, err, "mail, stock")
		require.Len(t, e.requests(), 1)
	})
}

func TestServicesAreFoundByVIPThenByApplication(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEstate()
		listed(t, e, "app", "a", func(i *eureka.Instance) { i.VIPAddress = "One, two"; i.SecureVIPAddress = "three" })
		listed(t, e, "plain", "p", func(i *eureka.Instance) { i.VIPAddress = "" })
		r := replicating(t, e)
		for _, name := range []string{"one", "TWO", "three", "app", "plain"} {
			set, err := r.Instances(t.Context(), name)
			require.NoError(t, err, name)
			require.Len(t, set.All, 1, name)
		}
	})
}

func TestInstancesAreCalledByTheirEnabledPorts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEstate()
		listed(t, e, "s", "secure", func(i *eureka.Instance) {
			i.Port.Enabled = false
			i.SecurePort.Number, i.SecurePort.Enabled = 8443, true
		})
		listed(t, e, "s", "six", func(i *eureka.Instance) { i.HostName, i.IPAddr = "::1", "::1" })
		set, err := replicating(t, e).Instances(t.Context(), "s")
		require.NoError(t, err)
		require.Equal(t, discovery.Instance{Service: "s", ID: "secure", SecureAddress: "localhost:8443", IP: "127.0.0.1", Revision: time.Now().UnixMilli()}, *set.ByID("secure"))
		require.Equal(t, "[::1]:8080", set.ByID("six").Address)
		byIP, err := replicating(t, e, eureka.PreferIP()).Instances(t.Context(), "s")
		require.NoError(t, err)
		require.Equal(t, "127.0.0.1:8443", byIP.ByID("secure").SecureAddress)
	})
}

func TestRefreshWaitsForALookThatBeginsAfterIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEstate()
		listed(t, e, "other", "o", nil)
		r := replicating(t, e)
		synctest.Wait()
		e.break_(func(r *http.Request) (*http.Response, error) {
			time.Sleep(3 * time.Second)
			return answer(`{"applications":{"versions__delta":"1","apps__hashcode":"UP_1_","application":[]}}`), nil // as it was when it was asked
		})
		go func() { _ = r.Refresh(t.Context()) }()
		time.Sleep(time.Second)
		e.break_(nil)
		listed(t, e, "stock", "a", nil)
		require.NoError(t, r.Refresh(t.Context()))
		require.Equal(t, []string{"other", "stock"}, r.Services())
	})
}

func TestRefreshReturnsTheErrorOfItsLook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEstate()
		listed(t, e, "stock", "a", nil)
		r := replicating(t, e)
		synctest.Wait()
		e.break_(func(*http.Request) (*http.Response, error) { return page(http.StatusBadGateway), nil })
		require.ErrorContains(t, r.Refresh(t.Context()), "502")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.Error(t, r.Refresh(ctx))
	})
}
