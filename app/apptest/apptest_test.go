package apptest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"testing"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"
	"go.uber.org/fx"
	"go.uber.org/goleak"

	"github.com/archimedes-go/archimedes/app"
	"github.com/archimedes-go/archimedes/app/apptest"
	"github.com/archimedes-go/archimedes/config"
	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/invoker"
	"github.com/archimedes-go/archimedes/modules/web"
	"github.com/archimedes-go/archimedes/starter"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// store is what a program depends on.
type store interface{ stock(item string) int }

func newDatabase() (store, error) { return nil, errors.New("no database in tests") }

type fake map[string]int

func (f fake) stock(item string) int { return f[item] }

// inventory is routes over a store.
type inventory struct{ items store }

func newInventory(items store) *inventory { return &inventory{items} }

func (i *inventory) Routes(e *echo.Echo) {
	e.GET("/stock/:item", func(c echo.Context) error {
		return c.JSON(http.StatusOK, i.items.stock(c.Param("item")))
	})
}

// shop asks the inventory by name.
type shop struct{ rest *invoker.Client }

func newShop(rest *invoker.Client) *shop { return &shop{rest} }

func (s *shop) Routes(e *echo.Echo) {
	e.GET("/offer/:item", func(c echo.Context) error {
		stock, err := invoker.GetForObject[int](c.Request().Context(), s.rest, "http://inventory/stock/{item}", c.Param("item"))
		if err != nil {
			return err
		}
		return c.String(http.StatusOK, fmt.Sprintf("%d %ss", stock, c.Param("item")))
	})
}

func startInventory(t *testing.T, options ...apptest.Option) *apptest.App {
	return apptest.Start(t, starter.Service, append([]apptest.Option{
		apptest.YAML("spring.application.name: inventory"),
		apptest.Options(fx.Provide(newDatabase, web.AsRoutes(newInventory))),
		apptest.Replace[store](fake{"pear": 7}),
	}, options...)...)
}

func TestAnApplicationIsListedAsUpCalledByNameAndSeen(t *testing.T) {
	t.Parallel()
	a := startInventory(t)
	require.Equal(t, discovery.Up, a.Eureka.Only("inventory").Status)
	stock, err := invoker.GetForObject[int](t.Context(), a.Client, "http://inventory/stock/{item}", "pear")
	require.NoError(t, err)
	require.Equal(t, 7, stock)
	require.NotZero(t, a.AwaitSpan("GET /stock/:item").SpanContext.TraceID())
	require.Contains(t, a.AwaitLog("Started inventory in"), "[inventory]")
	status, _ := a.Get("/actuator/health/readiness")
	require.Equal(t, http.StatusOK, status)
	a.Stop()
	require.Nil(t, a.Eureka.Only("inventory"))
}

func TestTwoApplicationsMeetInOneEureka(t *testing.T) {
	t.Parallel()
	inventory := startInventory(t)
	a := apptest.Start(t, starter.Service, apptest.Eureka(inventory.Eureka), apptest.YAML("spring.application.name: shop"),
		apptest.Options(fx.Provide(web.AsRoutes(newShop))))
	status, offer := a.Get("/offer/pear")
	require.Equal(t, "200 7 pears", fmt.Sprint(status, " ", offer))
	call, served := a.AwaitSpan("GET /stock/{item}"), inventory.AwaitSpan("GET /stock/:item")
	require.Equal(t, call.SpanContext.SpanID(), served.Parent.SpanID())
	stock, err := invoker.GetForObject[int](t.Context(), a.Client, "http://inventory/stock/pear")
	require.NoError(t, err)
	require.Equal(t, 7, stock)
}

// settings reads keys of the running program.
type settings struct{ c *config.Config }

func newSettings(c *config.Config) *settings { return &settings{c} }

func (s *settings) Routes(e *echo.Echo) {
	e.GET("/:key", func(c echo.Context) error {
		value, _ := s.c.Lookup(c.Param("key"))
		return c.String(http.StatusOK, value)
	})
}

func TestFilesOfTheProgramCountBelowWhatTheTestSays(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, starter.Service, apptest.Dir("testdata/program"), apptest.YAML("farewell: so long"), apptest.Property("greeting.of.the.day", "good day"),
		apptest.Options(fx.Provide(web.AsRoutes(newSettings))))
	for key, want := range map[string]string{
		"spring.application.name": "shop", "greeting": "hello, test", "farewell": "so long", "greeting.of.the.day": "good day",
		"eureka.client.service-url.defaultZone": a.Eureka.URL, "server.port": "0",
	} {
		_, value := a.Get("/" + key)
		require.Equal(t, want, value, key)
	}
	require.NotEqual(t, a.URL, a.Management)
	require.NotEmpty(t, a.Eureka.Only("shop").Metadata)
	status, _ := a.Get(a.Management + "/actuator/health")
	require.Equal(t, http.StatusOK, status)
	a.AwaitSpan("GET /:key")
}

func TestAProgramWithoutEurekaIsCalledByItsName(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, starter.Web, apptest.YAML("spring.application.name: settings\ngreeting: hello"), apptest.Options(fx.Provide(web.AsRoutes(newSettings))))
	greeting, err := invoker.GetForObject[string](t.Context(), a.Client, "http://settings/greeting")
	require.NoError(t, err)
	require.Equal(t, "hello", greeting)
	require.Empty(t, a.Eureka.Requests())
}

func TestAProgramThatEndsIsRunToItsEnd(t *testing.T) {
	t.Parallel()
	var asked []string
	a, code := apptest.Run(t, starter.Worker, apptest.Options(fx.Provide(newDatabase, app.AsRunner(func(items store) app.Func {
		return func(context.Context) error {
			asked = append(asked, fmt.Sprint(items.stock("pear")))
			return nil
		}
	}))), apptest.Replace[store](fake{"pear": 7}))
	require.Zero(t, code)
	require.Equal(t, []string{"7"}, asked)
	require.Contains(t, a.Logs(), "nothing is left to do")
	require.Len(t, a.Spans(), 1)
}

// failing is a test that notes its end instead of ending.
type failing struct {
	testing.TB
	said string
}

func (f *failing) Helper() {}
func (f *failing) Fatalf(format string, args ...any) {
	f.said = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func TestAStartThatFailsEndsTheTestWithItsReport(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		option apptest.Option
		want   []string
	}{
		"a setting of the test":              {apptest.YAML("\nserver.port: soon"), []string{"server.port = soon from classpath:apptest/application-test.yml:2:14"}},
		"a replacement of what nobody needs": {apptest.Replace[store](fake{}), []string{"needs apptest_test.store, which nothing provides"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := &failing{TB: t}
			done := make(chan struct{})
			go func() {
				defer close(done)
				apptest.Start(f, starter.Service, test.option)
			}()
			<-done
			for _, want := range test.want {
				require.Contains(t, f.said, want)
			}
		})
	}
}

func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		a := apptest.Start(b, starter.Service, apptest.YAML("spring.application.name: shop"))
		b.StopTimer()
		a.Stop()
		b.StartTimer()
	}
}
