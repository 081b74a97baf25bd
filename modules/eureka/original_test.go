package eureka_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/eureka"
)

func TestADeltaThatBringsANewApplicationIsApplied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEstate()
		require.NoError(t, e.registry.Register(self(here), false))
		r := replicating(t, e)
		synctest.Wait()
		other := self(here)
		other.App, other.VIPAddress = "BILLING", "billing"
		require.NoError(t, e.registry.Register(other, false))
		time.Sleep(31 * time.Second)
		require.NotNil(t, r.Peek("billing"))
		require.Equal(t, []string{"GET apps/", "GET apps/delta"}, e.requests(), "without fetching everything again")
	})
}

func TestAForgottenInstanceAsksNoOtherServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEstate()
		l := &told{}
		e.listeners = []eureka.Listener{l.listener()}
		r := eureka.NewRegistrar(e.client(t, "one", "two"), eureka.DefaultInstanceConfig(), self)
		t.Cleanup(background(r.Run))
		r.Up(here)
		synctest.Wait()
		l.take()
		e.registry.Clear()
		e.forget()
		time.Sleep(31 * time.Second)
		require.Equal(t, []string{"PUT apps/ORDERS/me UP", "POST apps/ORDERS"}, e.requests()[:2])
		require.Equal(t, 1, strings.Count(strings.Join(e.requests(), " "), "POST"))
		require.NotContains(t, strings.Join(e.log(), " "), "two")
		require.Empty(t, l.take(), "and it is no error")
	})
}

func TestAHungFetchDelaysNoHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEstate()
		r := eureka.NewRegistrar(e.client(t), eureka.DefaultInstanceConfig(), self)
		t.Cleanup(background(r.Run))
		replicating(t, e)
		r.Up(here)
		synctest.Wait()
		e.break_(func(r *http.Request) (*http.Response, error) {
			if r.Method == http.MethodGet {
				<-r.Context().Done()
				return nil, r.Context().Err()
			}
			return nil, nil
		})
		e.forget()
		time.Sleep(5 * time.Minute)
		beats := strings.Count(strings.Join(e.requests(), "\n"), "PUT apps/ORDERS/me")
		require.GreaterOrEqual(t, beats, 10)
		require.Equal(t, discovery.Up, e.registry.Instance("ORDERS", "me").Status)
	})
}

func TestADeltaThatDoesNotFitIsHealedWithoutAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEstate()
		l := &told{}
		e.listeners = []eureka.Listener{l.listener()}
		require.NoError(t, e.registry.Register(self(here), false))
		r := replicating(t, e)
		synctest.Wait()
		e.registry.Clear() // as a server that was restarted: its deltas begin anew
		other := self(here)
		other.InstanceID = "other"
		require.NoError(t, e.registry.Register(other, false))
		third := self(here)
		third.InstanceID, third.Status = "third", discovery.Down
		require.NoError(t, e.registry.Register(third, false))
		time.Sleep(62 * time.Second)
		require.Len(t, r.Peek("orders").All, 2)
		require.Empty(t, l.take())
	})
}
