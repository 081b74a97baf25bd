package loadbalancer_test

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/fx"

	"github.com/archimedes-go/archimedes/config/configtest"
	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/loadbalancer"
)

func TestModuleLetsApplicationYmlChooseAStrategyOfTheUsersOwn(t *testing.T) {
	c := configtest.FromYAML(t, "spring.cloud.loadbalancer: {strategy: stick, clients: {stock: {strategy: mine}}}")
	var b *loadbalancer.Balancer
	app := fx.New(fx.NopLogger, fx.Supply(c, slog.New(slog.DiscardHandler)), fx.Supply(fx.Annotate(stock(of(5)...), fx.As(new(discovery.Resolver)))),
		loadbalancer.Module(c), fx.Populate(&b),
		fx.Provide(loadbalancer.AsFactory(func() loadbalancer.Factory {
			return loadbalancer.Factory{Name: "mine", New: func(string) loadbalancer.Strategy { return fixed{} }}
		})))
	require.NoError(t, app.Err())
	require.ElementsMatch(t, append(strategies, "mine"), b.Strategies())
	for range 20 {
		require.Equal(t, "i0", pick(t, b, loadbalancer.Request{}))
	}
}

func TestModuleRefusesAStrategyThatDoesNotExistAtStart(t *testing.T) {
	c := configtest.FromYAML(t, "spring.cloud.loadbalancer.clients.stock.strategy: nearest")
	app := fx.New(fx.NopLogger, fx.Supply(c, slog.New(slog.DiscardHandler)), fx.Supply(fx.Annotate(stock(), fx.As(new(discovery.Resolver)))), loadbalancer.Module(c))
	var unknown *loadbalancer.StrategyError
	require.ErrorAs(t, app.Err(), &unknown)
	require.Equal(t, []string{"spring.cloud.loadbalancer.clients.stock.strategy"}, unknown.Keys())
}

func TestModuleSwitchedOffProvidesNothing(t *testing.T) {
	c := configtest.FromYAML(t, "spring.cloud.loadbalancer.enabled: false")
	app := fx.New(fx.NopLogger, loadbalancer.Module(c), fx.Invoke(func(*loadbalancer.Balancer) {}))
	require.ErrorContains(t, app.Err(), "missing type")
}

func TestSettingsThatCannotWorkAreNamedAllAtOnce(t *testing.T) {
	minus := -1
	cfg := loadbalancer.DefaultConfig()
	cfg.Retry.NextInstance = &minus
	cfg.Clients = map[string]loadbalancer.Service{"stock": {Retry: loadbalancer.Retry{SameInstance: &minus, StatusCodes: []int{42}}}}
	err := cfg.Validate()
	for _, key := range []string{"retry.max-retries-on-next-service-instance", "clients.stock.retry.max-retries-on-same-service-instance", "clients.stock.retry.retryable-status-codes"} {
		require.ErrorContains(t, err, key)
	}
}
