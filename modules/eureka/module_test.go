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

// joined runs the module against a server and returns what it registers for an address.
func joined(t *testing.T, yaml string, address discovery.Address) (*eureka.Instance, *eurekatest.Server) {
	t.Helper()
	server := eurekatest.NewServer(t)
	cfg := configtest.FromYAML(t, "eureka.client.service-url.defaultZone: "+server.URL+"\nspring.application.name: Orders\neureka.instance.hostname: localhost\neureka.instance.ip-address: 127.0.0.1\n"+yaml)
	var registrar *eureka.Registrar
	var ready *health.Availability
	app := fxtest.New(t, fx.NopLogger, fx.Supply(cfg, slog.New(slog.DiscardHandler)), health.Module(cfg), eureka.Module(cfg), fx.Populate(&registrar, &ready))
	app.RequireStart()
	t.Cleanup(func() { app.RequireStop() })
	ready.Accept()
	registrar.Up(address)
	require.Eventually(t, registrar.Registered, 5*time.Second, time.Millisecond)
	return registrar.Instance(), server
}

func TestModuleRegistersAsSpringDoes(t *testing.T) {
	i, server := joined(t, "eureka.instance.metadata-map: {zone: a, user.name: admin}\n", discovery.Address{Port: 41233})
	require.Equal(t, []string{"localhost:Orders:41233", "ORDERS", "localhost", "127.0.0.1", "Orders", "Orders"},
		[]string{i.InstanceID, i.App, i.HostName, i.IPAddr, i.VIPAddress, i.SecureVIPAddress})
	require.Equal(t, []string{"http://localhost:41233/", "http://localhost:41233/actuator/info", "http://localhost:41233/actuator/health", ""},
		[]string{i.HomePageURL, i.StatusPageURL, i.HealthCheckURL, i.SecureHealthCheckURL})
	require.Equal(t, map[string]string{"zone": "a", "user.name": "admin", "management.port": "41233"}, i.Metadata.Map())
	require.NotNil(t, server.Instance("ORDERS", i.InstanceID))
}

func TestURLsFollowTheSettings(t *testing.T) {
	for name, one := range map[string]struct {
		yaml          string
		address       discovery.Address
		health, extra string
	}{
		"context path":       {"server.servlet.context-path: /shop", here, "http://localhost:8080/shop/actuator/health", "/shop/actuator"},
		"base path":          {"management.endpoints.web.base-path: /manage", here, "http://localhost:8080/manage/health", "/manage"},
		"management port":    {"management.server.base-path: /m", discovery.Address{Port: 8080, ManagementPort: 8081}, "http://localhost:8081/m/actuator/health", "/m/actuator"},
		"path given":         {"eureka.instance.health-check-url-path: /up", here, "http://localhost:8080/up", ""},
		"URL given":          {"eureka.instance.health-check-url: http://${eureka.hostname:x}/up", here, "http://x/up", ""},
		"TLS":                {"", discovery.Address{Port: 8443, Secure: true}, "https://localhost:8443/actuator/health", ""},
		"secure port by key": {"eureka.instance: {secure-port-enabled: true, non-secure-port-enabled: false, secure-port: 443}", here, "https://localhost:443/actuator/health", ""},
	} {
		t.Run(name, func(t *testing.T) {
			yaml := one.yaml
			i, _ := joined(t, yaml+"\n", one.address)
			require.Equal(t, one.health, i.HealthCheckURL)
			require.Equal(t, one.extra, i.Metadata.Get("management.context-path"))
		})
	}
}

func TestIPv6IsBracketedInURLs(t *testing.T) {
	server := eurekatest.NewServer(t)
	cfg := configtest.FromYAML(t, "eureka.client.service-url.defaultZone: "+server.URL+"\neureka.instance: {ip-address: '::1', prefer-ip-address: true, hostname: localhost}\n")
	var registrar *eureka.Registrar
	app := fxtest.New(t, fx.NopLogger, fx.Supply(cfg, slog.New(slog.DiscardHandler)), health.Module(cfg), eureka.Module(cfg), fx.Populate(&registrar))
	app.RequireStart()
	defer app.RequireStop()
	registrar.Up(here)
	require.Equal(t, "http://[::1]:8080/actuator/health", registrar.Instance().HealthCheckURL)
	require.Equal(t, "::1", registrar.Instance().HostName)
}

func TestAnIDThatTheUserSetIsTakenLiterally(t *testing.T) {
	i, _ := joined(t, "eureka.instance.instance-id: ${spring.cloud.client.hostname}/${spring.cloud.client.ip-address}:${spring.application.name}\n", here)
	require.Equal(t, "localhost/127.0.0.1:Orders", i.InstanceID)
}

func TestTheDefaultIDHasWhatTellsInstancesApart(t *testing.T) {
	i, _ := joined(t, "spring.application.instance_id: blue\n", here)
	require.Equal(t, "localhost:Orders:blue", i.InstanceID)
	i, _ = joined(t, "vcap.application.instance_id: 0b2f\n", here)
	require.Equal(t, "0b2f", i.InstanceID)
}

func TestModuleReportsSettingsThatCannotWork(t *testing.T) {
	for yaml, want := range map[string]string{
		"eureka.instance: {lease-renewal-interval-in-seconds: 30, lease-expiration-duration-in-seconds: 30}": "eureka.instance.lease-expiration-duration-in-seconds",
		"eureka.client.service-url.defaultZone: nonsense":                                                    "eureka.client.service-url.defaultZone",
		"eureka.client.service-url.defaultZone: ''":                                                          "names no server",
		"eureka.instance.initial-status: SLEEPING":                                                           "OUT_OF_SERVICE",
	} {
		cfg := configtest.FromYAML(t, yaml)
		app := fx.New(fx.NopLogger, fx.Supply(cfg, slog.New(slog.DiscardHandler)), health.Module(cfg), eureka.Module(cfg), fx.Invoke(func(*eureka.Registrar) {}))
		require.ErrorContains(t, app.Err(), want)
	}
}

func TestWithoutAPortNothingIsRegistered(t *testing.T) {
	server := eurekatest.NewServer(t)
	for _, one := range []struct {
		yaml string
		want bool
	}{{"", false}, {"eureka.instance.non-secure-port: 9090\n", true}} {
		cfg := configtest.FromYAML(t, "eureka.client.service-url.defaultZone: "+server.URL+"\nspring.application.name: worker\neureka.instance: {hostname: localhost, ip-address: 127.0.0.1, drain-period: 0}\n"+one.yaml)
		app := fxtest.New(t, fx.NopLogger, fx.Supply(cfg, slog.New(slog.DiscardHandler)), health.Module(cfg), eureka.Module(cfg), discovery.Root())
		app.RequireStart()
		if one.want {
			require.Eventually(t, func() bool { i := server.Only("worker"); return i != nil && i.Status == discovery.Up }, 5*time.Second, time.Millisecond)
		}
		app.RequireStop()
		require.Nil(t, server.Only("worker"))
		require.Equal(t, one.want, len(server.Writes()) > 0)
	}
}

func TestSwitchedOffNothingIsBuilt(t *testing.T) {
	for _, yaml := range []string{"eureka.client.enabled: false", "spring.cloud.discovery.enabled: false"} {
		cfg := configtest.FromYAML(t, yaml)
		require.NoError(t, fx.ValidateApp(fx.NopLogger, fx.Supply(cfg), eureka.Module(cfg), fx.Invoke(func(p struct {
			fx.In
			R *eureka.Registrar `optional:"true"`
		}) {
		})))
	}
}
