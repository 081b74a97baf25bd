// Command spring is one-call by configuration: application.yml says what starter.Config said.
package main

import (
	"embed"
	"net/http"

	"github.com/labstack/echo/v4"
	"go.uber.org/fx"

	"github.com/archimedes-go/archimedes/app"
	"github.com/archimedes-go/archimedes/modules/invoker"
	"github.com/archimedes-go/archimedes/modules/web"
	"github.com/archimedes-go/archimedes/starter"
)

//go:embed application.yml
var settings embed.FS

func main() {
	app.Run(starter.Service, app.Embedded(settings), fx.Provide(web.AsRoutes(newOrders)))
}

type orders struct{ rest *invoker.Client }

func newOrders(rest *invoker.Client) *orders { return &orders{rest} }

func (o *orders) Routes(e *echo.Echo) {
	e.GET("/", func(c echo.Context) error { return c.String(http.StatusOK, "hello\n") })
	e.GET("/other", o.other)
}

func (o *orders) other(c echo.Context) error {
	result, err := invoker.DoService[string](c.Request().Context(), o.rest, "OTHER-SERVICE-NAME", "/service/context/path")
	if err != nil {
		return err
	}
	return c.String(http.StatusOK, "result of other service: "+result)
}
