package eurekatest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/archimedes-go/archimedes/config"
	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/eureka"
	"github.com/archimedes-go/archimedes/modules/eureka/eurekatest"
)

func Example() {
	t := &example{} // in a test: the *testing.T
	defer t.end()
	server := eurekatest.NewServer(t)
	cfg := eureka.DefaultClientConfig()
	cfg.ServiceURL = map[string]config.Secret{"defaultZone": config.Secret(server.URL)}
	client, err := eureka.NewClient(cfg)
	if err != nil {
		t.Fatalf("%v", err)
	}
	defer client.CloseIdleConnections()
	orders := eureka.NewInstance()
	orders.App, orders.InstanceID, orders.HostName, orders.IPAddr, orders.DataCenter.Name = "ORDERS", "web-1", "localhost", "127.0.0.1", "MyOwn"

	// A fault: the server is busy, but only for the first registration.
	server.Busy(http.StatusServiceUnavailable, "30").For(eurekatest.Registrations).Times(1)
	var busy *eureka.StatusError
	fmt.Println("busy:", errors.As(client.Register(t.Context(), orders), &busy), busy.RetryAfter)
	fmt.Println("registered:", client.Register(t.Context(), orders))
	server.AwaitStatus(t, "orders", "web-1", discovery.Up)

	// The clock: nobody renewed the lease for two minutes.
	server.Advance(2 * time.Minute)
	err = client.Renew(t.Context(), "orders", "web-1", discovery.Up, 0)
	fmt.Println("forgotten:", errors.Is(err, eureka.ErrUnknownInstance))

	// What was sent.
	server.RequireWrites(t, "POST apps/ORDERS", "POST apps/ORDERS", "PUT apps/ORDERS/web-1")
	fmt.Println("identity:", server.Requests()[0].Header.Get("DiscoveryIdentity-Name"))
	// Output:
	// busy: true 30s
	// registered: <nil>
	// forgotten: true
	// identity: DefaultClient
}

// example stands in for a test, which an example has not.
type example struct {
	testing.TB
	cleanups []func()
}

func (e *example) Helper()                      {}
func (e *example) Context() context.Context     { return context.Background() }
func (e *example) Cleanup(do func())            { e.cleanups = append(e.cleanups, do) }
func (e *example) Fatalf(text string, a ...any) { panic(fmt.Sprintf(text, a...)) }

func (e *example) end() {
	for _, do := range e.cleanups {
		do()
	}
}
