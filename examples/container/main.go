// Command container is a service as it runs in a container: one static file, process 1 of an empty image, with probes on a port of
// its own, that tells the time in any zone.
package main

import (
	"embed"
	"net/http"
	"time"
	_ "time/tzdata" // an image made from scratch has no zones

	"github.com/labstack/echo/v4"
	"go.uber.org/fx"

	"github.com/archimedes-go/archimedes/app"
	"github.com/archimedes-go/archimedes/modules/web"
	"github.com/archimedes-go/archimedes/starter"
)

//go:embed application.yml
var files embed.FS

func main() {
	app.Run(starter.Service, app.Embedded(files), fx.Provide(web.AsRoutes(newClock)))
}

// clock tells the time.
type clock struct{}

func newClock() *clock { return &clock{} }

// Routes adds /time/{zone}, such as /time/Europe/Berlin.
func (c *clock) Routes(e *echo.Echo) { e.GET("/time/*", c.tell) }

func (c *clock) tell(r echo.Context) error {
	zone, err := time.LoadLocation(r.Param("*"))
	if err != nil {
		return web.NewProblem(http.StatusNotFound, "There is no zone "+r.Param("*")+".")
	}
	return r.String(http.StatusOK, time.Now().In(zone).Format(time.RFC3339)+"\n")
}
