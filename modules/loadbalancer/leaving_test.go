package loadbalancer_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/loadbalancer"
)

// tell picks until it is the turn of an instance and says how that call went.
func tell(t testing.TB, b *loadbalancer.Balancer, id string, o loadbalancer.Outcome) {
	t.Helper()
	for range 1000 {
		p, err := b.Pick(t.Context(), loadbalancer.Request{Service: "stock"})
		require.NoError(t, err)
		if p.Instance().ID == id {
			p.Done(o)
			return
		}
		p.Done(loadbalancer.Outcome{Unknown: true})
	}
	require.FailNow(t, "not picked: "+id)
}

// users returns the instances that ten picks without an outcome give.
func users(t testing.TB, b *loadbalancer.Balancer) map[string]bool {
	t.Helper()
	ids := map[string]bool{}
	for range 10 {
		p, err := b.Pick(t.Context(), loadbalancer.Request{Service: "stock"})
		require.NoError(t, err)
		ids[p.Instance().ID] = true
	}
	return ids
}

func only(ids ...string) map[string]bool {
	all := map[string]bool{}
	for _, id := range ids {
		all[id] = true
	}
	return all
}

var (
	keeps  = loadbalancer.Outcome{Status: 200}
	closes = loadbalancer.Outcome{Status: 200, Closes: true}
)

func TestAnInstanceThatAnnouncesItsEndIsAvoidedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := balancer(t, stock(of(3)...), loadbalancer.RoundRobin)
		tell(t, b, "i0", keeps)
		tell(t, b, "i0", closes)
		require.Equal(t, only("i1", "i2"), users(t, b))
		require.Equal(t, "i0", pick(t, b, loadbalancer.Request{Tried: []string{"i1", "i2"}}), "better than nobody")
	})
}

func TestALeavingInstanceIsTriedAgainByOneCallLaterAndLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := balancer(t, stock(of(2)...), loadbalancer.RoundRobin)
		tell(t, b, "i0", keeps)
		tell(t, b, "i0", closes)
		for _, wait := range []time.Duration{1, 2, 4, 8, 16, 30, 30} {
			time.Sleep(wait*time.Second - time.Millisecond)
			require.Equal(t, only("i1"), users(t, b))
			time.Sleep(time.Millisecond)
			synctest.Wait()
			tell(t, b, "i0", closes)
			require.Equal(t, only("i1"), users(t, b))
		}
		time.Sleep(30 * time.Second)
		synctest.Wait()
		tell(t, b, "i0", keeps)
		require.Equal(t, only("i0", "i1"), users(t, b))
	})
}

func TestAServerThatClosesAConnectionNowAndThenIsBackWithItsNextAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := balancer(t, stock(of(2)...), loadbalancer.RoundRobin)
		tell(t, b, "i0", keeps)
		var under loadbalancer.Pick // a call that is under way on another connection
		for under.Instance() == nil || under.Instance().ID != "i0" {
			var err error
			under, err = b.Pick(t.Context(), loadbalancer.Request{Service: "stock"})
			require.NoError(t, err)
		}
		tell(t, b, "i0", closes)
		require.Equal(t, only("i1"), users(t, b))
		under.Done(keeps)
		require.Equal(t, only("i0", "i1"), users(t, b))
	})
}

func TestErrorsThatCloseAConnectionAreNoAnnouncement(t *testing.T) {
	b := balancer(t, stock(of(2)...), loadbalancer.RoundRobin)
	tell(t, b, "i0", keeps)
	tell(t, b, "i0", loadbalancer.Outcome{Status: 500, Closes: true})
	require.Equal(t, only("i0", "i1"), users(t, b))
}

func TestAnInstanceThatNeverKeepsConnectionsIsNotTakenToBeLeaving(t *testing.T) {
	b := balancer(t, stock(of(2)...), loadbalancer.RoundRobin)
	for range 20 {
		tell(t, b, "i0", closes)
	}
	require.Equal(t, only("i0", "i1"), users(t, b))
}

func TestAnInstanceThatIsSeenAnewIsNoLongerLeaving(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &changing{discovery.NewSet(of(2)...)}
		b := balancer(t, r, loadbalancer.RoundRobin)
		tell(t, b, "i0", keeps)
		tell(t, b, "i0", closes)
		r.set = discovery.NewSet(of(2)...)
		require.Equal(t, only("i1"), users(t, b), "a refresh alone changes nothing")
		anew := of(2)
		anew[0].Address = "10.0.0.9:80"
		r.set = discovery.NewSet(anew...)
		require.Equal(t, only("i0", "i1"), users(t, b))
	})
}

func TestWhenAllAreLeavingAllAreUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := balancer(t, stock(of(2)...), loadbalancer.RoundRobin)
		for _, id := range []string{"i0", "i1"} {
			tell(t, b, id, keeps)
		}
		for _, id := range []string{"i0", "i1"} {
			tell(t, b, id, closes)
		}
		require.Equal(t, only("i0", "i1"), users(t, b))
	})
}
