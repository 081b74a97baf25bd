package invoker_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"
	"go.uber.org/fx"
	"go.uber.org/fx/fxtest"

	"github.com/archimedes-go/archimedes/config/configtest"
	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/health"
	"github.com/archimedes-go/archimedes/modules/invoker"
	"github.com/archimedes-go/archimedes/modules/loadbalancer"
	"github.com/archimedes-go/archimedes/modules/telemetry"
	"github.com/archimedes-go/archimedes/modules/web"
)

// relay serves /relay by a call of stock.
type relay struct{ rest *invoker.Client }

func (r relay) Routes(e *echo.Echo) {
	e.GET("/relay", func(c echo.Context) error {
		rest := r.rest
		if own := c.QueryParam("own"); own != "" {
			rest = rest.With(invoker.Header("X-Tenant", own))
		}
		body, err := invoker.GetForObject[string](c.Request().Context(), rest, "http://stock/")
		if err != nil {
			return err
		}
		return c.String(http.StatusOK, body)
	})
}

func TestChosenHeadersDeadlineAndBaggageOfTheRequestServedArePassedOn(t *testing.T) {
	n := startNode(t, func(w http.ResponseWriter, r *http.Request) {
		if left, err := strconv.Atoi(r.Header.Get("X-Time-Left")); err == nil && 0 < left && left <= 5000 {
			r.Header.Set("X-Time-Left", "up to 5000")
		}
		fmt.Fprint(w, r.Header["X-Tenant"], r.Header["X-Locale"], r.Header["X-Secret"], r.Header["Baggage"], r.Header["X-Time-Left"])
	})
	cfg := configtest.FromYAML(t, `
server: {port: 0, address: 127.0.0.1, deadline-header: X-Time-Left}
spring:
  http.clients: {pass-headers: [x-tenant, X-Locale], deadline-header: X-Time-Left}
  cloud.discovery.client.simple.instances.stock[0].uri: `+n.URL)
	var server *web.Server
	app := fxtest.New(t, fx.NopLogger, fx.Supply(cfg, slog.New(slog.DiscardHandler)), telemetry.Module(cfg), health.Module(cfg), web.Module(cfg),
		discovery.Module(cfg), loadbalancer.Module(cfg), invoker.Module(cfg),
		fx.Provide(web.AsRoutes(func(rest *invoker.Client) relay { return relay{rest} })), fx.Populate(&server), web.Root())
	app.RequireStart()
	defer app.RequireStop()
	p := invoker.NewPlain(invoker.DefaultConfig())
	defer p.CloseIdleConnections()
	with := http.Header{"X-Tenant": {"blue", "green"}, "X-Locale": {"de"}, "X-Secret": {"s"}, "Baggage": {"shop=7"}, "X-Time-Left": {"5000"}}
	for name, tc := range map[string]struct {
		path   string
		header http.Header
		want   string
	}{
		"all":          {"/relay", with, "[blue green] [de] [] [shop=7] [up to 5000]"},
		"its own":      {"/relay?own=red", with, "[red] [de] [] [shop=7] [up to 5000]"},
		"none":         {"/relay", nil, "[] [] [] [] []"},
		"no deadline":  {"/relay", http.Header{"X-Time-Left": {"soon"}}, "[] [] [] [] []"},
		"no more time": {"/relay", http.Header{"X-Time-Left": {"-1"}}, "[] [] [] [] []"},
	} {
		entity, err := invoker.Exchange[string](t.Context(), p, http.MethodGet, server.URL()+tc.path, invoker.Request{Header: tc.header})
		require.NoError(t, err, name)
		require.Equal(t, tc.want, entity.Body, name)
	}
}

func TestACallEndsWithTheTimeOfTheRequestServed(t *testing.T) {
	release := make(chan struct{})
	n := startNode(t, func(http.ResponseWriter, *http.Request) { <-release })
	defer close(release)
	cfg := configtest.FromYAML(t, "server: {port: 0, address: 127.0.0.1, deadline-header: X-Time-Left}\nspring.cloud.discovery.client.simple.instances.stock[0].uri: "+n.URL)
	var server *web.Server
	app := fxtest.New(t, fx.NopLogger, fx.Supply(cfg, slog.New(slog.DiscardHandler)), telemetry.Module(cfg), health.Module(cfg), web.Module(cfg),
		discovery.Module(cfg), loadbalancer.Module(cfg), invoker.Module(cfg),
		fx.Provide(web.AsRoutes(func(rest *invoker.Client) relay { return relay{rest} })), fx.Populate(&server), web.Root())
	app.RequireStart()
	defer app.RequireStop()
	p := invoker.NewPlain(invoker.DefaultConfig())
	defer p.CloseIdleConnections()
	_, err := invoker.Exchange[string](t.Context(), p.With(invoker.Timeout(10*time.Second)), http.MethodGet, server.URL()+"/relay", invoker.Request{Header: http.Header{"X-Time-Left": {"50"}}})
	require.ErrorIs(t, err, invoker.Status(http.StatusGatewayTimeout))
}
