package starter

import (
	"go.uber.org/fx"

	"github.com/archimedes-go/archimedes/config"
	"github.com/archimedes-go/archimedes/modules/actuator"
	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/eureka"
	"github.com/archimedes-go/archimedes/modules/eurekaserver"
	"github.com/archimedes-go/archimedes/modules/health"
	"github.com/archimedes-go/archimedes/modules/invoker"
	"github.com/archimedes-go/archimedes/modules/loadbalancer"
	"github.com/archimedes-go/archimedes/modules/logging"
	"github.com/archimedes-go/archimedes/modules/ssl"
	"github.com/archimedes-go/archimedes/modules/telemetry"
	"github.com/archimedes-go/archimedes/modules/web"
)

// Join returns a bundle of bundles, in their order. Modules are bundles, too.
func Join(bundles ...func(*config.Config) fx.Option) func(*config.Config) fx.Option {
	return func(c *config.Config) fx.Option {
		options := make([]fx.Option, len(bundles))
		for i, bundle := range bundles {
			options[i] = bundle(c)
		}
		return fx.Options(options...)
	}
}

// base is what every program has.
var base = Join(logging.Module, telemetry.Module, health.Module, discovery.Module, ssl.Module)

// Service is a whole microservice: it serves HTTP with health and info, is traced, registers in Eureka and calls others by
// name. With eureka.server.enabled it is a Eureka server besides.
func Service(c *config.Config) fx.Option {
	return Join(base, web.Module, eureka.Module, eurekaserver.Module, loadbalancer.Module, invoker.Module, actuator.Module)(c)
}

// Web serves HTTP with health and info, without Eureka.
func Web(c *config.Config) fx.Option {
	return Join(base, web.Module, actuator.Module)(c)
}

// Client calls services by name, without serving or being registered.
func Client(c *config.Config) fx.Option {
	return Join(base, eureka.Module, loadbalancer.Module, invoker.Module)(c)
}

// Worker is [Client] for programs that work on their own, without a listener:
//
//	app.Run(starter.Worker, fx.Provide(app.AsRunner(newMigration), app.AsTask(newConsumer)))
//
// It ends when its runners and tasks have returned; see package app. It is registered only when eureka.instance.non-secure-port
// tells a port that something else listens on.
func Worker(c *config.Config) fx.Option { return Client(c) }

// EurekaServer is the embedded Eureka server as a program. Unlike in other bundles eureka.server.enabled is true by default, and
// the program is registered nowhere.
func EurekaServer(c *config.Config) fx.Option {
	c.Default("eureka.server.enabled", "true")
	c.Default("server.port", "8761")
	return Join(base, web.Module, eurekaserver.Module, actuator.Module)(c)
}
