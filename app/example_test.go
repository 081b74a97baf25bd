package app_test

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/labstack/echo/v4"
	"go.uber.org/fx"

	"github.com/archimedes-go/archimedes/app"
	"github.com/archimedes-go/archimedes/modules/web"
	"github.com/archimedes-go/archimedes/starter"
)

// greetings is routes of a program.
type greetings struct{}

func (greetings) Routes(e *echo.Echo) {
	e.GET("/hello", func(c echo.Context) error { return c.String(http.StatusOK, "hello") })
}

func ExampleNew() {
	var server *web.Server
	shop := app.New(app.Spec{
		Bundle: starter.Web, NoFiles: true, Stdout: io.Discard,
		Properties: map[string]string{"server.port": "0", "server.address": "127.0.0.1"},
		Options:    []fx.Option{fx.Provide(web.AsRoutes(func() greetings { return greetings{} })), fx.Populate(&server)},
	})
	if err := shop.Start(context.Background()); err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = shop.Stop(context.Background()) }()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get(server.URL() + "/hello")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	fmt.Println(string(body))
	// Output: hello
}
