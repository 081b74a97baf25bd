// Command eureka-server is the embedded Eureka server as a program of its own, for development, tests and small estates.
package main

import (
	"embed"

	"github.com/archimedes-go/archimedes/app"
	"github.com/archimedes-go/archimedes/starter"
)

//go:embed application.yml
var files embed.FS

func main() { app.Run(starter.EurekaServer, app.Embedded(files)) }
