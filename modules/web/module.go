package web

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/fx"

	"github.com/archimedes-go/archimedes/config"
	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/health"
	"github.com/archimedes-go/archimedes/modules/lifecycle"
	"github.com/archimedes-go/archimedes/modules/ssl"
	"github.com/archimedes-go/archimedes/modules/telemetry"
)

// Module provides the [*echo.Echo] and the [*Server] that serves it. It needs the modules health and telemetry. Nothing
// listens before [Root], which app.Run adds.
func Module(c *config.Config) fx.Option {
	if !enabled(c) {
		return fx.Options()
	}
	return fx.Module("web", fx.Provide(newConfig, newLasting, newUntraced, newStatic, newEchoFor, newServerFor))
}

func enabled(c *config.Config) bool {
	if kind, _ := c.Lookup("spring.main.web-application-type"); strings.EqualFold(kind, "none") {
		return c.Decided("web", false, "spring.main.web-application-type = none")
	}
	if port, _ := c.Lookup("server.port"); port == "-1" {
		return c.Decided("web", false, "server.port = -1")
	}
	return c.Enabled("web", "web.enabled", true)
}

// Root is the one hook that binds, registers, drains and removes. Put it after all other options, so that it starts last
// and stops first; app.Run does. In a program without the module it drives the registrations alone.
func Root() fx.Option {
	return fx.Invoke(func(p rootParams) {
		if p.Server == nil {
			if len(p.Routes) > 0 {
				p.Log.With("logger", "web").Warn("routes are ignored: this program has no web server", "routes", fmt.Sprintf("%T", p.Routes[0]))
			}
			discovery.Lead(p.Hooks, p.Registrations, p.Availability, p.Work, p.Log)
			return
		}
		assemble(p.Echo, p.Routes, p.Mounts, p.Files, p.Untraced, p.Log.With("logger", "web"))
		if p.Work != nil {
			p.Server.work = p.Work
		}
		p.Hooks.Append(fx.Hook{
			OnStart: p.Server.Start,
			OnStop:  func(ctx context.Context) error { p.Server.Stop(ctx); return nil },
		})
	})
}

type rootParams struct {
	fx.In

	Server        *Server                  `optional:"true"`
	Echo          *echo.Echo               `optional:"true"`
	Routes        []Routes                 `group:"web.routes"`
	Mounts        []Mount                  `group:"web.mounts"`
	Files         *static                  `optional:"true"`
	Untraced      untraced                 `optional:"true"`
	Registrations []discovery.Registration `group:"discovery.registrations"`
	Availability  *health.Availability     `optional:"true"`
	Work          lifecycle.Work           `optional:"true"`
	Hooks         fx.Lifecycle
	Log           *slog.Logger
}

// AsRoutes marks a constructor whose result adds routes to the server.
func AsRoutes(constructor any) any {
	return fx.Annotate(constructor, fx.As(new(Routes)), fx.ResultTags(`group:"web.routes"`))
}

// AsMount marks a constructor of a [Mount].
func AsMount(constructor any) any {
	return fx.Annotate(constructor, fx.ResultTags(`group:"web.mounts"`))
}

// AsListener marks a constructor of a [Listener].
func AsListener(constructor any) any {
	return fx.Annotate(constructor, fx.ResultTags(`group:"web.listeners"`))
}

// AsMiddleware marks a constructor of a [Middleware].
func AsMiddleware(constructor any) any {
	return fx.Annotate(constructor, fx.ResultTags(`group:"web.middleware"`))
}

// AsErrorHandler marks a constructor of the one [ErrorHandler]; two are an error.
func AsErrorHandler(constructor any) any {
	return fx.Annotate(constructor, fx.ResultTags(`group:"web.error-handlers"`))
}

