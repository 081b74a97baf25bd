// Command greeter is a service in one line: what it is called, where it listens and which Eureka server knows it are
// settings.
package main

import (
	"embed"

	"go.uber.org/fx"

	"github.com/archimedes-go/archimedes/app"
	"github.com/archimedes-go/archimedes/modules/web"
	"github.com/archimedes-go/archimedes/starter"
)

//go:embed application.yml
var files embed.FS

func main() {
	app.Run(starter.Service, app.Embedded(files), fx.Provide(web.AsRoutes(newGreeter)))
}
