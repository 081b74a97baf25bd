package dashboard_test

import (
	"fmt"
	"testing"

	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/eurekaserver/dashboard"
	"github.com/archimedes-go/archimedes/modules/eurekaserver/registry"
	"github.com/archimedes-go/archimedes/modules/internal/wire"
)

func BenchmarkPage(b *testing.B) {
	for _, n := range []int{10, 1000, 100_000} {
		for _, q := range []string{"", "?q=nothing"} {
			r := registry.New(registry.DefaultConfig())
			for i := range n {
				_ = r.Register(&wire.Instance{App: fmt.Sprint("APP", i%1000), InstanceID: fmt.Sprint("i", i), HostName: "localhost", Status: discovery.Up, OverriddenStatus: discovery.Unknown, StatusPageURL: "http://localhost:8080/actuator/info"}, false)
			}
			h := dashboard.New(r)
			b.Run(fmt.Sprint(n, q), func(b *testing.B) {
				for b.Loop() {
					ask(h, "GET", "/"+q, nil)
				}
			})
		}
	}
}