func newConfig(c *config.Config) (Config, error) {
	cfg, err := config.Bind(c, "server", DefaultConfig())
	if err != nil {
		return cfg, err
	}
	if cfg.Servlet.ContextPath == "" {
		cfg.Servlet.ContextPath, _ = c.Lookup("spring.webflux.base-path")
	}
	if cfg.ForwardHeaders == "" && c.CloudPlatform() != "none" {
		cfg.ForwardHeaders = "native"
	}
	phase, lifecycleErr := config.Bind(c, "spring.lifecycle", lifetime{cfg.TimeoutPerPhase})
	async, asyncErr := config.Bind(c, "spring.mvc.async", asyncConfig{})
	problems, problemsErr := config.Bind(c, "spring.mvc.problemdetails", problemsConfig{Enabled: true})
	if reactive, set := c.Lookup("spring.webflux.problemdetails.enabled"); set && strings.EqualFold(reactive, "false") {
		problems.Enabled = false
	}
	cors, corsErr := config.Bind(c, "web.cors", defaultCORS())
	documents, documentsErr := config.Bind(c, "spring.web.error", defaultErrorConfig())
	cfg.TimeoutPerPhase, cfg.RequestTimeout, cfg.ProblemDetails, cfg.CORS, cfg.Error = phase.Phase, async.RequestTimeout, problems.Enabled, cors, documents
	return cfg, errors.Join(lifecycleErr, asyncErr, problemsErr, corsErr, documentsErr)
}

// lifetime is the part of "spring.lifecycle" that matters to requests in flight.
type lifetime struct {
	Phase time.Duration `config:"timeout-per-shutdown-phase"`
}

// asyncConfig is "spring.mvc.async".
type asyncConfig struct {
	RequestTimeout time.Duration `config:"request-timeout"` // after which the context of a request ends, unless it asks for a stream; 0 is never; default never
}

// Validate reports everything that cannot work.
func (c asyncConfig) Validate() error {
	if c.RequestTimeout < 0 {
		return config.FieldError{Key: "request-timeout", Problem: "must not be negative"}
	}
	return nil
}

// problemsConfig is "spring.mvc.problemdetails".
type problemsConfig struct {
	Enabled bool `config:"enabled"` // errors are problem documents (RFC 9457), not Spring's default error documents; default true (Spring: false)
}

type echoParams struct {
	fx.In

	Config     Config
	Files      *static
	Lasting    *lasting
	Untraced   untraced
	Tracers    trace.TracerProvider
	Propagator propagation.TextMapPropagator
	Middleware []Middleware   `group:"web.middleware"`
	OnError    []ErrorHandler `group:"web.error-handlers"`
	Log        *slog.Logger
}

func newEchoFor(p echoParams) (*echo.Echo, error) {
	if len(p.OnError) > 1 {
		return nil, fmt.Errorf("web: %d error handlers are provided; keep one of the constructors marked with web.AsErrorHandler", len(p.OnError))
	}
	var onError ErrorHandler
	if len(p.OnError) == 1 {
		onError = p.OnError[0]
	}
	return newEcho(p.Config, p.Lasting, telemetry.NewServerTracer(p.Tracers, p.Propagator), p.Untraced, p.Log.With("logger", "web"), onError, p.Middleware, p.Files), nil
}

type serverParams struct {
	fx.In

	Config        Config
	Echo          *echo.Echo
	Lasting       *lasting
	Bundles       *ssl.Bundles `optional:"true"`
	Settings      *config.Config
	Listeners     []Listener               `group:"web.listeners"`
	Registrations []discovery.Registration `group:"discovery.registrations"`
	Availability  *health.Availability
	Log           *slog.Logger
	Shutdowner    fx.Shutdowner
}

func newServerFor(p serverParams) (*Server, error) {
	var secure *tls.Config
	if p.Config.SSL.On() {
		bundles, err := ssl.From(p.Bundles, p.Settings, p.Log)
		if err != nil {
			return nil, err
		}
		if secure, err = bundles.Server("server.ssl", p.Config.SSL, p.Config.nextProtocols()...); err != nil {
			return nil, err
		}
	}
	handler := limitHeader(int(p.Config.MaxHeader), under(p.Config.contextPath(), p.Echo, failing(p.Echo, echo.ErrNotFound)),
		failing(p.Echo, echo.NewHTTPError(http.StatusRequestHeaderFieldsTooLarge)))
	return newServer(p.Config, handler, p.Lasting, secure, p.Listeners, p.Registrations, p.Availability, p.Log, func() {
		_ = p.Shutdowner.Shutdown(fx.ExitCode(1)) // an error means that the program ends already
	}), nil
}
