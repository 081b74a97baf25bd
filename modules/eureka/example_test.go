package eureka_test

import (
	"context"
	"fmt"
	"net/http/httptest"

	"github.com/archimedes-go/archimedes/config"
	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/eureka"
	"github.com/archimedes-go/archimedes/modules/eurekaserver/registry"
	"github.com/archimedes-go/archimedes/modules/eurekaserver/rest"
)

// background runs fn until the function that it returns is called.
func background(fn func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = fn(ctx) }()
	return func() { cancel(); <-ended }
}

func ExampleNewRegistrar() {
	server := httptest.NewServer(rest.New(registry.New(registry.DefaultConfig())))
	defer server.Close()
	cfg := eureka.DefaultClientConfig()
	cfg.ServiceURL = map[string]config.Secret{"defaultZone": config.Secret(server.URL + "/eureka/")}
	client, _ := eureka.NewClient(cfg)
	defer client.CloseIdleConnections()

	registrar := eureka.NewRegistrar(client, eureka.DefaultInstanceConfig(), self)
	defer background(registrar.Run)()
	registrar.Up(discovery.Address{Port: 8080})
	_ = registrar.Await(context.Background())
	listed, err := client.Instance(context.Background(), "orders", "me")
	fmt.Println(listed.Status, err)
	_ = registrar.Down(context.Background())
	_ = registrar.Remove(context.Background())
	_, err = client.Instance(context.Background(), "orders", "me")
	fmt.Println(err != nil)
	// Output:
	// UP <nil>
	// true
}

func ExampleNewReplica() {
	known := registry.New(registry.DefaultConfig())
	_ = known.Register(self(discovery.Address{Port: 8080}), false)
	server := httptest.NewServer(rest.New(known))
	defer server.Close()
	cfg := eureka.DefaultClientConfig()
	cfg.ServiceURL = map[string]config.Secret{"defaultZone": config.Secret(server.URL + "/eureka/")}
	client, _ := eureka.NewClient(cfg)
	defer client.CloseIdleConnections()

	replica := eureka.NewReplica(client, cfg)
	defer background(replica.Run)()
	set, err := replica.Instances(context.Background(), "orders")
	fmt.Println(set.All[0].Address, replica.Services(), err)
	// Output: localhost:8080 [orders] <nil>
}
