package loadbalancer_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/loadbalancer"
)

// strategies are those that come with the package.
var strategies = []string{loadbalancer.Random, loadbalancer.Stick, loadbalancer.Other, loadbalancer.RoundRobin, loadbalancer.LeastRequest, loadbalancer.Weighted, loadbalancer.ConsistentHash}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func ExampleBalancer_Pick() {
	known := discovery.Static{"inventory": discovery.NewSet(discovery.Instance{Address: "10.0.0.1:8080"})}
	b, _ := loadbalancer.New(loadbalancer.DefaultConfig(), known)
	p, err := b.Pick(context.Background(), loadbalancer.Request{Service: "inventory"})
	fmt.Println(p.Instance().Address, err)
	// Output: 10.0.0.1:8080 <nil>
}

// of returns n instances that are UP.
func of(n int) []discovery.Instance {
	var all []discovery.Instance
	for i := range n {
		all = append(all, discovery.Instance{Service: "stock", ID: fmt.Sprint("i", i), Address: fmt.Sprintf("10.0.0.%d:80", i+1)})
	}
	return all
}

func balancer(t testing.TB, resolver discovery.Resolver, strategy string) *loadbalancer.Balancer {
	t.Helper()
	cfg := loadbalancer.DefaultConfig()
	cfg.Strategy = strategy
	b, err := loadbalancer.New(cfg, resolver)
	require.NoError(t, err)
	return b
}

func pick(t testing.TB, b *loadbalancer.Balancer, r loadbalancer.Request) string {
	t.Helper()
	r.Service = "stock"
	p, err := b.Pick(context.Background(), r)
	require.NoError(t, err)
	p.Done(loadbalancer.Outcome{})
	return p.Instance().ID
}

func stock(instances ...discovery.Instance) discovery.Static {
	return discovery.Static{"stock": discovery.NewSet(instances...)}
}

func TestRandomUsesEveryInstanceAlike(t *testing.T) {
	b := balancer(t, stock(of(5)...), loadbalancer.Random)
	seen := map[string]int{}
	for range 5000 {
		seen[pick(t, b, loadbalancer.Request{})]++
	}
	require.Len(t, seen, 5)
	for id, n := range seen {
		require.InDelta(t, 1000, n, 200, id)
	}
}

func TestRoundRobinIsEven(t *testing.T) {
	b := balancer(t, stock(of(3)...), loadbalancer.RoundRobin)
	seen := map[string]int{}
	for range 300 {
		seen[pick(t, b, loadbalancer.Request{})]++
	}
	require.Equal(t, map[string]int{"i0": 100, "i1": 100, "i2": 100}, seen)
}

func TestOtherIsNeverTheOneUsedLast(t *testing.T) {
	for _, n := range []int{2, 3, 7} {
		b := balancer(t, stock(of(n)...), loadbalancer.Other)
		last := ""
		for range 200 {
			now := pick(t, b, loadbalancer.Request{})
			require.NotEqual(t, last, now)
			last = now
		}
	}
	require.Equal(t, "i0", pick(t, balancer(t, stock(of(1)...), loadbalancer.Other), loadbalancer.Request{}), "there is no other")
}

func TestOtherIsNotTheOneThatAnsweredLastAlsoAfterAFailure(t *testing.T) {
	b := balancer(t, stock(of(3)...), loadbalancer.Other)
	last := ""
	for range 200 {
		var tried []string
		for {
			p, err := b.Pick(context.Background(), loadbalancer.Request{Service: "stock", Tried: tried})
			require.NoError(t, err)
			id := p.Instance().ID
			p.Done(loadbalancer.Outcome{})
			if id == "i0" { // dead
				tried = append(tried, id)
				continue
			}
			require.NotEqual(t, last, id)
			last = id
			break
		}
	}
}

// changing is a resolver whose set can be replaced.
type changing struct{ set *discovery.Set }

func (c *changing) Instances(context.Context, string) (*discovery.Set, error) { return c.set, nil }
func (c *changing) Services() []string                                        { return []string{"stock"} }

func TestStickStaysUntilItsInstanceLeavesIsNotUpOrWasTried(t *testing.T) {
	r := &changing{discovery.NewSet(of(4)...)}
	b := balancer(t, r, loadbalancer.Stick)
	first := pick(t, b, loadbalancer.Request{})
	for range 50 {
		require.Equal(t, first, pick(t, b, loadbalancer.Request{}))
	}
	second := pick(t, b, loadbalancer.Request{Tried: []string{first}})
	require.NotEqual(t, first, second)
	require.Equal(t, second, pick(t, b, loadbalancer.Request{}), "it moves on for good")
	all := of(4)
	for i := range all {
		if all[i].ID == second {
			all[i].Status = discovery.OutOfService
		}
	}
	r.set = discovery.NewSet(all...)
	third := pick(t, b, loadbalancer.Request{})
	require.NotEqual(t, second, third)
	r.set = discovery.NewSet(slices.DeleteFunc(of(4), func(i discovery.Instance) bool { return i.ID == third })...)
	require.NotEqual(t, third, pick(t, b, loadbalancer.Request{}))
}

