// Command spring is high-availability by configuration: application.yml says which service is called how.
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

func main() { app.Run(starter.Service, app.Embedded(settings), fx.Provide(web.AsRoutes(newFront))) }

type front struct{ rest *invoker.Client }

func newFront(rest *invoker.Client) *front { return &front{rest} }

func (f *front) Routes(e *echo.Echo) {
	e.GET("/", func(c echo.Context) error {
		answer, err := invoker.GetForObject[string](c.Request().Context(), f.rest, "http://other-service-name/service/context/path")
		if err != nil {
			return err
		}
		return c.String(http.StatusOK, answer)
	})
}
