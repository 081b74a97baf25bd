package eureka_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/fx"
	"go.uber.org/fx/fxtest"

	"github.com/archimedes-go/archimedes/config/configtest"
	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/eureka"
	"github.com/archimedes-go/archimedes/modules/eureka/eurekatest"
	"github.com/archimedes-go/archimedes/modules/health"
)

// waiting starts a program that is ready when callers see it.
func waiting(t *testing.T, server *eurekatest.Server, yaml string) *health.Availability {
	t.Helper()
	cfg := configtest.FromYAML(t, "eureka.client: {registry-fetch-interval-seconds: 1, service-url.defaultZone: "+server.URL+"}\nspring.application.name: shop\n"+
		"eureka.instance: {hostname: localhost, ip-address: 127.0.0.1, drain-period: 0, ready-when-visible: true"+yaml+"}\n")
	var ready *health.Availability
	app := fxtest.New(t, fx.NopLogger, fx.Supply(cfg, slog.New(slog.DiscardHandler)), health.Module(cfg), eureka.Module(cfg), fx.Populate(&ready), discovery.Root())
	app.RequireStart()
	t.Cleanup(func() { app.RequireStop() })
	return ready
}

func TestReadinessWaitsUntilCallersSeeTheInstance(t *testing.T) {
	server := eurekatest.NewServer(t)
	server.Fail(500).For(func(r eurekatest.Request) bool { return r.Method == "GET" })
	ready := waiting(t, server, ", non-secure-port: 9090")
	require.Eventually(t, func() bool { i := server.Only("shop"); return i != nil && i.Status == discovery.Up }, 5*time.Second, time.Millisecond)
	require.True(t, ready.Accepting(), "the status is UP meanwhile, or nobody would ever see it UP")
	require.False(t, ready.Ready())
	server.Heal()
	seen := func() bool {
		for _, r := range server.Requests() {
			if r.Method == "GET" && r.Path == "/eureka/apps/" {
				return true
			}
		}
		return false
	}
	require.Eventually(t, seen, 5*time.Second, time.Millisecond)
	require.Eventually(t, ready.Ready, 10*time.Second, time.Millisecond)
}

func TestReadinessDoesNotWaitForWhatIsNotRegistered(t *testing.T) {
	require.Eventually(t, waiting(t, eurekatest.NewServer(t), "").Ready, 10*time.Second, time.Millisecond)
}

func TestReadyWhenVisibleNeedsBothHalves(t *testing.T) {
	for _, off := range []string{"eureka.client.fetch-registry", "eureka.client.register-with-eureka", "spring.cloud.service-registry.auto-registration.enabled"} {
		cfg := configtest.FromYAML(t, "eureka.instance.ready-when-visible: true\n"+off+": false")
		app := fx.New(fx.NopLogger, fx.Supply(cfg, slog.New(slog.DiscardHandler)), health.Module(cfg), eureka.Module(cfg))
		require.ErrorContains(t, app.Err(), off)
		var failure interface{ Keys() []string }
		require.ErrorAs(t, app.Err(), &failure)
		require.Equal(t, []string{"eureka.instance.ready-when-visible", off}, failure.Keys())
	}
}

func TestACustomizerChangesWhatIsRegisteredAndAListenerIsTold(t *testing.T) {
	server := eurekatest.NewServer(t)
	cfg := configtest.FromYAML(t, "eureka.client.service-url.defaultZone: "+server.URL+"\nspring.application.name: shop\n"+
		"eureka.instance: {hostname: localhost, ip-address: 127.0.0.1, drain-period: 0, non-secure-port: 9090}")
	up := make(chan discovery.Status, 10)
	app := fxtest.New(t, fx.NopLogger, fx.Supply(cfg, slog.New(slog.DiscardHandler)), health.Module(cfg), eureka.Module(cfg), discovery.Root(),
		fx.Provide(
			eureka.AsCustomizer(func() eureka.Customizer { return func(i *eureka.Instance) { i.ASGName = "group" } }),
			eureka.AsListener(func() eureka.Listener {
				return eureka.Listener{Changed: func(_, to discovery.Status) { up <- to }}
			})))
	app.RequireStart()
	require.Equal(t, discovery.Up, <-up)
	require.Equal(t, "group", server.Only("shop").ASGName)
	app.RequireStop()
	require.Equal(t, discovery.Down, <-up)
}
