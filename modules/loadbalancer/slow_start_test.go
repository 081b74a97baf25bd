package loadbalancer_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/loadbalancer"
)

func TestANewInstanceGetsItsShareLittleByLittle(t *testing.T) {
	for _, strategy := range []string{loadbalancer.Random, loadbalancer.RoundRobin, loadbalancer.Weighted, loadbalancer.LeastRequest} {
		synctest.Test(t, func(t *testing.T) {
			r := &changing{discovery.NewSet(of(3)...)}
			b := with(t, r, func(c *loadbalancer.Config) { c.Strategy, c.SlowStart.Window = strategy, 30*time.Second })
			for id, n := range seen(t, b, 3000) {
				require.InDelta(t, 1000, n, 150, "%s is not new: it was there at first", id)
			}
			r.set = discovery.NewSet(of(4)...)
			share := func() int { return seen(t, b, 4000)["i3"] }
			before := share()
			require.InDelta(t, 100, before, 90, strategy)
			for range 5 {
				time.Sleep(5 * time.Second)
				synctest.Wait()
				now := share()
				require.Greater(t, now, before-60, strategy) // chance may take some
				before = now
			}
			time.Sleep(5 * time.Second)
			synctest.Wait()
			require.InDelta(t, 1000, share(), 150, strategy)
		})
	}
}

func TestWithoutAWindowANewInstanceHasItsShareAtOnce(t *testing.T) {
	r := &changing{discovery.NewSet(of(3)...)}
	b := balancer(t, r, loadbalancer.RoundRobin)
	seen(t, b, 30)
	r.set = discovery.NewSet(of(4)...)
	require.Equal(t, 100, seen(t, b, 400)["i3"])
}

func TestNewInstancesTakeTheCallsWhenThereAreNoOthers(t *testing.T) {
	r := &changing{discovery.NewSet(of(1)...)}
	b := with(t, r, func(c *loadbalancer.Config) { c.SlowStart.Window = time.Hour })
	seen(t, b, 10)
	r.set = discovery.NewSet(of(4)[1:]...)
	for id, n := range seen(t, b, 3000) {
		require.InDelta(t, 1000, n, 150, id)
	}
}

func TestAKeyHasItsInstanceAlsoWhileThatIsNew(t *testing.T) {
	r := &changing{discovery.NewSet(of(2)...)}
	b := with(t, r, func(c *loadbalancer.Config) { c.Strategy, c.SlowStart.Window = loadbalancer.ConsistentHash, time.Hour })
	seen(t, b, 10)
	r.set = discovery.NewSet(of(3)...)
	want := owners(t, of(3)...)
	for key, id := range want {
		require.Equal(t, id, pick(t, b, loadbalancer.Request{Key: key}))
	}
}
