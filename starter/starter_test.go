package starter_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"
	"go.uber.org/fx"
	"go.uber.org/goleak"

	"github.com/archimedes-go/archimedes/app/apptest"
	"github.com/archimedes-go/archimedes/config"
	"github.com/archimedes-go/archimedes/config/configtest"
	"github.com/archimedes-go/archimedes/modules/eureka/eurekatest"
	"github.com/archimedes-go/archimedes/modules/invoker"
	"github.com/archimedes-go/archimedes/modules/web"
	"github.com/archimedes-go/archimedes/starter"
)

func TestMain(m *testing.M) {
	if program, ok := programs[os.Getenv(helperVariable)]; ok { // this test binary as a process of its own
		program()
		return
	}
	goleak.VerifyTestMain(m)
}

func TestEveryBundleWiresWithEveryCombinationOfSwitches(t *testing.T) {
	switches := []string{
		"eureka.client.enabled: false", "eureka.client.fetch-registry: false", "eureka.client.register-with-eureka: false",
		"eureka.server.enabled: true", "spring.cloud.loadbalancer.enabled: false", "management.opentelemetry.enabled: false",
		"spring.main.web-application-type: none", "management.server.port: -1",
	}
	bundles := map[string]func(*config.Config) fx.Option{
		"Service": starter.Service, "Web": starter.Web, "Client": starter.Client, "Worker": starter.Worker, "EurekaServer": starter.EurekaServer,
	}
	for name, bundle := range bundles {
		for combination := range 1 << len(switches) {
			var yaml strings.Builder
			for n, one := range switches {
				if combination&(1<<n) != 0 {
					yaml.WriteString(one + "\n")
				}
			}
			cfg := configtest.FromYAML(t, yaml.String())
			err := fx.ValidateApp(fx.NopLogger, fx.Supply(cfg, slog.New(slog.DiscardHandler)), bundle(cfg), web.Root())
			require.NoError(t, err, "%s with\n%s", name, yaml.String())
		}
	}
}

// greeter calls itself by name.
type greeter struct{ rest *invoker.Client }

func (g *greeter) Routes(e *echo.Echo) {
	e.GET("/hello", func(c echo.Context) error { return c.String(http.StatusOK, "hello") })
	e.GET("/call/:service", func(c echo.Context) error {
		answer, err := invoker.GetForObject[string](c.Request().Context(), g.rest, "http://{service}/hello", c.Param("service"))
		if err != nil {
			return err
		}
		return c.String(http.StatusOK, answer)
	})
}

func TestAServiceIsRegisteredFoundCalledAndGone(t *testing.T) {
	server := eurekatest.NewServer(t)
	yaml := fmt.Sprintf("spring.application.name: greeter\neureka.client: {service-url: {defaultZone: %s}, registry-fetch-interval-seconds: 1}\n", server.URL)
	shop := apptest.Start(t, starter.Service, apptest.YAML(yaml), apptest.Options(fx.Provide(web.AsRoutes(func(rest *invoker.Client) *greeter { return &greeter{rest} }))))
	require.Eventually(t, func() bool { i := server.Only("greeter"); return i != nil && i.Status.String() == "UP" }, 5*time.Second, time.Millisecond)
	require.Equal(t, shop.Port, server.Only("greeter").Port.Number)
	require.Eventually(t, func() bool { status, body := shop.Get("/call/greeter"); return status == 200 && body == "hello" }, 5*time.Second, 10*time.Millisecond)
	status, body := shop.Get("/call/nobody")
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Contains(t, body, "traceId")
	status, body = shop.Get("/actuator/health")
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, `{"groups":["liveness","readiness"],"status":"UP"}`, body)
	for _, path := range []string{"/actuator/health/liveness", "/actuator/health/readiness", "/actuator/info", "/actuator"} {
		status, _ = shop.Get(path)
		require.Equal(t, http.StatusOK, status, path)
	}
	shop.Stop()
	require.Nil(t, server.Only("greeter"))
	writes := server.Writes()
	require.Equal(t, []string{"POST apps/GREETER", "DELETE apps/GREETER/" + fmt.Sprintf("localhost:greeter:%d", shop.Port)}, writes[len(writes)-2:])
}

func TestTheManagementPortIsAListenerOfItsOwn(t *testing.T) {
	server := eurekatest.NewServer(t)
	shop := apptest.Start(t, starter.Service, apptest.YAML("spring.application.name: shop\nmanagement.server: {port: 0, address: 127.0.0.1}\neureka.client.service-url.defaultZone: "+server.URL))
	status, _ := shop.Get("/actuator/health")
	require.Equal(t, http.StatusNotFound, status)
	require.Eventually(t, func() bool { return server.Only("shop") != nil }, 5*time.Second, time.Millisecond)
	health := server.Only("shop").HealthCheckURL
	require.NotContains(t, health, fmt.Sprint(":", shop.Port, "/"))
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get(health)
	require.NoError(t, err)
	response.Body.Close()
	require.Equal(t, http.StatusOK, response.StatusCode)
}

func TestAUsersStartHookDelaysTheRegistration(t *testing.T) {
	server := eurekatest.NewServer(t)
	seen := -1
	slow := fx.Invoke(func(hooks fx.Lifecycle) {
		hooks.Append(fx.StartHook(func() { time.Sleep(50 * time.Millisecond); seen = len(server.Writes()) }))
	})
	apptest.Start(t, starter.Service, apptest.YAML("spring.application.name: slow\neureka.client.service-url.defaultZone: "+server.URL), apptest.Options(slow))
	require.Zero(t, seen, "nobody sees UP before the hook has ended")
	require.Eventually(t, func() bool { return server.Only("slow") != nil }, 5*time.Second, time.Millisecond)
}

func TestAnEurekaServerNeedsNothing(t *testing.T) {
	server := apptest.Start(t, starter.EurekaServer)
	status, body := server.Get("/eureka/apps")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, body, "<applications>")
}
