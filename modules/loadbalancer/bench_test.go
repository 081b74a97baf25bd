package loadbalancer_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/modules/loadbalancer"
)

func TestPicksAllocateNothing(t *testing.T) {
	for _, strategy := range strategies {
		lb := balancer(t, stock(of(1000)...), strategy)
		require.Zero(t, testing.AllocsPerRun(100, func() {
			p, err := lb.Pick(context.Background(), loadbalancer.Request{Service: "stock", Key: "customer-4711"})
			if err == nil {
				p.Done(loadbalancer.Outcome{Status: 200})
			}
		}), strategy)
	}
}

func BenchmarkPick(b *testing.B) {
	for _, n := range []int{10, 1000} {
		for _, strategy := range strategies {
			b.Run(fmt.Sprint(strategy, "-", n), func(b *testing.B) {
				picks(b, balancer(b, stock(of(n)...), strategy), loadbalancer.Request{Service: "stock", Key: "customer-4711"})
			})
		}
	}
}

func BenchmarkPickWhileSomeAreEjected(b *testing.B) {
	for _, strategy := range strategies {
		b.Run(strategy, func(b *testing.B) {
			lb := balancer(b, stock(of(10)...), strategy)
			for _, id := range []string{"i1", "i2", "i3"} {
				p, err := lb.Pick(context.Background(), loadbalancer.Request{Service: "stock", Prefer: &loadbalancer.Preference{Instance: id}})
				require.NoError(b, err)
				for range 5 {
					p.Again().Done(loadbalancer.Outcome{Failed: true, Unsent: true})
				}
			}
			picks(b, lb, loadbalancer.Request{Service: "stock", Key: "customer-4711"})
		})
	}
}

func BenchmarkPickByAHint(b *testing.B) {
	picks(b, balancer(b, stock(hinted()...), loadbalancer.Random), loadbalancer.Request{Service: "stock", Header: http.Header{"X-Sc-Lb-Hint": {"canary"}}})
}

func BenchmarkPickByACookie(b *testing.B) {
	picks(b, with(b, stock(of(10)...), sticky), loadbalancer.Request{Service: "stock", Header: http.Header{"Cookie": {"a=b; sc-lb-instance-id=i7"}}})
}

func BenchmarkPickOfOneCallsOwnStrategy(b *testing.B) {
	picks(b, balancer(b, stock(of(10)...), loadbalancer.Random), loadbalancer.Request{Service: "stock", Strategy: loadbalancer.RoundRobin})
}

func picks(b *testing.B, lb *loadbalancer.Balancer, r loadbalancer.Request) {
	b.ReportAllocs()
	for b.Loop() {
		p, err := lb.Pick(context.Background(), r)
		if err != nil {
			b.Fatal(err)
		}
		p.Done(loadbalancer.Outcome{Took: 1})
	}
}
