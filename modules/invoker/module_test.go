package invoker_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/fx"
	"go.uber.org/fx/fxtest"

	"github.com/archimedes-go/archimedes/config/configtest"
	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/invoker"
	"github.com/archimedes-go/archimedes/modules/loadbalancer"
)

// started returns what the module provides under the given settings.
func started(t *testing.T, yaml string, modules ...fx.Option) (c *invoker.Client, p *invoker.Plain, cfg invoker.Config) {
	t.Helper()
	settings := configtest.FromYAML(t, yaml)
	app := fxtest.New(t, fx.Supply(settings, slog.New(slog.DiscardHandler)), discovery.Module(settings), loadbalancer.Module(settings), invoker.Module(settings),
		fx.Populate(&c, &p, &cfg), fx.Options(modules...))
	app.RequireStart()
	t.Cleanup(app.RequireStop)
	return c, p, cfg
}

func TestModuleCallsWhatTheSettingsList(t *testing.T) {
	n := startNode(t, status(200))
	c, p, _ := started(t, "spring.cloud.discovery.client.simple.instances.stock[0].uri: "+n.URL)
	body, err := invoker.GetForObject[string](t.Context(), c, "http://stock/")
	require.NoError(t, err)
	require.Equal(t, "status 200", body)
	_, err = invoker.GetForObject[string](t.Context(), p, n.URL)
	require.NoError(t, err)
}

func TestModuleSaysWhichKeySwitchedCallsByNameOff(t *testing.T) {
	for yaml, reason := range map[string]string{
		"spring.cloud.loadbalancer.enabled: false":        "spring.cloud.loadbalancer.enabled = false from classpath:application.yml:1:36",
		"spring.autoconfigure.exclude: [x, loadbalancer]": "spring.autoconfigure.exclude",
	} {
		c, _, _ := started(t, yaml)
		_, err := invoker.GetForObject[string](t.Context(), c, "http://stock/")
		require.ErrorContains(t, err, reason)
	}
}

func TestModuleReadsTimeoutsUnderBothNames(t *testing.T) {
	_, _, cfg := started(t, "")
	require.Equal(t, invoker.DefaultConfig(), cfg)
	_, _, cfg = started(t, "spring.http: {client: {read-timeout: 3s, connect-timeout: 2s}, clients.connect-timeout: 250ms}")
	require.Equal(t, []time.Duration{250 * time.Millisecond, 3 * time.Second}, []time.Duration{cfg.ConnectTimeout, cfg.ReadTimeout})
}

func TestSettingsThatCannotWorkAreNamedAllAtOnce(t *testing.T) {
	err := invoker.Config{ConnectTimeout: -1}.Validate()
	for _, key := range []string{"connect-timeout", "read-timeout", "max-response-size"} {
		require.ErrorContains(t, err, key)
	}
}
