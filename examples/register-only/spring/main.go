// Command spring is register-only by configuration.
package main

import (
	"embed"
	"net/http"

	"github.com/labstack/echo/v4"
	"go.uber.org/fx"

	"github.com/archimedes-go/archimedes/app"
	"github.com/archimedes-go/archimedes/modules/web"
	"github.com/archimedes-go/archimedes/starter"
)

//go:embed application.yml
var settings embed.FS

func main() {
	app.Run(starter.Service, app.Embedded(settings), fx.Provide(web.AsRoutes(func() hello { return hello{} })))
}

type hello struct{}

func (hello) Routes(e *echo.Echo) {
	e.GET("/", func(c echo.Context) error { return c.String(http.StatusOK, "hello\n") })
}
