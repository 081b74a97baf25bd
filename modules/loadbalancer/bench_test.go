package loadbalancer_test

import (
	"context"
	"fmt"
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
				lb := balancer(b, stock(of(n)...), strategy)
				b.ReportAllocs()
				for b.Loop() {
					p, err := lb.Pick(context.Background(), loadbalancer.Request{Service: "stock", Key: "customer-4711"})
					if err != nil {
						b.Fatal(err)
					}
					p.Done(loadbalancer.Outcome{})
				}
			})
		}
	}
}
