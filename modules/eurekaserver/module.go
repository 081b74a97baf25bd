package eurekaserver

import (
	"log/slog"

	"go.uber.org/fx"

	"github.com/archimedes-go/archimedes/config"
	"github.com/archimedes-go/archimedes/modules/eurekaserver/registry"
	"github.com/archimedes-go/archimedes/modules/eurekaserver/rest"
	"github.com/archimedes-go/archimedes/modules/lifecycle"
	"github.com/archimedes-go/archimedes/modules/web"
)

// Module serves a registry at /eureka when eureka.server.enabled is true. It needs the module web.
func Module(c *config.Config) fx.Option {
	if !c.Enabled("eurekaserver", "eureka.server.enabled", false) {
		return fx.Options()
	}
	return fx.Module("eurekaserver", fx.Provide(newConfig, newRegistry, web.AsMount(newMount)))
}

func newConfig(c *config.Config) (registry.Config, error) {
	return config.Bind(c, "eureka.server", registry.DefaultConfig())
}

func newRegistry(cfg registry.Config, log *slog.Logger, hooks fx.Lifecycle) *registry.Registry {
	r := registry.New(cfg, registry.WithLogger(log))
	lifecycle.Run(hooks, log, "eureka server", r.Run)
	if cfg.SelfPreservation {
		log.With("logger", "eureka.server").Info("self-preservation is on: when many renewals fail to come, expired instances stay listed")
	}
	return r
}

func newMount(r *registry.Registry) web.Mount {
	return web.Mount{Prefix: "/eureka", Handler: rest.New(r)}
}
