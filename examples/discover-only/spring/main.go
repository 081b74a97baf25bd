// Command spring is discover-only by configuration: a program without a server that calls once and ends.
package main

import (
	"context"
	"embed"
	"fmt"

	"go.uber.org/fx"

	"github.com/archimedes-go/archimedes/app"
	"github.com/archimedes-go/archimedes/modules/invoker"
	"github.com/archimedes-go/archimedes/starter"
)

//go:embed application.yml
var settings embed.FS

func main() { app.Run(starter.Client, app.Embedded(settings), fx.Invoke(call)) }

func call(hooks fx.Lifecycle, rest *invoker.Client, end fx.Shutdowner) {
	hooks.Append(fx.StartHook(func() {
		go func() {
			text, err := invoker.DoService[string](context.Background(), rest, "OTHER-SERVICE-NAME", "/service/context/path")
			fmt.Println("result of other service:", text, err)
			_ = end.Shutdown()
		}()
	}))
}