func TestNoInstanceIsHandedOutTwiceForACallNorOneThatIsNotUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := of(rapid.IntRange(0, 8).Draw(t, "n"))
		up := 0
		for i := range all {
			all[i].Status = discovery.Status(rapid.IntRange(0, 4).Draw(t, "status"))
			if all[i].Status == discovery.Up {
				up++
			}
		}
		cfg := loadbalancer.DefaultConfig()
		cfg.Strategy = rapid.SampledFrom(strategies).Draw(t, "strategy")
		b, err := loadbalancer.New(cfg, stock(all...))
		require.NoError(t, err)
		for range 3 {
			var tried []string
			for range up {
				p, err := b.Pick(context.Background(), loadbalancer.Request{Service: "stock", Tried: tried})
				require.NoError(t, err)
				require.True(t, p.Instance().Up())
				require.NotContains(t, tried, p.Instance().ID)
				require.Equal(t, up-1-len(tried), p.Left())
				tried = append(tried, p.Instance().ID)
			}
			_, err = b.Pick(context.Background(), loadbalancer.Request{Service: "stock", Tried: tried})
			require.ErrorIs(t, err, loadbalancer.ErrNoInstance)
		}
	})
}

func TestSecureRequestsNeedASecurePort(t *testing.T) {
	all := of(3)
	all[1].SecureAddress = "10.0.0.2:443"
	b := balancer(t, stock(all...), loadbalancer.Random)
	for range 20 {
		require.Equal(t, "i1", pick(t, b, loadbalancer.Request{Secure: true}))
	}
	_, err := balancer(t, stock(of(1)...), loadbalancer.Random).Pick(t.Context(), loadbalancer.Request{Service: "stock", Secure: true})
	require.ErrorContains(t, err, "secure port")
}

func TestAnUnknownStrategyNamesThoseThatExist(t *testing.T) {
	mine := loadbalancer.Factory{Name: "mine", New: func(string) loadbalancer.Strategy { return fixed{} }}
	ofAll, ofOne := loadbalancer.DefaultConfig(), loadbalancer.DefaultConfig()
	ofAll.Strategy = "nearest"
	ofOne.Clients = map[string]loadbalancer.Service{"stock": {Strategy: "nearest"}}
	for key, cfg := range map[string]loadbalancer.Config{"spring.cloud.loadbalancer.strategy": ofAll, "spring.cloud.loadbalancer.clients.stock.strategy": ofOne} {
		_, err := loadbalancer.New(cfg, stock(), loadbalancer.WithFactories(mine))
		var unknown *loadbalancer.StrategyError
		require.ErrorAs(t, err, &unknown)
		require.Equal(t, []string{key}, unknown.Keys())
		require.Contains(t, unknown.Action(), "consistent-hash, least-request, mine, other, random, round-robin, stick, weighted")
	}
	b := balancer(t, stock(of(1)...), loadbalancer.Random)
	_, err := b.Pick(t.Context(), loadbalancer.Request{Service: "stock", Strategy: "nearest"})
	require.ErrorContains(t, err, "round-robin")
}

// fixed always takes the first.
type fixed struct{}

func (fixed) Pick(*loadbalancer.View, loadbalancer.Request) int { return 0 }

func TestServicesHaveStrategiesOfTheirOwn(t *testing.T) {
	cfg := loadbalancer.DefaultConfig()
	cfg.Clients = map[string]loadbalancer.Service{"STOCK": {Strategy: "mine"}}
	b, err := loadbalancer.New(cfg, stock(of(5)...), loadbalancer.WithFactories(loadbalancer.Factory{Name: "mine", New: func(service string) loadbalancer.Strategy {
		require.Equal(t, "stock", service)
		return fixed{}
	}}))
	require.NoError(t, err)
	for range 20 {
		require.Equal(t, "i0", pick(t, b, loadbalancer.Request{}))
	}
	stuck := pick(t, b, loadbalancer.Request{Strategy: loadbalancer.Stick})
	for range 20 {
		require.Equal(t, stuck, pick(t, b, loadbalancer.Request{Strategy: loadbalancer.Stick}))
	}
}
