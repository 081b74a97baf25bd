package eurekaserver

import (
	"context"
	"log/slog"
	"net/http"

	"go.opentelemetry.io/otel/metric"
	"go.uber.org/fx"

	"github.com/archimedes-go/archimedes/config"
	"github.com/archimedes-go/archimedes/modules/eurekaserver/dashboard"
	"github.com/archimedes-go/archimedes/modules/eurekaserver/dashboard/traces"
	"github.com/archimedes-go/archimedes/modules/eurekaserver/registry"
	"github.com/archimedes-go/archimedes/modules/eurekaserver/rest"
	"github.com/archimedes-go/archimedes/modules/health"
	"github.com/archimedes-go/archimedes/modules/lifecycle"
	"github.com/archimedes-go/archimedes/modules/web"
)

// Module serves a registry at /eureka when eureka.server.enabled is true. It provides the [*registry.Registry]. It needs the
// modules web and health.
func Module(c *config.Config) fx.Option {
	if !c.Enabled("eurekaserver", "eureka.server.enabled", false) {
		return fx.Options()
	}
	return fx.Module("eurekaserver", fx.Provide(newConfig, newCallers, newFile, newUser, newGuard, newRegistry, newHandler,
		newDashboardConfig, newTraces, newDashboard, web.AsMount(newMount), web.AsMount(newDoubledMount), web.AsMount(newPage), web.AsMount(newBesidePage), web.AsMount(newLastPage), web.AsMount(newCollector), health.AsIndicator(newIndicator)))
}

func newConfig(c *config.Config) (registry.Config, error) {
	return config.Bind(c, "eureka.server", registry.DefaultConfig())
}

func newCallers(c *config.Config) (rest.Config, error) {
	return config.Bind(c, "eureka.server", rest.DefaultConfig())
}

func newFile(c *config.Config) (registry.FileConfig, error) {
	return config.Bind(c, "eureka.server.snapshot", registry.DefaultFileConfig())
}

func newUser(c *config.Config) (User, error) {
	return config.Bind(c, "spring.security.user", DefaultUser())
}

func newRegistry(cfg registry.Config, file registry.FileConfig, log *slog.Logger, hooks fx.Lifecycle) *registry.Registry {
	r := registry.New(cfg, registry.WithLogger(log))
	said := log.With("logger", "eureka.server")
	if cfg.SelfPreservation {
		said.Info("self-preservation is on: while many renewals fail to come, expired instances stay listed")
	} else {
		said.Info("self-preservation is off: instances that do not renew leave the list when their lease ends")
	}
	if file.File != "" {
		if err := r.Load(file.File); err != nil {
			said.Warn("the registry of the last run is not whole; what is missing registers again by itself", "error", err)
		}
		if n := r.Size(); n > 0 {
			said.Info("serving the registry of the last run until its instances are heard of", "instances", n, "file", file.File)
		}
		lifecycle.Run(hooks, log, "eureka server snapshot", func(ctx context.Context) error { return r.Keep(ctx, file) })
	}
	lifecycle.Run(hooks, log, "eureka server", r.Run)
	return r
}

type params struct {
	fx.In

	Config   rest.Config
	Registry *registry.Registry
	Meters   metric.MeterProvider `optional:"true"`
	Log      *slog.Logger
	Hooks    fx.Lifecycle
}

func newHandler(p params) (*rest.Handler, error) {
	h := rest.New(p.Registry, rest.WithConfig(p.Config), rest.WithLogger(p.Log))
	lifecycle.Run(p.Hooks, p.Log, "eureka server documents", h.Run)
	if p.Meters == nil {
		return h, nil
	}
	return h, observe(p.Meters, p.Registry, h)
}

// guard stands before whatever shows or changes the registry.
type guard func(http.Handler) http.Handler

// newGuard lets the user in, and nobody else when there is one; and no page of another site.
func newGuard(c *config.Config, user User) (guard, error) {
	browsers, err := config.Bind(c, "eureka.server", Browsers{})
	if err != nil {
		return nil, err
	}
	address, _ := c.Lookup("server.address")
	hostname, _ := c.Lookup("eureka.instance.hostname")
	own := browsers.own(address, hostname)
	return func(next http.Handler) http.Handler { return user.guard(own.guard(next, user)) }, nil
}

// newMount makes no spans: clients make none of their heartbeats, so that each would be a trace of its own.
func newMount(h *rest.Handler, behind guard) web.Mount {
	return web.Mount{Prefix: "/eureka", Handler: behind(h), Untraced: true}
}

// newDoubledMount serves //eureka, which is what clients ask that are given http://host:8761/ and /eureka/ apart.
func newDoubledMount(h *rest.Handler, behind guard) web.Mount {
	return web.Mount{Prefix: "//eureka", Handler: behind(h), Untraced: true}
}

func newDashboardConfig(c *config.Config) (dashboard.Config, error) {
	return config.Bind(c, "eureka.dashboard", dashboard.DefaultConfig())
}

// newTraces returns nil where no spans are taken.
func newTraces(cfg dashboard.Config) *traces.Store {
	if !cfg.Enabled || !cfg.Traces {
		return nil
	}
	return traces.New(cfg.TracesMaxSpans)
}

func newDashboard(cfg dashboard.Config, r *registry.Registry, t *traces.Store) *dashboard.Handler {
	return dashboard.New(r, dashboard.WithConfig(cfg), dashboard.WithTraces(t))
}

// newCollector takes spans. No user guards it, since exporters of a developer's machine know none: it answers nobody else.
func newCollector(t *traces.Store) web.Mount {
	if t == nil {
		return web.Mount{}
	}
	return web.Mount{Prefix: "/v1/traces", Handler: traces.NewHandler(t), Untraced: true}
}

// newPage shows the dashboard where the settings say, the root of the program. It makes no spans: one that shows spans would never
// come to rest.
func newPage(cfg dashboard.Config, h *dashboard.Handler, behind guard) web.Mount {
	if !cfg.Enabled || cfg.Path == besides || cfg.Path+"/" == besides {
		return web.Mount{}
	}
	return web.Mount{Prefix: cfg.Path, Handler: behind(h), Untraced: true}
}

// besides is where the dashboard is, wherever else it may be, with all that its page loads.
const besides = "/eureka-ui/"

func newBesidePage(cfg dashboard.Config, h *dashboard.Handler, behind guard) web.Mount {
	if !cfg.Enabled {
		return web.Mount{}
	}
	return web.Mount{Prefix: besides, Handler: behind(h), Untraced: true}
}

// newLastPage lists events where Eureka's own dashboard does.
func newLastPage(cfg dashboard.Config, h *dashboard.Handler, behind guard) web.Mount {
	if !cfg.Enabled {
		return web.Mount{}
	}
	return web.Mount{Prefix: "/lastn", Handler: behind(h), Untraced: true}
}

func newIndicator(r *registry.Registry) health.Indicator { return indicator(r) }
