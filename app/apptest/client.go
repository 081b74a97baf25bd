package apptest

import (
	"context"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/eureka/eurekatest"
	"github.com/archimedes-go/archimedes/modules/invoker"
	"github.com/archimedes-go/archimedes/modules/loadbalancer"
)

// newClient returns what calls by name until the end of the test.
func newClient(t testing.TB, known names) *invoker.Client {
	balancer, err := loadbalancer.New(loadbalancer.DefaultConfig(), known)
	if err != nil {
		t.Fatalf("apptest: %v", err)
	}
	client := invoker.New(invoker.DefaultConfig(), balancer)
	t.Cleanup(client.CloseIdleConnections)
	return client
}

// names knows what a registry lists at this moment, and the application itself, which may be listed nowhere.
type names struct {
	registry      *eurekatest.Server
	name, address string
}

var _ discovery.Resolver = names{}

// Instances implements [discovery.Resolver].
func (n names) Instances(_ context.Context, service string) (*discovery.Set, error) {
	var all []discovery.Instance
	if app := n.registry.Registry.Application(strings.ToUpper(service)); app != nil {
		for _, i := range app.Instances {
			one := discovery.Instance{Service: service, ID: i.ID(), IP: i.IPAddr, Status: i.Status}
			if i.Port.Enabled {
				one.Address = net.JoinHostPort(i.HostName, strconv.Itoa(i.Port.Number))
			}
			if i.SecurePort.Enabled {
				one.SecureAddress = net.JoinHostPort(i.HostName, strconv.Itoa(i.SecurePort.Number))
			}
			all = append(all, one)
		}
	}
	if all == nil && n.address != "" && strings.EqualFold(service, n.name) {
		all = append(all, discovery.Instance{Service: service, Address: n.address})
	}
	if all == nil {
		return nil, discovery.ErrUnknownService
	}
	return discovery.NewSet(all...), nil
}

// Services implements [discovery.Resolver].
func (n names) Services() []string {
	known := map[string]bool{}
	if n.address != "" && n.name != "" {
		known[strings.ToLower(n.name)] = true
	}
	for _, app := range n.registry.Registry.Snapshot().All {
		known[strings.ToLower(app.Name)] = true
	}
	return slices.Sorted(maps.Keys(known))
}
