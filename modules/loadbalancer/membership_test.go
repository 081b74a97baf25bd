package loadbalancer_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/loadbalancer"
)

// moving is a resolver whose set is replaced while others pick.
type moving struct{ set atomic.Pointer[discovery.Set] }

func (m *moving) Instances(context.Context, string) (*discovery.Set, error) { return m.set.Load(), nil }
func (m *moving) Services() []string                                        { return []string{"stock"} }

func TestAListMayShrinkToOneAndGrowWhileOthersPick(t *testing.T) {
	for _, strategy := range strategies {
		t.Run(strategy, func(t *testing.T) {
			r := &moving{}
			r.set.Store(discovery.NewSet(of(1)...))
			b := with(t, r, func(c *loadbalancer.Config) {
				c.Strategy, c.Configurations, c.Zone = strategy, []string{"zone-preference", "subset"}, "a"
				c.Subset.Size = 3
			})
			done := make(chan struct{})
			var all sync.WaitGroup
			for caller := range 4 {
				all.Go(func() {
					for i := 0; ; i++ {
						select {
						case <-done:
							return
						default:
						}
						p, err := b.Pick(t.Context(), loadbalancer.Request{Service: "stock", Key: fmt.Sprint(i)})
						if err != nil {
							t.Error(err)
							return
						}
						if p.Last() != (p.Left() == 0) && p.Left() > 0 {
							t.Error("the last one, but others are left")
						}
						p.Done(loadbalancer.Outcome{Failed: i%7 < 5 && caller == 0, Status: 200})
					}
				})
			}
			for n := range 200 {
				r.set.Store(discovery.NewSet(of(1 + n*7%10)...))
				if n%2 == 0 {
					r.set.Store(discovery.NewSet(of(1)...))
				}
			}
			close(done)
			all.Wait()
			require.Equal(t, "i0", func() string {
				r.set.Store(discovery.NewSet(of(1)...))
				return pick(t, b, loadbalancer.Request{})
			}())
		})
	}
}

func TestWhatIsKnownOfAnAddressStaysWithItsService(t *testing.T) {
	one := func(service string) *discovery.Set {
		return discovery.NewSet(discovery.Instance{Service: service, ID: "i0", Address: "10.0.0.1:80"}, discovery.Instance{Service: service, ID: "i1", Address: "10.0.0.2:80"})
	}
	known := discovery.Static{"stock": one("stock"), "mail": one("mail")}
	b := balancer(t, known, loadbalancer.RoundRobin)
	fail(t, b, "i0", 5, refused)
	require.Equal(t, only("i1"), users(t, b))
	mail := map[string]bool{}
	for range 10 {
		p, err := b.Pick(t.Context(), loadbalancer.Request{Service: "mail"})
		require.NoError(t, err)
		require.Zero(t, p.Stats().Failures())
		p.Done(loadbalancer.Outcome{})
		mail[p.Instance().ID] = true
	}
	require.Equal(t, only("i0", "i1"), mail)
}

func TestInstancesThatAreReplacedOnNewPortsBeginAnew(t *testing.T) {
	at := func(port int) *discovery.Set {
		return discovery.NewSet(discovery.Instance{ID: "i0", Address: fmt.Sprint("10.0.0.1:", port)}, discovery.Instance{ID: "i1", Address: fmt.Sprint("10.0.0.2:", port)})
	}
	r := &changing{at(8080)}
	b := balancer(t, r, loadbalancer.RoundRobin)
	fail(t, b, "i0", 5, refused)
	require.Equal(t, only("i1"), users(t, b))
	old, err := b.Pick(t.Context(), loadbalancer.Request{Service: "stock"}) // a call that ends after the replacement
	require.NoError(t, err)
	r.set = at(9090)
	require.Equal(t, only("i0", "i1"), users(t, b))
	for range 10 {
		old.Done(refused)
	}
	require.Equal(t, only("i0", "i1"), users(t, b), "what the old one did tells nothing about the new one")
	p, err := b.Pick(t.Context(), loadbalancer.Request{Service: "stock"})
	require.NoError(t, err)
	require.Contains(t, p.Instance().Address, ":9090")
}
