// Command https serves a page and a stream of prices over HTTPS and HTTP/2, and is called by name over TLS: certificates are
// settings.
package main

import (
	"context"
	"embed"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"
	"go.uber.org/fx"

	"github.com/archimedes-go/archimedes/app"
	"github.com/archimedes-go/archimedes/modules/web"
	"github.com/archimedes-go/archimedes/starter"
)

//go:embed application.yml static
var files embed.FS

func main() {
	app.Run(starter.Service, app.Embedded(files), fx.Provide(web.AsRoutes(newPrices)))
}

type prices struct{}

func newPrices() *prices { return &prices{} }

// Routes are beside the page, which is a file.
func (p *prices) Routes(e *echo.Echo) {
	e.GET("/prices", func(c echo.Context) error { return web.Events(c, p.follow(c.Request().Context())) })
	e.GET("/prices/:item", func(c echo.Context) error { return c.String(200, c.Param("item")+" costs "+price()) })
}

// follow sends a price every second until ctx ends: the browser left, or the program stops.
func (p *prices) follow(ctx context.Context) <-chan web.Event {
	events := make(chan web.Event)
	go func() {
		defer close(events)
		for {
			select {
			case events <- web.Event{Name: "price", Data: price()}:
			case <-ctx.Done():
				return
			}
			select {
			case <-time.After(time.Second):
			case <-ctx.Done():
				return
			}
		}
	}()
	return events
}

func price() string { return strconv.Itoa(90 + rand.IntN(20)) }
