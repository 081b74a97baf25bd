package eureka_test

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/fx"
	"go.uber.org/fx/fxtest"

	"github.com/archimedes-go/archimedes/config/configtest"
	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/eureka"
	"github.com/archimedes-go/archimedes/modules/eureka/eurekatest"
	"github.com/archimedes-go/archimedes/modules/health"
)

// healthOf returns what a program with these settings says of discovery, once it has seen a registry with itself and two of stock.
func healthOf(t *testing.T, yaml string) (health.Result, bool) {
	t.Helper()
	server := eurekatest.NewServer(t)
	server.Add(discovery.Instance{Service: "stock", Address: "127.0.0.1:1"})
	server.Add(discovery.Instance{Service: "stock", Address: "127.0.0.1:2"})
	server.Add(discovery.Instance{Service: "orders", ID: "me", Address: "127.0.0.1:3", IP: "127.0.0.1", Status: discovery.OutOfService})
	cfg := configtest.FromYAML(t, "spring.application.name: orders\neureka.instance: {instance-id: me, non-secure-port: 3}\neureka.client.registry-fetch-interval-seconds: 600\neureka.client.service-url.defaultZone: "+server.URL+"\n"+yaml)
	var checks *health.Checks
	var resolver discovery.Resolver
	var registrar *eureka.Registrar
	app := fxtest.New(t, fx.NopLogger, fx.Supply(cfg, slog.New(slog.DiscardHandler)), health.Module(cfg), discovery.Module(cfg), eureka.Module(cfg),
		fx.Populate(&checks, &resolver, &registrar))
	app.RequireStart()
	defer app.RequireStop()
	_, err := resolver.Instances(t.Context(), "stock")
	require.NoError(t, err)
	registrar.Up(discovery.Address{Port: 3})
	require.NotNil(t, registrar.Instance())
	whole := checks.Whole(t.Context())
	part, ok := whole.Components["discoveryComposite"]
	return part, ok
}

func TestHealthTellsOfDiscoveryAsSpringDoes(t *testing.T) {
	said, ok := healthOf(t, "")
	require.True(t, ok)
	require.Equal(t, health.Result{Status: health.OutOfService, Components: map[string]health.Result{
		"discoveryClient": {Status: health.Up, Details: map[string]any{"services": []string{"orders", "stock"}}},
		"eureka": {Status: health.OutOfService, Description: "Remote status from Eureka server",
			Details: map[string]any{"applications": map[string]int{"ORDERS": 1, "STOCK": 2}}},
	}}, said)
}

func TestTheHealthOfDiscoveryFollowsItsSettings(t *testing.T) {
	const prefix = "spring.cloud.discovery.client."
	_, ok := healthOf(t, prefix+"composite-indicator.enabled: false\n")
	require.False(t, ok)
	said, _ := healthOf(t, prefix+"health-indicator.enabled: false\n")
	require.NotContains(t, said.Components, "discoveryClient")
	require.Contains(t, said.Components, "eureka")
	said, _ = healthOf(t, prefix+"health-indicator.include-description: true\n")
	require.Equal(t, "Composite Discovery Client", said.Components["discoveryClient"].Description)
	said, _ = healthOf(t, prefix+"health-indicator.use-services-query: false\n")
	require.Empty(t, said.Components["discoveryClient"].Details)
}

func TestDiscoveryIsUnknownToHealthUntilARegistryWasHeardOf(t *testing.T) {
	cfg := configtest.FromYAML(t, "eureka.client: {service-url.defaultZone: 'http://127.0.0.1:1/', register-with-eureka: false}\n")
	var checks *health.Checks
	fxtest.New(t, fx.NopLogger, fx.Supply(cfg, slog.New(slog.DiscardHandler)), health.Module(cfg), discovery.Module(cfg), eureka.Module(cfg), fx.Populate(&checks))
	whole := checks.Whole(t.Context())
	require.Equal(t, health.Up, whole.Status, "a program serves while no registry does")
	require.Equal(t, health.Result{Status: health.Up, Components: map[string]health.Result{
		"discoveryClient": {Status: health.Unknown, Description: "Discovery Client not initialized"},
		"eureka":          {Status: health.Up, Description: "Eureka discovery client has not yet successfully connected to a Eureka server"},
	}}, whole.Components["discoveryComposite"])
}
