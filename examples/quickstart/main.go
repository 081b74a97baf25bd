// Command quickstart shows the whole idea in one process: a Eureka server, two instances of inventory, and orders, which calls
// inventory by name. A real program is one of these, with a main of one line.
package main

import (
	"context"
	"log/slog"
	"os"
	"strings"

	"go.uber.org/fx"

	"github.com/archimedes-go/archimedes/app"
	"github.com/archimedes-go/archimedes/config"
	"github.com/archimedes-go/archimedes/modules/web"
	"github.com/archimedes-go/archimedes/starter"
)

// everywhere is what the applications share. They see the ports among the arguments, and nothing else from outside.
var everywhere = map[string]string{
	"server.address":                                       "127.0.0.1",
	"eureka.instance.hostname":                             "localhost",
	"eureka.instance.ip-address":                           "127.0.0.1",
	"eureka.instance.drain-period":                         "0",
	"eureka.client.service-url.defaultZone":                "http://127.0.0.1:${quickstart.eureka-port:8761}/eureka/",
	"eureka.client.registry-fetch-interval-seconds":        "1",
	"eureka.instance.lease-renewal-interval-in-seconds":    "5",
	"eureka.instance.lease-expiration-duration-in-seconds": "15",
	"management.tracing.sampling.probability":              "1.0",
	// The server's dashboard shows the calls, soon after they were made.
	"management.opentelemetry.tracing.export.otlp.endpoint":  "http://127.0.0.1:${quickstart.eureka-port:8761}/v1/traces",
	"management.opentelemetry.tracing.export.schedule-delay": "500ms",
}

// spec is one of the applications.
func spec(bundle app.Bundle, properties map[string]string, options ...fx.Option) app.Spec {
	all := map[string]string{}
	for _, from := range []map[string]string{everywhere, properties} {
		for key, value := range from {
			all[key] = value
		}
	}
	return app.Spec{Bundle: bundle, Args: portsOf(os.Args[1:]), NoFiles: true, Properties: all, Options: options}
}

func main() {
	inventory := spec(starter.Service, map[string]string{"spring.application.name": "inventory", "server.port": "0"},
		fx.Provide(web.AsRoutes(newInventory)))
	os.Exit(app.RunAll(context.Background(),
		spec(starter.EurekaServer, map[string]string{
			"spring.application.name": "eureka", "server.port": "${quickstart.eureka-port:8761}",
			"eureka.dashboard.traces":           "true",
			"management.tracing.export.enabled": "false", // nothing that it serves is part of a call
		}),
		inventory, inventory, // the same program twice
		spec(starter.Service, map[string]string{"spring.application.name": "orders", "server.port": "${quickstart.orders-port:8080}"},
			fx.Provide(web.AsRoutes(newOrders)), fx.Invoke(tell)),
	))
}

// tell prints what is worth opening.
func tell(c *config.Config, hooks fx.Lifecycle, log *slog.Logger) {
	registry, _ := c.Lookup("eureka.client.service-url.defaultZone")
	port, _ := c.Lookup("server.port")
	hooks.Append(fx.StartHook(func() {
		log.Info("Worth opening:")
		log.Info("  an order, with stock fetched by name:  http://localhost:" + port + "/orders/42")
		log.Info("  who is registered:                     " + registry + "apps")
		log.Info("  who calls whom:                        " + strings.TrimSuffix(registry, "eureka/") + "eureka-ui/traces")
		log.Info("  the health of orders:                  http://localhost:" + port + "/actuator/health")
	}))
}

// portsOf keeps the arguments that say where the quickstart listens.
func portsOf(args []string) []string {
	var ports []string
	for _, arg := range args {
		if strings.HasPrefix(arg, "--quickstart.") {
			ports = append(ports, arg)
		}
	}
	return ports
}
